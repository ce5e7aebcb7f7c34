#include "server/cli/cli.h"
#include "server/gateway/server.h"

int gw_cli_serve(const struct gw_cli *cli, int argc, char **argv)
{
    const char *path = NULL;
    const struct gw_cli_option options[] = {
        {.name = "config", .letter = 'c', .value = &path},
        {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count > 0)
        return gw_cli_usage_error(cli, argv[0], "unexpected argument \"%s\"", argv[1]);
    if (path == NULL)
        return gw_cli_usage_error(cli, argv[0], "the configuration is missing: -c FILE");
    const struct gw_server_options server = {.config_path = path, .filters = cli->filters};
    return gw_server_run(&server);
}
