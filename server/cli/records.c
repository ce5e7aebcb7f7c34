/* The commands over records: key, revoke, revocations, consumer. */
#include <stdlib.h>
#include <string.h>

#include "server/cli/admin_call.h"
#include "server/core/buf.h"

#define MAX_PATH_BYTES 8192
#define MAX_COLUMNS 8

/* --- showing --- */

static const char *text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_boolean(value))
        return json_is_true(value) ? "yes" : "no";
    return json_is_string(value) ? json_string_value(value) : "";
}

static int print_json(const struct gw_cli *cli, json_t *value)
{
    char *dumped = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));

    if (dumped != NULL)
        fprintf(cli->out, "%s\n", dumped);
    free(dumped);
    json_decref(value);
    return GW_EXIT_OK;
}

/* Columns as wide as what stands in them; the last one is not filled up. */
static void print_table(const struct gw_cli *cli, const json_t *items, const char *const *columns)
{
    int widths[MAX_COLUMNS] = {0};
    size_t index;
    json_t *item;

    for (size_t i = 0; columns[i] != NULL; i++) {
        widths[i] = (int)strlen(columns[i]);
        json_array_foreach(items, index, item)
        {
            int len = (int)strlen(text_of(item, columns[i]));
            widths[i] = len > widths[i] ? len : widths[i];
        }
    }
    for (size_t row = 0; row <= json_array_size(items); row++) {
        for (size_t i = 0; columns[i] != NULL; i++)
            fprintf(cli->out, "%-*s%s", columns[i + 1] != NULL ? widths[i] : 0,
                    row == 0 ? columns[i] : text_of(json_array_get(items, row - 1), columns[i]),
                    columns[i + 1] != NULL ? "  " : "\n");
    }
}

/* One "name: value" a line. */
static void print_members(const struct gw_cli *cli, const json_t *object)
{
    const char *name;
    json_t *value;
    size_t index;
    json_t *item;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        fprintf(cli->out, "%s:", name);
        json_array_foreach(value, index, item) fprintf(cli->out, " %s", json_string_value(item));
        if (!json_is_array(value))
            fprintf(cli->out, " %s", text_of(object, name));
        fputc('\n', cli->out);
    }
}

/* --- asking --- */

/* path, and behind it `name` (may be NULL) as one segment. To be freed. */
static char *path_of(const char *path, const char *name)
{
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_PATH_BYTES);
    gw_buf_append_text(&buf, path);
    if (name != NULL) {
        gw_buf_append_byte(&buf, '/');
        gw_cli_append_encoded(&buf, name);
    }
    gw_buf_append_byte(&buf, '\0');
    if (buf.has_failed) {
        gw_buf_finish(&buf);
        return NULL;
    }
    return buf.ptr;
}

/* A request about one record, or none. */
static int ask(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *method,
               const char *path, const char *name, const json_t *body, json_t **out_answer)
{
    char *whole = path_of(path, name);
    int code = GW_EXIT_PROBLEM;

    if (whole == NULL)
        fprintf(cli->err, "millgate: the name is too long\n");
    else
        code = gw_cli_admin_call(cli, admin, method, whole, body, out_answer);
    free(whole);
    return code;
}

static int show(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
                const char *name)
{
    json_t *answer = NULL;
    int code = ask(cli, admin, "GET", path, name, NULL, &answer);

    if (code != GW_EXIT_OK)
        return code;
    if (admin->is_json)
        return print_json(cli, answer);
    print_members(cli, answer);
    json_decref(answer);
    return GW_EXIT_OK;
}

static int drop(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
                const char *name)
{
    json_t *answer = NULL;
    int code = ask(cli, admin, "DELETE", path, name, NULL, &answer);

    json_decref(answer);
    return code;
}

