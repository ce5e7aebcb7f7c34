#include "policies/schema/violations.h"

#include <errno.h>

#include "server/core/arena.h"
#include "server/core/buf.h"

#define MAX_MEMBERS_BYTES (256 * 1024)

static const char *const places[] = {
    [VIOLATION_IN_BODY] = "body",     [VIOLATION_IN_PATH] = "path",
    [VIOLATION_IN_QUERY] = "query",   [VIOLATION_IN_HEADER] = "header",
    [VIOLATION_IN_COOKIE] = "cookie",
};

void violations_init(struct violations *list, struct gw_arena *arena, size_t max_count)
{
    *list = (struct violations){.arena = arena, .max_count = max_count};
}

bool violations_are_any(const struct violations *list)
{
    return list->count > 0 || list->has_no_memory;
}

void violations_add(struct violations *list, const struct violation *violation)
{
    if (list->count == list->max_count) {
        list->is_cut = true;
        return;
    }
    if (list->items == NULL)
        list->items = gw_arena_alloc(list->arena, list->max_count * sizeof(*list->items));
    if (list->items == NULL) {
        list->has_no_memory = true;
        return;
    }
    list->items[list->count++] = *violation;
}

static void add_undecided(struct violations *list, const struct violation *where, int error)
{
    struct violation violation = *where;

    if (error == -ENOMEM) {
        list->has_no_memory = true;
        return;
    }
    violation.keyword = GW_STR("limit");
    violation.detail = error == -ELOOP ? GW_STR("is nested too deeply to be checked")
                                       : GW_STR("takes too long to be checked");
    violations_add(list, &violation);
}

/* Without the scheme that the loader gives its files: "orders.yaml#/components/schemas/Order". */
static struct gw_str place_in_contract(struct gw_str uri)
{
    struct gw_str scheme = GW_STR("file:///");
    return gw_str_has_prefix(uri, scheme) ? gw_str_tail(uri, scheme.len) : uri;
}

bool violations_check(struct violations *list, const struct gw_schema_set *set, size_t schema,
                      const struct gw_json_tape *tape, const struct violation *where,
                      enum gw_schema_direction direction)
{
    size_t room = list->max_count - list->count;
    struct gw_schema_run run = {
        .arena = list->arena,
        .direction = direction,
        .max_violations = room > 0 ? room : 1,
    };
    struct gw_violations found;
    int rc = gw_schema_validate(set, schema, tape, &run, &found);

    if (rc == 0)
        return true;
    for (size_t i = 0; i < found.count; i++) {
        struct violation violation = *where;
        violation.pointer = found.items[i].instance;
        violation.schema = place_in_contract(found.items[i].schema);
        violation.keyword = found.items[i].keyword;
        violation.detail = found.items[i].message;
        violations_add(list, &violation);
    }
    list->is_cut = list->is_cut || found.is_cut;
    if (found.count == 0)
        add_undecided(list, where, rc);
    return false;
}

void violations_add_json_error(struct violations *list, const struct violation *where,
                               const struct gw_json_error *error)
{
    struct violation violation = *where;

    violation.keyword = GW_STR("json");
    violation.detail = gw_arena_copy(list->arena, gw_str_of(error->text));
    violation.byte = error->byte;
    violation.line = error->line;
    violation.column = error->column;
    violations_add(list, &violation);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void append_text(struct gw_buf *buf, const char *name, struct gw_str value)
{
    gw_buf_printf(buf, ",\"%s\":\"", name);
    gw_buf_append_json(buf, value);
    gw_buf_append_byte(buf, '"');
}

static void append_violation(struct gw_buf *buf, const struct violation *violation)
{
    gw_buf_printf(buf, "{\"in\":\"%s\"", places[violation->in]);
    if (violation->name.len > 0)
        append_text(buf, "name", violation->name);
    append_text(buf, "pointer", violation->pointer);
    if (violation->schema.len > 0)
        append_text(buf, "schema", violation->schema);
    append_text(buf, "keyword", violation->keyword);
    append_text(buf, "detail", violation->detail);
    if (violation->line > 0)
        gw_buf_printf(buf, ",\"byte\":%zu,\"line\":%zu,\"column\":%zu", violation->byte,
                      violation->line, violation->column);
    gw_buf_append_byte(buf, '}');
}

struct gw_str violations_members(const struct violations *list)
{
    struct gw_str members = GW_STR("");
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_MEMBERS_BYTES);
    gw_buf_append_text(&buf, "\"errors\":[");
    for (size_t i = 0; i < list->count; i++) {
        size_t before = buf.len;
        if (i > 0)
            gw_buf_append_byte(&buf, ',');
        append_violation(&buf, &list->items[i]);
        if (buf.has_failed || buf.len > MAX_MEMBERS_BYTES - 64) { /* those before must do */
            buf.len = before;
            buf.has_failed = false;
            break;
        }
    }
    gw_buf_append_text(&buf, list->is_cut ? "],\"errors_cut\":true" : "]");
    if (!buf.has_failed)
        members = gw_arena_copy(list->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return members.ptr != NULL ? members : GW_STR("");
}

struct gw_str violations_summary(const struct violations *list)
{
    if (list->count == 0)
        return GW_STR("there was no memory to check it");
    const struct violation *first = &list->items[0];
    struct gw_str text = gw_arena_printf(
        list->arena, "%s %.*s %.*s: %.*s (%zu%s in all)", places[first->in],
        GW_STR_ARG(first->name.len > 0 ? first->name : first->pointer), GW_STR_ARG(first->keyword),
        GW_STR_ARG(first->detail), list->count, list->is_cut ? " or more" : "");
    return text.ptr != NULL ? text : GW_STR("");
}
