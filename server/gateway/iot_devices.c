/* iot.devices, iot.device: what is registered, and how it is. */
#include <errno.h>
#include <string.h>

#include "server/gateway/iot_private.h"

#define USUAL_COUNT 50
#define MAX_COUNT 200

/* Of the devices of one answer, what Redis says. */
struct listing {
    struct gw_iot_asking asking;
    struct gw_iot_request request;
    const struct gw_device_config *devices[MAX_COUNT];
    struct {
        struct gw_str state;
        int64_t since_ms, seen_ms;
    } known[MAX_COUNT];
    size_t count;
    size_t next; /* index of the first behind the page; 0: there is none */
    bool is_one;
};

static int64_t number_of(struct gw_str text)
{
    uint64_t number;

    return gw_str_to_u64(text, &number) == 0 && number <= INT64_MAX ? (int64_t)number : 0;
}

/* --- the answer --- */

void gw_iot_write_device(struct gw_buf *out, const struct gw_registry *registry,
                         const struct gw_device_config *device)
{
    const struct gw_edge_node_config *node = gw_registry_node(registry, device->node);

    gw_buf_append_byte(out, '{');
    gw_iot_write_text(out, "id", device->id);
    gw_iot_write_text(out, "group", device->group);
    gw_iot_write_text(out, "edgeNode", device->edge_node);
    gw_iot_write_text(out, "device", device->device);
    gw_iot_write_text(out, "type", device->type->name);
    gw_iot_write_text(out, "plantId", node->plant);
    gw_iot_write_text(out, "equipmentId", device->equipment);
    gw_iot_write_text(out, "physicalAssetId", device->asset);
    gw_iot_write_text(out, "owner", device->owner);
}

static void write_metrics(struct gw_buf *out, const struct gw_device_type *type)
{
    gw_buf_append_text(out, ",\"metrics\":[");
    for (size_t i = 0; i < type->metric_count; i++) {
        const struct gw_metric_config *metric = &type->metrics[i];
        gw_buf_append_text(out, i > 0 ? ",{" : "{");
        gw_iot_write_text(out, "name", metric->name);
        gw_iot_write_text(out, "source", metric->source);
        gw_iot_write_text(out, "unit", metric->unit);
        gw_buf_printf(out, ",\"kept\":%s}", metric->is_kept ? "true" : "false");
    }
    gw_buf_append_byte(out, ']');
}

static void write_item(struct gw_buf *out, const struct listing *listing, size_t at)
{
    struct gw_str state = listing->known[at].state;

    gw_iot_write_device(out, listing->request.registry, listing->devices[at]);
    gw_iot_write_text(out, "state", state.len > 0 ? state : GW_STR("unknown"));
    gw_iot_write_moment(out, "since", listing->known[at].since_ms);
    gw_iot_write_moment(out, "seen", listing->known[at].seen_ms);
    if (listing->is_one)
        write_metrics(out, listing->devices[at]->type);
    gw_buf_append_byte(out, '}');
}

static void on_all(struct gw_iot_asking *asking)
{
    struct listing *listing = asking->owner;
    struct gw_buf *text = gw_iot_make_text(asking->ex);

    if (text == NULL)
        return;
    if (!listing->is_one)
        gw_buf_append_text(text, "{\"items\":[");
    for (size_t i = 0; i < listing->count; i++) {
        if (i > 0)
            gw_buf_append_byte(text, ',');
        write_item(text, listing, i);
    }
    if (!listing->is_one) {
        gw_buf_append_byte(text, ']');
        if (listing->next > 0)
            gw_buf_printf(text, ",\"next\":\"%zu\"", listing->next);
        gw_buf_append_byte(text, '}');
    }
    gw_iot_answer(asking->ex, 200, text, false);
}

/* --- asking --- */

/* "online 1763866500000", and "1763866500123" */
static void on_reply(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct listing *listing = asking->owner;
    struct gw_str rest = reply->type == GW_REPLY_STRING ? reply->text : GW_STR(""), state;
    size_t at = index / 2;

    if (index % 2 == 1) {
        listing->known[at].seen_ms = number_of(rest);
    } else if (rest.len > 0 && gw_str_split(&rest, ' ', &state)) {
        listing->known[at].state = gw_arena_copy(&asking->ex->arena, state);
        listing->known[at].since_ms = number_of(rest);
    }
}

static void ask_all(struct listing *listing)
{
    struct gw_exchange *ex = listing->request.ex;

    if (gw_iot_asking_init(&listing->asking, ex, 2 * listing->count) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return;
    }
    listing->asking.owner = listing;
    listing->asking.on_reply = on_reply;
    listing->asking.done = on_all;
    for (size_t i = 0; i < listing->count; i++) {
        const struct gw_device_config *device = listing->devices[i];
        struct gw_str words[3] = {GW_STR("HGET"), gw_iot_key(ex, device, "states", NULL),
                                  device->device};
        gw_iot_ask(&listing->asking, words, 3);
        words[1] = gw_iot_key(ex, device, "seen", NULL);
        gw_iot_ask(&listing->asking, words, 3);
    }
    gw_iot_asked(&listing->asking);
}

static struct listing *make(struct gw_exchange *ex)
{
    struct listing *listing = gw_arena_calloc(&ex->arena, 1, sizeof(*listing));

    if (listing == NULL)
        gw_iot_refuse(ex, "overloaded", NULL);
    else if (gw_iot_read_request(ex, &listing->request))
        return listing;
    return NULL;
}

/* --- which --- */

static bool is_wanted(const struct gw_iot_request *request, const char *name, struct gw_str value)
{
    struct gw_str wanted = gw_iot_text(request, name);

    return wanted.len == 0 || gw_str_equal(wanted, value);
}

static bool fits(const struct gw_iot_request *request, const struct gw_device_config *device)
{
    return gw_iot_may_see(request, device->plant) && is_wanted(request, "plant", device->plant) &&
           is_wanted(request, "equipment", device->equipment) &&
           is_wanted(request, "type", device->type->name) &&
           is_wanted(request, "edgeNode", device->edge_node);
}

static void list_devices(struct gw_exchange *ex)
{
    struct listing *listing = make(ex);

    if (listing == NULL)
        return;
    const struct gw_registry *registry = listing->request.registry;
    uint64_t max = gw_iot_number(&listing->request, "limit", USUAL_COUNT);
    size_t at = (size_t)number_of(gw_iot_text(&listing->request, "after"));
    for (; at < gw_registry_device_count(registry) && listing->next == 0; at++) {
        const struct gw_device_config *device = gw_registry_device(registry, at);
        if (!fits(&listing->request, device))
            continue;
        if (listing->count == max || listing->count == MAX_COUNT)
            listing->next = at;
        else
            listing->devices[listing->count++] = device;
    }
    ask_all(listing);
}

const struct gw_builtin gw_iot_list_devices = {
    .name = "iot.devices", .section = "iot", .start = list_devices};

static void get_device(struct gw_exchange *ex)
{
    struct listing *listing = make(ex);

    if (listing == NULL)
        return;
    listing->devices[0] = gw_iot_find_device(&listing->request);
    listing->count = 1;
    listing->is_one = true;
    if (listing->devices[0] != NULL)
        ask_all(listing);
}

const struct gw_builtin gw_iot_get_device = {
    .name = "iot.device", .section = "iot", .start = get_device};
