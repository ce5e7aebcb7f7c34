#include "server/cli/cli.h"
#include "server/core/diagnostic.h"
#include "server/gateway/snapshot.h"

static void print_summary(const struct gw_cli *cli, const char *path,
                          const struct gw_snapshot *snapshot)
{
    fprintf(
        cli->out,
        "%s: %zu contracts, %zu operations, %zu flows, %zu backends, %zu policies: no problems\n",
        path, snapshot->contract_count, snapshot->service_count, snapshot->flow_count,
        snapshot->backend_count, snapshot->config->policy_count);
}

/* Does all that `serve` would before it listens, and what a reload would. */
static int check(const struct gw_cli *cli, const char *path, struct gw_diagnostics *diagnostics)
{
    struct gw_snapshot *snapshot = NULL;

    if (gw_snapshot_check(path, cli->filters, diagnostics, &snapshot) != 0)
        return GW_EXIT_PROBLEM;
    print_summary(cli, path, snapshot);
    gw_snapshot_destroy(snapshot);
    return GW_EXIT_OK;
}

int gw_cli_check(const struct gw_cli *cli, int argc, char **argv)
{
    struct gw_diagnostics diagnostics;
    const char *path = NULL;
    int code = gw_cli_config_path(cli, argc, argv, &path);

    if (code != GW_EXIT_OK)
        return code;
    gw_diagnostics_init(&diagnostics);
    code = check(cli, path, &diagnostics);
    gw_diagnostics_print(&diagnostics, cli->err);
    gw_diagnostics_finish(&diagnostics);
    return code;
}
