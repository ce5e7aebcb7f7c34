/* Which events there are: the messages of an AsyncAPI 3 document, and what each must look like.
 *
 * A message whose contentType is application/cloudevents+json has the whole event as its payload;
 * with any other (a JSON one) the payload is the event's data. The type is the `const` that the
 * payload has for the event's `type`, or else the message's name. All else of the document
 * (servers, bindings, operations) is for people and other tools. Immutable once loaded; any
 * thread. */
#pragma once

#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/core/str.h"
#include "server/event/event.h"
#include "server/json/schema.h"

struct gw_event_types;

struct gw_event_type {
    struct gw_str name; /* "com.millgate.iot.machine-down.v1" */
    struct gw_str title;
    bool is_whole; /* the schema is that of the whole event, not of its data alone */
    size_t schema;
};

/* What is wrong goes to `diagnostics`, with its place. 0, -EINVAL, another negative errno. */
GW_MUST_CHECK
int gw_event_types_load(const char *path, struct gw_diagnostics *diagnostics,
                        struct gw_event_types **out_types);
void gw_event_types_destroy(struct gw_event_types *types); /* NULL is safe */

size_t gw_event_types_count(const struct gw_event_types *types);
const struct gw_event_type *gw_event_types_at(const struct gw_event_types *types, size_t index);
/* NULL: it is not described. */
const struct gw_event_type *gw_event_types_find(const struct gw_event_types *types,
                                                struct gw_str name);

/* As gw_schema_validate(): 0, 1 (*out says why, with pointers into the whole event), or a negative
 * errno. All in the arena. */
GW_MUST_CHECK
int gw_event_type_validate(const struct gw_event_types *types, const struct gw_event_type *type,
                           const struct gw_event *event, struct gw_arena *arena,
                           size_t max_violations, struct gw_violations *out);
