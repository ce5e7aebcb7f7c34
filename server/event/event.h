/* Events: CloudEvents 1.0.2, read from and written as structured JSON, binary HTTP and batches.
 *
 * Pure but for the arena. An event's data is JSON here; other data is refused by name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/net/http_field.h"

#define GW_EVENT_MAX_BYTES (256 * 1024)
#define GW_EVENT_MAX_EXTENSIONS 16

struct gw_event_extension {
    struct gw_str name, value; /* a-z0-9, at most 20; text */
};

struct gw_event {
    struct gw_str id;      /* unique within its source */
    struct gw_str source;  /* URI reference: "/plants/1010/equipment/CNC-01" */
    struct gw_str type;    /* "com.millgate.iot.machine-down.v1" */
    struct gw_str subject; /* what it is about, and its partition: the asset's id; may be empty */
    struct gw_str time;    /* RFC 3339; empty: not given */
    struct gw_str data_schema;                                     /* URI; may be empty */
    struct gw_str data;                                            /* JSON text; empty: none */
    struct gw_event_extension extensions[GW_EVENT_MAX_EXTENSIONS]; /* traceparent, plant, ... */
    size_t extension_count;
};

/* application/cloudevents+json (CloudEvents 1.0.2, JSON format). Texts lie in the arena or in
 * `json`. -EINVAL: *error names the attribute and the rule. */
GW_MUST_CHECK
int gw_event_parse(struct gw_str json, struct gw_arena *arena, struct gw_event *out_event,
                   struct gw_error *error);
/* application/cloudevents-batch+json. At most `max` of them (-E2BIG). */
GW_MUST_CHECK
int gw_event_parse_batch(struct gw_str json, size_t max, struct gw_arena *arena,
                         struct gw_event **out_events, size_t *out_count, struct gw_error *error);
/* Binary mode (HTTP protocol binding 1.0.2, 3.1): fields ce-*, the body is the data. */
GW_MUST_CHECK
int gw_event_parse_fields(const struct gw_field *fields, size_t field_count, struct gw_str body,
                          struct gw_arena *arena, struct gw_event *out_event,
                          struct gw_error *error);

/* Appends it in structured form. */
void gw_event_write(const struct gw_event *event, struct gw_buf *out);

/* NULL: not there. */
const struct gw_str *gw_event_extension(const struct gw_event *event, struct gw_str name);
GW_MUST_CHECK
int gw_event_add_extension(struct gw_event *event, struct gw_str name, struct gw_str value);
