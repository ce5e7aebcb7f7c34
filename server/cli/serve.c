#include "server/cli/cli.h"
#include "server/gateway/server.h"

int gw_cli_serve(const struct gw_cli *cli, int argc, char **argv)
{
    const char *path = NULL;
    int code = gw_cli_config_path(cli, argc, argv, &path);

    if (code != GW_EXIT_OK)
        return code;
    const struct gw_server_options server = {.config_path = path, .filters = cli->filters};
    return gw_server_run(&server);
}
