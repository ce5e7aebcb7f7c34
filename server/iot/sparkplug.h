/* Sparkplug B messages: topic names and payloads, read and written.
 *
 * Standard: Sparkplug 3.0, chapters 4 (topics) and 6 (payloads). Payloads are decoded by protobuf-c
 * from sparkplug.proto; what a decoded message points to lies in the arena. Payloads compressed in
 * a maker's own way (uuid SPBV1.0_COMPRESSED) are refused. Pure; any thread. */
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

const char *gw_sparkplug_kind_name(enum gw_sparkplug_kind kind); /* "NBIRTH" */

/* "spBv1.0/<group>/<kind>/<edge node>[/<device>]", "spBv1.0/STATE/<host>". What it finds points
 * into `topic`. -EINVAL: it is none; *error says why. */
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

/* What the value travels as, whatever its type says. */
enum gw_sparkplug_wire {
    GW_SPARKPLUG_WIRE_NONE,
    GW_SPARKPLUG_WIRE_INT, /* 32 bits */
    GW_SPARKPLUG_WIRE_LONG,
    GW_SPARKPLUG_WIRE_FLOAT,
    GW_SPARKPLUG_WIRE_DOUBLE,
    GW_SPARKPLUG_WIRE_BOOLEAN,
    GW_SPARKPLUG_WIRE_STRING,
    GW_SPARKPLUG_WIRE_BYTES,
    GW_SPARKPLUG_WIRE_DATASET,
    GW_SPARKPLUG_WIRE_TEMPLATE,
};

struct gw_sparkplug_metric {
    struct gw_str name; /* empty: only the alias is given */
    bool has_alias, has_time;
    bool has_type; /* of a DATA message it may be left out: that of the birth counts */
    bool is_historical, is_transient, is_null;
    bool is_mistyped; /* the value is not of `type` */
    uint8_t wire;     /* enum gw_sparkplug_wire */
    uint8_t type;     /* enum gw_sparkplug_type */
    uint8_t value;    /* enum gw_sample_type; NONE: null, mistyped, not finite, or no scalar */
    uint8_t quality;  /* enum gw_quality, from the property "Quality" (6.4.11: 192, 0, 500) */
    uint64_t alias;
    int64_t time_ms; /* INT64_MAX where the wire's is beyond it */
    union {          /* as the type means it where that is known, else as the wire has it */
        bool boolean;
        int64_t integer; /* UInt64 above INT64_MAX is a real */
        double real;
        struct gw_str text; /* also bytes and arrays, as they came */
    };
    uint64_t bits;                                      /* the wire's integer, for apply_type */
    struct gw_str unit;                                 /* the property "engUnit"; may be empty */
    const struct gw_sparkplug_dataset *dataset;         /* or NULL */
    const struct gw_sparkplug_template *template_value; /* or NULL */
};

/* A table. Cells are metrics that have the column's name and type, row by row. */
struct gw_sparkplug_dataset {
    const struct gw_sparkplug_metric *cells;
    size_t row_count, column_count;
};

struct gw_sparkplug_template {
    bool is_definition; /* it says what instances have: its values are no samples */
    struct gw_str definition;
    const struct gw_sparkplug_metric *metrics;
    size_t metric_count;
};

struct gw_sparkplug_payload {
    bool has_time, has_seq;
    uint8_t seq;
    int64_t time_ms; /* INT64_MAX where the wire's is beyond it */
    struct gw_sparkplug_metric *metrics;
    size_t metric_count;
    struct gw_str body;
};

#define GW_SPARKPLUG_MAX_BYTES (1024 * 1024)
#define GW_SPARKPLUG_MAX_METRICS 20000 /* of one message, with cells and members */
#define GW_SPARKPLUG_MAX_DEPTH 16      /* of messages within messages */

/* -EINVAL: not well-formed, with what is wrong in *error; -E2BIG: beyond a limit above; -ENOMEM. */
GW_MUST_CHECK
int gw_sparkplug_decode(struct gw_str bytes, struct gw_arena *arena,
                        struct gw_sparkplug_payload *out_payload, struct gw_error *error);

/* Of a DATA metric once its birth's type is known: value and integer as that type means them. A
 * number that is not finite becomes NONE of quality BAD. -EINVAL: the wire's value is not of that
 * type; the value is NONE then. */
GW_MUST_CHECK
int gw_sparkplug_apply_type(struct gw_sparkplug_metric *metric, enum gw_sparkplug_type type);

/* For commands (NCMD, DCMD) and tests: appends a payload. Scalars, bytes and arrays only; -EINVAL
 * for others and for a value that is not of its type, -ENOMEM. */
GW_MUST_CHECK
int gw_sparkplug_encode(const struct gw_sparkplug_payload *payload, struct gw_buf *out);