/* All pages. `query` begins with "&" or is empty. */
static int list(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
                const char *query, const char *const *columns)
{
    json_t *items = json_array();
    json_t *next = json_null();
    int code = GW_EXIT_OK;

    do {
        struct gw_buf where;
        json_t *page = NULL;
        gw_buf_init(&where, MAX_PATH_BYTES);
        gw_buf_printf(&where, "%s?limit=1000%s", path, query);
        if (json_is_string(next)) {
            gw_buf_append_text(&where, "&after=");
            gw_cli_append_encoded(&where, json_string_value(next));
        }
        gw_buf_append_byte(&where, '\0');
        code = where.has_failed ? GW_EXIT_PROBLEM
                                : gw_cli_admin_call(cli, admin, "GET", where.ptr, NULL, &page);
        gw_buf_finish(&where);
        json_array_extend(items, json_object_get(page, "items"));
        json_decref(next);
        next = json_incref(json_object_get(page, "next"));
        json_decref(page);
    } while (code == GW_EXIT_OK && json_is_string(next));
    json_decref(next);
    if (code == GW_EXIT_OK && admin->is_json)
        return print_json(cli, items);
    if (code == GW_EXIT_OK)
        print_table(cli, items, columns);
    json_decref(items);
    return code;
}

static void set(json_t *body, const char *name, const char *text)
{
    if (text != NULL)
        json_object_set_new(body, name, json_string(text));
}

/* Sends `body` (given away) and shows the answer, or just its member `only`. */
static int put(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
               const char *name, json_t *body, const char *only)
{
    json_t *answer = NULL;
    int code = body == NULL ? GW_EXIT_USAGE : ask(cli, admin, "POST", path, name, body, &answer);

    json_decref(body);
    if (code != GW_EXIT_OK)
        return code;
    if (admin->is_json)
        return print_json(cli, answer);
    if (only != NULL)
        fprintf(cli->out, "%s\n", text_of(answer, only));
    else
        print_members(cli, answer);
    json_decref(answer);
    return GW_EXIT_OK;
}

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
    set(body, "consumer", options->consumer);
    set(body, "scheme", options->scheme);
    set(body, "plan", options->plan);
    set(body, "expires", options->expires);
    set(body, "note", options->note);
    json_object_set_new(body, "scopes", scopes);
    int code = put(cli, &options->admin, "/keys", NULL, body, "key");
    if (code == GW_EXIT_OK && !options->admin.is_json)
        fprintf(cli->err, "This is the only time that the key is shown.\n");
    return code;
}

static int key_list(const struct gw_cli *cli, const struct key_options *options)
{
    static const char *const columns[] = {"id",      "scheme", "consumer", "state",
                                          "expires", "note",   NULL};
    struct gw_buf query;

    gw_buf_init(&query, MAX_PATH_BYTES);
    if (options->consumer != NULL) {
        gw_buf_append_text(&query, "&consumer=");
        gw_cli_append_encoded(&query, options->consumer);
    }
    if (options->scheme != NULL) {
        gw_buf_append_text(&query, "&scheme=");
        gw_cli_append_encoded(&query, options->scheme);
    }
    gw_buf_append_byte(&query, '\0');
    int code = query.has_failed ? GW_EXIT_PROBLEM
                                : list(cli, &options->admin, "/keys", query.ptr, columns);
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
        return show(cli, &key.admin, "/keys", argv[2]);
    if (count == 2 && strcmp(argv[1], "revoke") == 0)
        return drop(cli, &key.admin, "/keys", argv[2]);
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
    set(body, "issuer", issuer);
    set(body, "jti", jti);
    set(body, "subject", subject);
    set(body, "issued_before", before);
    set(body, "expires", expires);
    set(body, "reason", reason);
    json_object_set_new(body, "all", json_boolean(is_all));
    return put(cli, &admin, "/revocations", NULL, body, "id");
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
        return list(cli, &admin, "/revocations", "", columns);
    if (count == 2 && strcmp(argv[1], "show") == 0)
        return show(cli, &admin, "/revocations", argv[2]);
    if (count == 2 && strcmp(argv[1], "remove") == 0)
        return drop(cli, &admin, "/revocations", argv[2]);
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
        return list(cli, &admin, "/consumers", "", columns);
    if (count == 2 && strcmp(argv[1], "show") == 0)
        return show(cli, &admin, "/consumers", argv[2]);
    if (count == 2 && strcmp(argv[1], "remove") == 0)
        return drop(cli, &admin, "/consumers", argv[2]);
    if (count != 2 || strcmp(argv[1], "set") != 0)
        return gw_cli_usage_error(cli, argv[0],
                                  "one of list, show NAME, set NAME and remove NAME is wanted");
    json_t *body = json_object();
    set(body, "plan", plan);
    set(body, "note", note);
    json_object_set_new(body, "disabled", json_boolean(is_disabled));
    return put(cli, &admin, "/consumers", argv[2], body, NULL);
}
