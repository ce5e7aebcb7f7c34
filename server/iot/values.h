/* The last value of each series, its device's state, and its recent history, kept in Redis for
 * whoever reads them: every instance of a fleet answers the same.
 *
 * Filled by the lane as samples are computed on, written once a second (histories every five) with
 * one script for each edge node that has something new. Keys, all of the node's slot:
 * `millgate:iot:{<node>}:values` (a hash: "<device>/<metric>" -> "<ms> <quality> <JSON value>"),
 * `:states` ("<device>" -> "<state> <since ms>"), `:seen` ("<device>" -> the ms of its newest
 * sample) and `:history:<device>/<metric>` (records as below, put behind each other; between
 * `history_samples` and twice as many). An instance that no longer owns the node writes nothing.
 * What a crash has computed twice stands in a history twice: readers drop what is equal.
 *
 * The lane's thread. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/iot/registry.h"
#include "server/iot/sample.h"
#include "server/iot/sparkplug_host.h"

struct gw_iot_values;
struct gw_loop;
struct gw_redis;

/* A sample of a history: event time, the value's eight bytes, type << 4 | quality. Texts have no
 * history. In the machine's order of bytes. */
#define GW_HISTORY_RECORD_BYTES 17

void gw_history_record_write(const struct gw_sample *sample, char out[GW_HISTORY_RECORD_BYTES]);
/* False: it is none. `series` is left alone. */
GW_MUST_CHECK
bool gw_history_record_read(const char *bytes, struct gw_sample *out_sample);

struct gw_iot_values_config {
    struct gw_loop *loop;
    struct gw_redis *redis;       /* borrowed, as all of these */
    struct gw_registry *registry; /* held */
    struct gw_str instance;       /* as the node's owner has it; copied */
    uint32_t history_samples;     /* 0: no histories are kept */
};

struct gw_iot_values_counts {
    uint64_t writes, failures;
    uint64_t history_dropped; /* samples for which there was no room while Redis was away */
    size_t bytes;             /* of memory, now */
};

GW_MUST_CHECK
struct gw_iot_values *gw_iot_values_create(const struct gw_iot_values_config *config);
/* Sends what is left first. NULL is safe. */
void gw_iot_values_destroy(struct gw_iot_values *values);

/* Another registry: what is known of devices and metrics that are still there stays, and what waits
 * to be written does. 0, or -ENOMEM: nothing has changed. */
GW_MUST_CHECK
int gw_iot_values_change(struct gw_iot_values *values, struct gw_registry *registry);
uint32_t gw_iot_values_history_samples(const struct gw_iot_values *values);

void gw_iot_values_take(struct gw_iot_values *values, const struct gw_edge_node_config *config,
                        const struct gw_sample *samples, size_t count);
/* time_ms 0: as it is now; nothing is known of when it became so. */
void gw_iot_values_set_state(struct gw_iot_values *values, const struct gw_device_config *device,
                             enum gw_device_state state, int64_t time_ms);
/* Another owns the node from now on: what is left is sent, and the rest forgotten. */
void gw_iot_values_leave(struct gw_iot_values *values, const struct gw_edge_node_config *config);

void gw_iot_values_get_counts(const struct gw_iot_values *values,
                              struct gw_iot_values_counts *out_counts);
