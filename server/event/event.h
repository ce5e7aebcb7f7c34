/* Events: CloudEvents 1.0.2, read from and written as structured JSON, binary HTTP and batches.
 *
 * Pure but for the arena. An event's data is JSON here; other data is refused by name. Attributes
 * that are null count as not given (JSON format, 2.3); all others are held to the specification's
 * rules, and to one spelling: what is read is written the same whatever form it came in. */
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

#define GW_EVENT_MAX_BYTES (64 * 1024) /* as written; the size that all who read events accept */
#define GW_EVENT_MAX_EXTENSIONS 16
#define GW_EVENT_MAX_NAME 20
#define GW_EVENT_MAX_ATTRIBUTE 2048 /* bytes of a value */

struct gw_event_extension {
    struct gw_str name, value; /* a-z0-9; text */
    bool is_literal;           /* a JSON boolean or integer: written without quotes */
};

struct gw_event {
    struct gw_str id;        /* unique within its source */
    struct gw_str source;    /* URI reference: "/plants/1010/equipment/CNC-01" */
    struct gw_str type;      /* "com.millgate.iot.machine-down.v1" */
    struct gw_str subject;   /* what it is about, and its partition: the asset's id; may be empty */
    struct gw_str time;      /* RFC 3339; empty: not given */
    struct gw_str data_type; /* media type of data, a JSON one; empty: application/json */
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

/* One of a batch. */
struct gw_event_item {
    int rc; /* 0, or -EINVAL: `fault` says why, and there is no event */
    struct gw_event event;
    struct gw_str fault;
};

/* application/cloudevents-batch+json: 0 if it is a list of at most `max` (-E2BIG), whatever its
 * items are; -EINVAL. */
GW_MUST_CHECK
int gw_event_parse_batch(struct gw_str json, size_t max, struct gw_arena *arena,
                         struct gw_event_item **out_items, size_t *out_count,
                         struct gw_error *error);
/* Binary mode (HTTP protocol binding 1.0.2, 3.1): fields ce-*, the body is the data. */
GW_MUST_CHECK
int gw_event_parse_fields(const struct gw_field *fields, size_t field_count, struct gw_str body,
                          struct gw_arena *arena, struct gw_event *out_event,
                          struct gw_error *error);

/* Appends it in structured form. */
void gw_event_write(const struct gw_event *event, struct gw_buf *out);

/* NULL: not there. */
const struct gw_str *gw_event_extension(const struct gw_event *event, struct gw_str name);
/* 0, -EINVAL (no name of an extension, or no value of one), -EEXIST, -ENOSPC. */
GW_MUST_CHECK
int gw_event_add_extension(struct gw_event *event, struct gw_str name, struct gw_str value);

/* Sets the attribute called `name`, of the specification or an extension, after checking its value.
 * 0, or -EINVAL with the reason: it is there already, its value breaks its rule, there are too
 * many. `specversion` is checked and not kept. */
GW_MUST_CHECK
int gw_event_set(struct gw_event *event, struct gw_str name, struct gw_str value,
                 struct gw_error *error);
/* Has it all that is required, and are its parts small enough? 0, or -EINVAL with the reason. */
GW_MUST_CHECK
int gw_event_check(const struct gw_event *event, struct gw_error *error);
