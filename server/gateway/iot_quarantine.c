/* iot.quarantine, iot.quarantine.clear: what was put aside. */
#include "server/iot/quarantine_board.h"

#include <errno.h>
#include <stdlib.h>

#include "server/gateway/iot_private.h"

#define USUAL_COUNT 100

/* "<reason> <name>" -> "<first> <last> <count> <detail>" */
struct entry {
    struct gw_str reason, name, detail;
    int64_t first_ms, last_ms, count;
    struct gw_str plant; /* empty: not known */
};

struct quarantine_reading {
    struct gw_iot_asking asking;
    struct gw_iot_request request;
    struct gw_buf *text;
    struct gw_str words[4]; /* of clearing */
};

static struct quarantine_reading *make(struct gw_exchange *ex)
{
    struct quarantine_reading *reading = gw_arena_calloc(&ex->arena, 1, sizeof(*reading));

    if (reading == NULL || gw_iot_asking_init(&reading->asking, ex, 1) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    reading->asking.owner = reading;
    return gw_iot_read_request(ex, &reading->request) ? reading : NULL;
}

static int64_t take_number(struct gw_str *rest)
{
    struct gw_str part;
    uint64_t number;

    if (!gw_str_split(rest, ' ', &part) || gw_str_to_u64(part, &number) != 0 || number > INT64_MAX)
        return 0;
    return (int64_t)number;
}

/* Names begin with group and edge node; those of nobody belong to no plant. */
static struct gw_str plant_of(const struct gw_registry *registry, struct gw_str name)
{
    struct gw_str group, node;

    if (!gw_str_split(&name, '/', &group) || !gw_str_split(&name, '/', &node))
        return GW_STR("");
    const struct gw_edge_node_config *config = gw_registry_find_node(registry, group, node);
    return config != NULL ? config->plant : GW_STR("");
}

static bool read_entry(const struct gw_iot_request *request, struct gw_str field,
                       struct gw_str value, struct entry *out)
{
    struct gw_str wanted = gw_iot_text(request, "reason");
    size_t space = gw_str_find(field, ' ');

    out->reason = gw_str_from(field.ptr, space);
    out->name = gw_str_tail(field, space + 1);
    out->first_ms = take_number(&value);
    out->last_ms = take_number(&value);
    out->count = take_number(&value);
    out->detail = value;
    out->plant = plant_of(request->registry, out->name);
    if (wanted.len > 0 && !gw_str_equal(wanted, out->reason))
        return false;
    return out->plant.len > 0 ? gw_iot_may_see(request, out->plant)
                              : request->permission.sees_all_plants;
}

static int compare(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->last_ms != b->last_ms)
        return a->last_ms > b->last_ms ? -1 : 1;
    return gw_str_compare(a->name, b->name);
}

static void write_entries(struct gw_buf *out, const struct entry *entries, size_t count,
                          size_t total)
{
    gw_buf_printf(out, "{\"total\":%zu,\"items\":[", total);
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[i];
        gw_buf_append_text(out, i > 0 ? ",{" : "{");
        gw_iot_write_text(out, "reason", entry->reason);
        gw_iot_write_text(out, "name", entry->name);
        gw_iot_write_text(out, "plantId", entry->plant);
        gw_iot_write_number(out, "count", entry->count);
        gw_iot_write_moment(out, "first", entry->first_ms);
        gw_iot_write_moment(out, "last", entry->last_ms);
        gw_iot_write_text(out, "detail", entry->detail);
        gw_buf_append_byte(out, '}');
    }
    gw_buf_append_text(out, "]}");
}

static void on_entries(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct quarantine_reading *reading = asking->owner;
    struct entry *entries =
        gw_arena_calloc(&asking->ex->arena, reply->count / 2 + 1, sizeof(*entries));
    size_t total = 0, max = (size_t)gw_iot_number(&reading->request, "limit", USUAL_COUNT);
    (void)index;

    if (entries == NULL || reply->type != GW_REPLY_ARRAY) {
        asking->rc = entries == NULL ? -ENOMEM : -EPROTO;
        return;
    }
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        total += read_entry(&reading->request, reply->items[i].text, reply->items[i + 1].text,
                            &entries[total]);
    qsort(entries, total, sizeof(*entries), compare);
    write_entries(reading->text, entries, total < max ? total : max, total);
}

static void on_all(struct gw_iot_asking *asking)
{
    struct quarantine_reading *reading = asking->owner;

    gw_iot_answer(asking->ex, 200, reading->text, false);
}

static void list(struct gw_exchange *ex)
{
    static const struct gw_str words[] = {GW_STR_INIT("HGETALL"), GW_STR_INIT(GW_QUARANTINE_KEY)};
    struct quarantine_reading *reading = make(ex);

    if (reading == NULL)
        return;
    reading->text = gw_iot_make_text(ex);
    if (reading->text == NULL)
        return;
    reading->asking.on_reply = on_entries;
    reading->asking.done = on_all;
    gw_iot_ask(&reading->asking, words, 2);
    gw_iot_asked(&reading->asking);
}

const struct gw_builtin gw_iot_list_quarantine = {
    .name = "iot.quarantine", .section = "iot", .start = list};

static void on_cleared(struct gw_iot_asking *asking)
{
    asking->ex->response.status = 204;
    gw_builtin_end(asking->ex, true);
}

/* One entry, or all: those who see all plants. */
static void clear(struct gw_exchange *ex)
{
    struct quarantine_reading *reading = make(ex);

    if (reading == NULL)
        return;
    struct gw_str reason = gw_iot_text(&reading->request, "reason");
    struct gw_str name = gw_iot_text(&reading->request, "name");
    struct gw_str plant = plant_of(reading->request.registry, name);
    bool is_one = reason.len > 0 && name.len > 0;
    if (!reading->request.permission.sees_all_plants &&
        (!is_one || plant.len == 0 || !gw_iot_may_see(&reading->request, plant))) {
        gw_iot_refuse(ex, "forbidden", "All is cleared by who sees all plants.");
        return;
    }
    if (!is_one && (reason.len > 0 || name.len > 0)) {
        gw_iot_refuse(ex, "invalid-parameter", "`reason` and `name` go together.");
        return;
    }
    reading->words[0] = is_one ? GW_STR("HDEL") : GW_STR("DEL");
    reading->words[1] = GW_STR(GW_QUARANTINE_KEY);
    if (is_one)
        reading->words[2] =
            gw_arena_printf(&ex->arena, "%.*s %.*s", GW_STR_ARG(reason), GW_STR_ARG(name));
    reading->asking.done = on_cleared;
    gw_iot_ask(&reading->asking, reading->words, is_one ? 3 : 2);
    gw_iot_asked(&reading->asking);
}

const struct gw_builtin gw_iot_clear_quarantine = {
    .name = "iot.quarantine.clear", .section = "iot", .is_write = true, .start = clear};
