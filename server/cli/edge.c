/* millgate edge: the edge, its check, and its manual. */
#include <string.h>

#include "server/cli/cli.h"
#include "server/gateway/edge.h"
#include "server/gateway/edge_config.h"

static int check(const struct gw_cli *cli, const char *path)
{
    struct gw_edge_config *config = NULL;
    struct gw_diagnostics diagnostics;

    gw_diagnostics_init(&diagnostics);
    int rc = gw_edge_config_load(path, NULL, &diagnostics, &config);
    gw_diagnostics_print(&diagnostics, cli->err);
    gw_diagnostics_finish(&diagnostics);
    gw_edge_config_destroy(config);
    if (rc == 0)
        fprintf(cli->out, "%s: no problems\n", path);
    return rc == 0 ? GW_EXIT_OK : GW_EXIT_PROBLEM;
}

int gw_cli_edge(const struct gw_cli *cli, int argc, char **argv)
{
    const char *path = NULL;
    bool is_check = false, is_reference = false;
    const struct gw_cli_option options[] = {
        {.name = "config", .letter = 'c', .value = &path},
        {.name = "check", .flag = &is_check},
        {.name = "reference", .flag = &is_reference},
        {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (is_reference) {
        gw_edge_config_reference_print(cli->out);
        return GW_EXIT_OK;
    }
    if (count > 0)
        return gw_cli_usage_error(cli, argv[0], "unexpected argument \"%s\"", argv[1]);
    if (path == NULL)
        path = "edge.yaml";
    return is_check ? check(cli, path) : gw_edge_run(path);
}
