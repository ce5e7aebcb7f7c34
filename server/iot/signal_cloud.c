#include "server/iot/signal_cloud.h"

#include <errno.h>

#include "server/core/clock.h"

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

struct gw_str gw_equipment_source(struct gw_str plant, struct gw_str equipment,
                                  struct gw_arena *arena)
{
    struct gw_str source = {NULL, 0};
    struct gw_buf text;

    gw_buf_init(&text, 1024);
    gw_buf_append_text(&text, "/plants/");
    append_segment(&text, plant);
    gw_buf_append_text(&text, "/equipment/");
    append_segment(&text, equipment);
    if (!text.has_failed)
        source = gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return source;
}

static int set_data(const struct gw_value *value, struct gw_arena *arena, struct gw_event *event)
{
    struct gw_buf text;
    int rc = 0;

    gw_buf_init(&text, GW_EVENT_MAX_BYTES / 2);
    gw_value_write(&text, value);
    if (text.has_failed)
        rc = -EMSGSIZE;
    else
        event->data = gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return rc;
}

static int add_extensions(const struct gw_signal_event *event, struct gw_arena *arena,
                          struct gw_event *out_event)
{
    const struct gw_device_config *device = event->device;
    const struct gw_event_extension extensions[] = {
        {GW_STR("plant"), gw_arena_copy(arena, device->plant)},
        {GW_STR("equipment"), gw_arena_copy(arena, device->equipment)},
        {GW_STR("signal"), gw_arena_copy(arena, event->signal)},
        {GW_STR("traceparent"),
         gw_arena_printf(arena, "00-%.*s-%.16s-01", GW_STR_ARG(event->id), event->id.ptr)},
    };

    for (size_t i = 0; i < GW_COUNT_OF(extensions); i++) {
        if (extensions[i].value.ptr == NULL)
            return -ENOMEM;
        out_event->extensions[out_event->extension_count++] = extensions[i];
    }
    return 0;
}

int gw_signal_event_to_cloud(const struct gw_signal_event *event, struct gw_arena *arena,
                             struct gw_event *out_event)
{
    const struct gw_device_config *device = event->device;
    char time[GW_CLOCK_TEXT_BYTES];

    gw_clock_text(time, event->time_ms);
    struct gw_event cloud = {
        .id = gw_arena_copy(arena, event->id),
        .source = gw_equipment_source(device->plant, device->equipment, arena),
        .type = gw_arena_copy(arena, event->type),
        .subject = gw_arena_copy(arena, device->asset.len > 0 ? device->asset : device->equipment),
        .time = gw_arena_copy(arena, gw_str_of(time)),
    };

    if (cloud.id.ptr == NULL || cloud.source.ptr == NULL || cloud.type.ptr == NULL ||
        cloud.subject.ptr == NULL || cloud.time.ptr == NULL)
        return -ENOMEM;
    int rc = set_data(&event->data, arena, &cloud);
    if (rc == 0)
        rc = cloud.data.ptr != NULL ? add_extensions(event, arena, &cloud) : -ENOMEM;
    if (rc == 0)
        *out_event = cloud;
    return rc;
}
