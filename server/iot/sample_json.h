/* Samples as JSON: those that come over HTTP, from the request through the journal to the lane.
 *
 * In the journal they are a message whose topic is "samples/<group>/<edge node>/<place>" and whose
 * payload is a list of [device, metric, ms, value, quality, is historical], in canonical units.
 * Those whose topic begins with "kept/" instead have been computed on already, at an edge: they are
 * for those who read, and not for signals. Pure but for the arena. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/iot/registry.h"
#include "server/iot/sample.h"
#include "server/json/value.h"

#define GW_SAMPLES_TOPIC "samples/"
#define GW_SAMPLES_KEPT_TOPIC "kept/"
#define GW_SAMPLES_MAX 10000     /* of one payload */
#define GW_SAMPLES_MAX_TEXT 4096 /* bytes of a value */
#define GW_SAMPLES_MAX_BYTES (4u << 20)

/* "samples/<group>/<edge node>/<place>", or "kept/...". False: it is none. */
bool gw_samples_topic_parse(struct gw_str topic, struct gw_str *out_group,
                            struct gw_str *out_edge_node, struct gw_str *out_place);

/* A JSON value as a sample has it; -EINVAL: an object, a list, a number beyond all bounds, a text
 * that is too long. Texts are borrowed. */
GW_MUST_CHECK
int gw_sample_set_value(const struct gw_value *value, struct gw_sample *out_sample);
/* From the device's units to ours; a boolean has none. */
void gw_sample_scale(const struct gw_metric_config *metric, struct gw_sample *sample);

/* Appends one item, with a comma where it is not the first behind "[". */
void gw_samples_write(struct gw_buf *out, struct gw_str device, struct gw_str metric,
                      const struct gw_sample *sample);

struct gw_samples_read {
    struct gw_sample *samples; /* in the arena; texts in it or in the payload */
    size_t count;
    size_t unknown; /* of devices or metrics that the registry no longer has */
    struct gw_str unknown_device, unknown_metric; /* the last of them */
};

/* The payload of a message. -EINVAL (*error says why), -ENOMEM. */
GW_MUST_CHECK
int gw_samples_read(struct gw_str payload, const struct gw_registry *registry,
                    const struct gw_edge_node_config *node, struct gw_arena *arena,
                    struct gw_samples_read *out_read, struct gw_error *error);
