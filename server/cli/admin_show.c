#include "server/cli/admin_show.h"

#include <stdlib.h>
#include <string.h>

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

int gw_cli_show(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
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

int gw_cli_drop(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
                const char *name)
{
    json_t *answer = NULL;
    int code = ask(cli, admin, "DELETE", path, name, NULL, &answer);

    json_decref(answer);
    return code;
}

int gw_cli_list(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
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

void gw_cli_set(json_t *body, const char *name, const char *text)
{
    if (text != NULL)
        json_object_set_new(body, name, json_string(text));
}

int gw_cli_put(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
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

void gw_cli_append_query(struct gw_buf *query, const char *name, const char *value)
{
    if (value == NULL)
        return;
    gw_buf_printf(query, "&%s=", name);
    gw_cli_append_encoded(query, value);
}
