/* Plain JSON over MQTT as samples: mappings say what the topics and payloads of devices mean.
 *
 * A mapping has a topic with placeholders, by which the device is found in the registry, and JSON
 * Pointers (RFC 6901) to times, qualities and values. It computes nothing: units are the registry's
 * matter, and what values mean that of signals. No topic fits two mappings of a registry.
 *
 * Mappings are part of the registry's files (docs/iot.md) and as immutable as the registry.
 * Pure but for the arena; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/iot/registry.h"
#include "server/iot/sample.h"
#include "server/iot/sparkplug_host.h" /* enum gw_quarantine_reason */

struct gw_json_map;

#define GW_JSON_MAPS_MAX 200 /* of one registry */
#define GW_JSON_MAP_MAX_PLACEHOLDERS 16
#define GW_JSON_MAP_MAX_TOPIC 1024      /* bytes, of a message or a filter */
#define GW_JSON_MAP_MAX_BYTES (1 << 20) /* of a payload */
#define GW_JSON_MAP_MAX_DEPTH 32        /* of objects and lists in each other */
#define GW_JSON_MAP_MAX_VALUES 10000    /* of a payload: one that has more is refused whole */
#define GW_JSON_MAP_MAX_SOURCE 512      /* bytes of a metric's name */

struct gw_str gw_json_map_name(const struct gw_json_map *map);

/* --- topics --- */

/* What a topic says. It points into itself: not to be copied. */
struct gw_json_place {
    const struct gw_json_map *map;
    struct gw_str values[GW_JSON_MAP_MAX_PLACEHOLDERS]; /* of the placeholders; in the topic */
    struct gw_str group, edge_node;
    struct gw_str device; /* empty: the edge node's own metrics, or the payload names it */
    char names[3 * GW_MAX_DEVICE_NAME];
};

/* 0; -ENOENT: no mapping has this topic; -EINVAL: one has, but the names that it gives cannot be
 * (*error says why; `map` is set). */
GW_MUST_CHECK
int gw_json_map_locate(const struct gw_registry *registry, struct gw_str topic,
                       struct gw_json_place *out_place, struct gw_error *error);

/* The MQTT filter of all topics by which the mapping names this edge node (NULL: any). ptr NULL: it
 * cannot name it. The filters of two edge nodes have no topic in common. */
struct gw_str gw_json_map_filter(const struct gw_json_map *map,
                                 const struct gw_edge_node_config *node,
                                 char out[GW_JSON_MAP_MAX_TOPIC]);

/* Whether who is not registered is looked for. */
bool gw_json_map_is_watched(const struct gw_json_map *map);

/* --- payloads --- */

struct gw_json_message {
    const struct gw_edge_node_config *node; /* that it must be of; NULL: any */
    struct gw_str topic, payload;
    int64_t arrival_ms;
    int64_t max_future_ms; /* of a sample beyond its arrival */
    bool is_retained;      /* the broker had kept it: values without a time are passed over */
};

struct gw_json_read {
    struct gw_sample *samples; /* in canonical units, in the order of the payload; in the arena */
    size_t count;
    size_t passed_over; /* values of a retained message that have no time */
};

/* What is put aside: `name` is group/node[/device[/metric]], or the topic where that names nobody;
 * `detail` says mapping, JSON Pointer, rule and topic. They are valid during the call. */
struct gw_json_sink {
    void *self;
    void (*on_aside)(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                     struct gw_str detail);
};

/* What can be read is, whatever else is put aside. The same registry and message give the same
 * samples. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_json_map_read(const struct gw_registry *registry, const struct gw_json_message *message,
                     const struct gw_json_sink *sink, struct gw_arena *arena,
                     struct gw_json_read *out_read);
