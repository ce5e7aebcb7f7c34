/* Sparkplug B messages: topic names and payloads, read and written.
 *
 * Standard: Sparkplug 3.0, chapters 4 (topics) and 6 (payloads). Payloads are decoded by protobuf-c
 * from sparkplug.proto; what a decoded message points to lies in the arena or in the bytes. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/iot/sample.h"

enum gw_sparkplug_kind {
    GW_SPARKPLUG_NBIRTH,
    GW_SPARKPLUG_NDATA,
    GW_SPARKPLUG_NDEATH,
    GW_SPARKPLUG_DBIRTH,
    GW_SPARKPLUG_DDATA,
    GW_SPARKPLUG_DDEATH,
    GW_SPARKPLUG_NCMD,
    GW_SPARKPLUG_DCMD,
    GW_SPARKPLUG_STATE,
};

struct gw_sparkplug_topic {
    enum gw_sparkplug_kind kind;
    struct gw_str group, edge_node, device; /* of STATE: the host's id is in edge_node */
};

/* "spBv1.0/<group>/<kind>/<edge node>[/<device>]". -EINVAL: it is none; *error says why. */
GW_MUST_CHECK
int gw_sparkplug_topic_parse(struct gw_str topic, struct gw_sparkplug_topic *out_topic,
                             struct gw_error *error);

/* 6.4.16: the data types that a metric can have. */
enum gw_sparkplug_type {
    GW_SPARKPLUG_UNKNOWN = 0,
    GW_SPARKPLUG_INT8 = 1,
    GW_SPARKPLUG_INT16,
    GW_SPARKPLUG_INT32,
    GW_SPARKPLUG_INT64,
    GW_SPARKPLUG_UINT8,
    GW_SPARKPLUG_UINT16,
    GW_SPARKPLUG_UINT32,
    GW_SPARKPLUG_UINT64,
    GW_SPARKPLUG_FLOAT,
    GW_SPARKPLUG_DOUBLE,
    GW_SPARKPLUG_BOOLEAN,
    GW_SPARKPLUG_STRING,
    GW_SPARKPLUG_DATETIME,
    GW_SPARKPLUG_TEXT,
    GW_SPARKPLUG_UUID,
    GW_SPARKPLUG_DATASET,
    GW_SPARKPLUG_BYTES,
    GW_SPARKPLUG_FILE,
    GW_SPARKPLUG_TEMPLATE,
    /* 20 ... 34: property sets and arrays */
    GW_SPARKPLUG_TYPE_COUNT = 35,
};

struct gw_sparkplug_dataset;
struct gw_sparkplug_template;

struct gw_sparkplug_metric {
    struct gw_str name; /* empty: only the alias is given */
    bool has_alias, has_time, has_type;
    bool is_historical, is_transient, is_null;
    uint64_t alias;
    int64_t time_ms;
    enum gw_sparkplug_type
        type;                  /* of a DATA message it may be left out: that of the birth counts */
    enum gw_sample_type value; /* NONE: null, or one that is no scalar; see the pointers */
    union {
        bool boolean;
        int64_t integer; /* two's complement widths are undone where `type` is known */
        double real;
        struct gw_str text; /* also bytes */
    };
    uint64_t bits;   /* the wire's integer as it came, for undoing once the type is known */
    uint8_t quality; /* enum gw_quality, from the property "Quality" (6.4.11: 192, 0, 500) */
    const struct gw_sparkplug_dataset *dataset;         /* or NULL */
    const struct gw_sparkplug_template *template_value; /* or NULL */
};

struct gw_sparkplug_payload {
    bool has_time, has_seq;
    int64_t time_ms;
    uint64_t seq; /* 0 ... 255 */
    struct gw_sparkplug_metric *metrics;
    size_t metric_count;
    struct gw_str body;
};

#define GW_SPARKPLUG_MAX_BYTES (1024 * 1024)
#define GW_SPARKPLUG_MAX_METRICS 20000 /* of one message */

/* -EINVAL: not well-formed, with what is wrong in *error; -E2BIG; -ENOMEM. */
GW_MUST_CHECK
int gw_sparkplug_decode(struct gw_str bytes, struct gw_arena *arena,
                        struct gw_sparkplug_payload *out_payload, struct gw_error *error);

/* Of a DATA metric once its birth's type is known: value and integer as that type means them.
 * -EINVAL: the wire's value is not of that type. */
GW_MUST_CHECK
int gw_sparkplug_apply_type(struct gw_sparkplug_metric *metric, enum gw_sparkplug_type type);

/* For commands (NCMD, DCMD) and tests: appends a payload. */
GW_MUST_CHECK
int gw_sparkplug_encode(const struct gw_sparkplug_payload *payload, struct gw_buf *out);
