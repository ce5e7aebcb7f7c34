#include "server/cli/cli.h"

int gw_cli_version(const struct gw_cli *cli, int argc, char **argv)
{
    if (argc > 1)
        return gw_cli_usage_error(cli, argv[0], "takes no arguments");
    fprintf(cli->out, "millgate %s\n", MILLGATE_VERSION);
    return GW_EXIT_OK;
}
