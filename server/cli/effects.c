/* The command over effects that are in doubt: effects. */
#include <string.h>

#include "server/cli/admin_show.h"
#include "server/core/buf.h"

#define MAX_QUERY_BYTES 8192

struct effects_options {
    struct gw_cli_admin admin;
    const char *backend, *key, *outcome, *result;
};

static int effects_list(const struct gw_cli *cli, const struct effects_options *options)
{
    static const char *const columns[] = {"since",    "state", "class", "backend",
                                          "function", "key",   NULL};
    struct gw_buf query;

    gw_buf_init(&query, MAX_QUERY_BYTES);
    gw_cli_append_query(&query, "backend", options->backend);
    gw_buf_append_byte(&query, '\0');
    int code = query.has_failed ? GW_EXIT_PROBLEM
                                : gw_cli_list(cli, &options->admin, "/effects", query.ptr, columns);
    gw_buf_finish(&query);
    return code;
}

static int effects_resolve(const struct gw_cli *cli, const struct effects_options *options)
{
    json_t *body = json_object();
    json_error_t error;

    gw_cli_set(body, "backend", options->backend);
    gw_cli_set(body, "key", options->key);
    gw_cli_set(body, "outcome", options->outcome);
    if (options->result != NULL) {
        json_t *result = json_loads(options->result, JSON_DECODE_ANY, &error);
        if (result == NULL) {
            json_decref(body);
            return gw_cli_usage_error(cli, "effects", "--result is no JSON: %s", error.text);
        }
        json_object_set_new(body, "result", result);
    }
    return gw_cli_put(cli, &options->admin, "/effects/resolve", NULL, body, NULL);
}

int gw_cli_effects(const struct gw_cli *cli, int argc, char **argv)
{
    struct effects_options effects = {0};
    const struct gw_cli_option options[] = {
        GW_CLI_ADMIN_OPTIONS(&effects.admin),
        {.name = "backend", .value = &effects.backend},
        {.name = "key", .value = &effects.key},
        {.name = "outcome", .value = &effects.outcome},
        {.name = "result", .value = &effects.result},
        {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count == 1 && strcmp(argv[1], "list") == 0)
        return effects_list(cli, &effects);
    if (count != 1 || strcmp(argv[1], "resolve") != 0)
        return gw_cli_usage_error(cli, argv[0], "one of list and resolve is wanted");
    if (effects.backend == NULL || effects.key == NULL || effects.outcome == NULL)
        return gw_cli_usage_error(cli, argv[0], "--backend, --key and --outcome are wanted");
    return effects_resolve(cli, &effects);
}
