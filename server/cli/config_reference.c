#include "server/cli/cli.h"
#include "server/gateway/config.h"

int gw_cli_config_reference(const struct gw_cli *cli, int argc, char **argv)
{
    if (argc > 1)
        return gw_cli_usage_error(cli, argv[0], "takes no arguments");
    gw_config_reference_print(cli->out, cli->filters);
    return GW_EXIT_OK;
}
