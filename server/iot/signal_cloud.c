#include "server/iot/signal_cloud.h"

#include <errno.h>

#include "server/core/clock.h"

/* The attributes have room beside it. */
#define MAX_ENRICHED_BYTES (GW_EVENT_MAX_BYTES - 8 * 1024)
#define MAX_SCRATCH_BYTES ((size_t)4 * 1024 * 1024)

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

/* --- what was asked for it --- */

static int merge(struct gw_str data, struct gw_arena *scratch, struct gw_str member,
                 struct gw_str answer, struct gw_buf *out)
{
    struct gw_value_builder merged = {.arena = scratch};
    struct gw_json_error error;
    struct gw_value object, value;
    int rc = gw_value_read(scratch, data, NULL, &object, &error);

    if (rc == 0)
        rc = gw_value_read(scratch, answer, NULL, &value, &error);
    if (rc == 0 && object.type != GW_JSON_OBJECT)
        rc = -EINVAL;
    for (uint32_t i = 0; rc == 0 && i < object.count; i++)
        rc = gw_value_add_member(&merged, object.members[i].name, object.members[i].value);
    if (rc == 0)
        rc = gw_value_add_member(&merged, member, value);
    if (rc != 0)
        return rc;
    object = gw_value_built_object(&merged);
    gw_value_write(out, &object);
    return out->has_failed ? -EMSGSIZE : 0;
}

int gw_signal_cloud_enrich(struct gw_event *event, struct gw_arena *arena, struct gw_str member,
                           struct gw_str answer)
{
    struct gw_arena scratch;
    struct gw_buf text;

    gw_arena_init(&scratch, 8 * 1024, MAX_SCRATCH_BYTES);
    gw_buf_init(&text, MAX_ENRICHED_BYTES);
    int rc = merge(event->data, &scratch, member, answer, &text);
    struct gw_str data = rc == 0 ? gw_arena_copy(arena, gw_buf_str(&text)) : GW_STR("");
    if (rc == 0 && data.ptr == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        event->data = data;
    gw_buf_finish(&text);
    gw_arena_finish(&scratch);
    return rc;
}

int gw_signal_cloud_lacks(struct gw_event *event)
{
    return gw_event_add_extension(event, GW_STR("enrichment"), GW_STR("unavailable"));
}
