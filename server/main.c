/* The program: gives the table of policies, and the commands that some of them bring, to the
 * command line. The only file in server/ that knows that there are policies. */
#include <stdio.h>

#include "policies/jwt/token_command.h"
#include "policies/policies.h"
#include "server/cli/command.h"

static int run_token(const struct gw_cli *cli, int argc, char **argv)
{
    (void)cli;
    return token_command(argc, argv);
}

int main(int argc, char **argv)
{
    const struct gw_command commands[] = {
        {"token", "make a token of the development issuer, or verify one", run_token,
         token_command_usage},
        {NULL, NULL, NULL, NULL},
    };
    const struct gw_cli cli = {
        .filters = gw_policies, .more = commands, .out = stdout, .err = stderr};
    int code = gw_command_run(&cli, argc, argv);

    /* A result that did not reach the disk or the pipe is no result. */
    if (fflush(stdout) != 0 && code == GW_EXIT_OK) {
        perror("millgate: standard output");
        code = GW_EXIT_PROBLEM;
    }
    return code;
}
