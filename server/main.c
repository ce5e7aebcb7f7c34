/* The program: gives the table of policies to the command line. The only file in server/ that knows
 * that there are policies. */
#include <stdio.h>

#include "policies/policies.h"
#include "server/cli/command.h"

int main(int argc, char **argv)
{
    const struct gw_cli cli = {.filters = gw_policies, .out = stdout, .err = stderr};
    int code = gw_command_run(&cli, argc, argv);

    /* A result that did not reach the disk or the pipe is no result. */
    if (fflush(stdout) != 0 && code == GW_EXIT_OK) {
        perror("millgate: standard output");
        code = GW_EXIT_PROBLEM;
    }
    return code;
}
