#include "server/iot/signal_cloud.h"

#include <errno.h>

#include "server/core/instant.h"

/* Names of plants and equipment are an operator's: what a path may not hold is escaped (RFC 3986,
 * 3.3). */
static void append_segment(struct gw_buf *out, struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' || byte == '_' ||
                        byte == '~';
        if (is_plain)
            gw_buf_append_byte(out, byte);
        else
            gw_buf_printf(out, "%%%02X", (unsigned)(unsigned char)byte);
    }
}

static struct gw_str source_of(const struct gw_device_config *device, struct gw_arena *arena)
{
    struct gw_str source = {NULL, 0};
    struct gw_buf text;

    gw_buf_init(&text, 1024);
    gw_buf_append_text(&text, "/plants/");
    append_segment(&text, device->plant);
    gw_buf_append_text(&text, "/equipment/");
    append_segment(&text, device->equipment);
    if (!text.has_failed)
        source = gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return source;
}

static struct gw_str json_of(const struct gw_value *value, struct gw_arena *arena)
{
    struct gw_str json = {NULL, 0};
    struct gw_buf text;

    gw_buf_init(&text, GW_EVENT_MAX_BYTES);
    gw_value_write(&text, value);
    if (!text.has_failed)
        json = gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return json;
}

int gw_signal_event_to_cloud(const struct gw_signal_event *event, struct gw_arena *arena,
                             struct gw_event *out_event)
{
    const struct gw_device_config *device = event->device;
    char time[GW_INSTANT_BYTES];

    *out_event = (struct gw_event){
        .id = event->id,
        .source = source_of(device, arena),
        .type = event->type,
        .subject = device->asset.len > 0 ? device->asset : device->equipment,
        .time = gw_arena_copy(arena, gw_instant_write(event->time_ms, time)),
        .data = json_of(&event->data, arena),
        .extensions = {{GW_STR("plant"), device->plant}},
        .extension_count = 1,
    };
    return out_event->source.ptr != NULL && out_event->time.ptr != NULL &&
                   out_event->data.ptr != NULL
               ? 0
               : -ENOMEM;
}
