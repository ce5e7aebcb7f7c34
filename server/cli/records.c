/* The commands over records: key, revoke, revocations, consumer. */
#include <string.h>

#include "server/cli/admin_show.h"
#include "server/core/buf.h"

#define MAX_QUERY_BYTES 8192

/* --- key --- */

struct key_options {
    struct gw_cli_admin admin;
    const char *consumer, *scheme, *scopes, *plan, *expires, *note;
};

static int key_create(const struct gw_cli *cli, const struct key_options *options)
{
    struct gw_str rest = gw_str_of(options->scopes), scope;
    json_t *scopes = json_array();
    json_t *body = json_object();

    while (rest.len > 0 && gw_str_split(&rest, ' ', &scope)) {
        if (scope.len > 0)
            json_array_append_new(scopes, json_stringn(scope.ptr, scope.len));
    }
    gw_cli_set(body, "consumer", options->consumer);
    gw_cli_set(body, "scheme", options->scheme);
    gw_cli_set(body, "plan", options->plan);
    gw_cli_set(body, "expires", options->expires);
    gw_cli_set(body, "note", options->note);
    json_object_set_new(body, "scopes", scopes);
    int code = gw_cli_put(cli, &options->admin, "/keys", NULL, body, "key");
    if (code == GW_EXIT_OK && !options->admin.is_json)
        fprintf(cli->err, "This is the only time that the key is shown.\n");
    return code;
}

static int key_list(const struct gw_cli *cli, const struct key_options *options)
{
    static const char *const columns[] = {"id",      "scheme", "consumer", "state",
                                          "expires", "note",   NULL};
    struct gw_buf query;

    gw_buf_init(&query, MAX_QUERY_BYTES);
    gw_cli_append_query(&query, "consumer", options->consumer);
    gw_cli_append_query(&query, "scheme", options->scheme);
    gw_buf_append_byte(&query, '\0');
    int code = query.has_failed ? GW_EXIT_PROBLEM
                                : gw_cli_list(cli, &options->admin, "/keys", query.ptr, columns);
    gw_buf_finish(&query);
    return code;
}

int gw_cli_key(const struct gw_cli *cli, int argc, char **argv)
{
    struct key_options key = {0};
    const struct gw_cli_option options[] = {
        GW_CLI_ADMIN_OPTIONS(&key.admin),         {.name = "consumer", .value = &key.consumer},
        {.name = "scheme", .value = &key.scheme}, {.name = "scopes", .value = &key.scopes},
        {.name = "plan", .value = &key.plan},     {.name = "expires", .value = &key.expires},
        {.name = "note", .value = &key.note},     {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count == 1 && strcmp(argv[1], "create") == 0 && key.consumer != NULL)
        return key_create(cli, &key);
    if (count == 1 && strcmp(argv[1], "create") == 0)
        return gw_cli_usage_error(cli, argv[0], "whose key it is is missing: --consumer NAME");
    if (count == 1 && strcmp(argv[1], "list") == 0)
        return key_list(cli, &key);
    if (count == 2 && strcmp(argv[1], "show") == 0)
        return gw_cli_show(cli, &key.admin, "/keys", argv[2]);
    if (count == 2 && strcmp(argv[1], "revoke") == 0)
        return gw_cli_drop(cli, &key.admin, "/keys", argv[2]);
    return gw_cli_usage_error(cli, argv[0], "one of create, list, show ID and revoke ID is wanted");
}

/* --- revoke, revocations --- */

int gw_cli_revoke(const struct gw_cli *cli, int argc, char **argv)
{
    struct gw_cli_admin admin = {0};
    const char *issuer = NULL, *jti = NULL, *subject = NULL, *before = NULL, *expires = NULL,
               *reason = NULL;
    bool is_all = false;
    const struct gw_cli_option options[] = {
        GW_CLI_ADMIN_OPTIONS(&admin),
        {.name = "issuer", .value = &issuer},
        {.name = "jti", .value = &jti},
        {.name = "subject", .value = &subject},
        {.name = "all", .flag = &is_all},
        {.name = "issued-before", .value = &before},
        {.name = "expires", .value = &expires},
        {.name = "reason", .value = &reason},
        {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count > 0)
        return gw_cli_usage_error(cli, argv[0], "unexpected argument \"%s\"", argv[1]);
    if (issuer == NULL || (jti != NULL) + (subject != NULL) + is_all != 1)
        return gw_cli_usage_error(cli, argv[0],
                                  "--issuer NAME and one of --jti, --subject and --all are wanted");
    json_t *body = json_object();
    gw_cli_set(body, "issuer", issuer);
    gw_cli_set(body, "jti", jti);
    gw_cli_set(body, "subject", subject);
    gw_cli_set(body, "issued_before", before);
    gw_cli_set(body, "expires", expires);
    gw_cli_set(body, "reason", reason);
    json_object_set_new(body, "all", json_boolean(is_all));
    return gw_cli_put(cli, &admin, "/revocations", NULL, body, "id");
}

int gw_cli_revocations(const struct gw_cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"id", "issued_before", "expires", "reason", NULL};
    struct gw_cli_admin admin = {0};
    const struct gw_cli_option options[] = {GW_CLI_ADMIN_OPTIONS(&admin), {0}};
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count == 0 || (count == 1 && strcmp(argv[1], "list") == 0))
        return gw_cli_list(cli, &admin, "/revocations", "", columns);
    if (count == 2 && strcmp(argv[1], "show") == 0)
        return gw_cli_show(cli, &admin, "/revocations", argv[2]);
    if (count == 2 && strcmp(argv[1], "remove") == 0)
        return gw_cli_drop(cli, &admin, "/revocations", argv[2]);
    return gw_cli_usage_error(cli, argv[0], "one of list, show ID and remove ID is wanted");
}

/* --- consumer --- */

int gw_cli_consumer(const struct gw_cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"id", "disabled", "plan", "note", NULL};
    struct gw_cli_admin admin = {0};
    const char *plan = NULL, *note = NULL;
    bool is_disabled = false;
    const struct gw_cli_option options[] = {
        GW_CLI_ADMIN_OPTIONS(&admin),
        {.name = "plan", .value = &plan},
        {.name = "note", .value = &note},
        {.name = "disable", .flag = &is_disabled},
        {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count == 1 && strcmp(argv[1], "list") == 0)
        return gw_cli_list(cli, &admin, "/consumers", "", columns);
    if (count == 2 && strcmp(argv[1], "show") == 0)
        return gw_cli_show(cli, &admin, "/consumers", argv[2]);
    if (count == 2 && strcmp(argv[1], "remove") == 0)
        return gw_cli_drop(cli, &admin, "/consumers", argv[2]);
    if (count != 2 || strcmp(argv[1], "set") != 0)
        return gw_cli_usage_error(cli, argv[0],
                                  "one of list, show NAME, set NAME and remove NAME is wanted");
    json_t *body = json_object();
    gw_cli_set(body, "plan", plan);
    gw_cli_set(body, "note", note);
    json_object_set_new(body, "disabled", json_boolean(is_disabled));
    return gw_cli_put(cli, &admin, "/consumers", argv[2], body, NULL);
}
