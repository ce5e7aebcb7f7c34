/* The inside of a mapping, shared by the files that make it up. Not for others. */
#pragma once

#include <jansson.h>

#include "server/iot/json_map.h"
#include "server/json/option.h"

#define GW_JSON_MAP_MAX_LEVELS 64
#define GW_JSON_MAP_MAX_PARTS 8 /* of a template */

enum gw_json_level_kind {
    GW_JSON_LEVEL_TEXT,
    GW_JSON_LEVEL_PLACEHOLDER,
    GW_JSON_LEVEL_ANY,  /* "+" */
    GW_JSON_LEVEL_REST, /* "#": the last */
};

struct gw_json_level {
    enum gw_json_level_kind kind;
    size_t placeholder;
    struct gw_str text; /* of a placeholder: its name */
};

struct gw_json_part {
    struct gw_str text; /* ptr NULL: the placeholder */
    size_t placeholder;
};

/* "plant-{plant}" */
struct gw_json_template {
    const struct gw_json_part *parts;
    size_t part_count;
};

enum gw_json_time_unit {
    GW_JSON_TIME_S,
    GW_JSON_TIME_MS,
    GW_JSON_TIME_US,
    GW_JSON_TIME_NS,
};

/* Pointers that are not given have ptr NULL; "" is the whole. */
struct gw_json_metric {
    struct gw_json_template source;
    struct gw_str pointer;
};

/* An object whose members are metrics. */
struct gw_json_members {
    struct gw_str at;
    struct gw_json_template prefix;
    const struct gw_str *ignored; /* names, below `at` */
    size_t ignored_count;
};

/* A list of entries, each of which names a metric. */
struct gw_json_entries {
    struct gw_str at;
    struct gw_str name, value, time, quality; /* within an entry */
    struct gw_json_template prefix;
    const struct gw_str *ignored;
    size_t ignored_count;
};

struct gw_json_map {
    struct gw_str name;
    struct gw_str topic; /* as written */
    const struct gw_json_level *levels;
    size_t level_count, placeholder_count;
    struct gw_json_template group, edge_node, device;
    struct gw_str device_at, each, time, quality;
    enum gw_json_time_unit time_unit;
    const struct gw_str *good; /* what stands for good quality; none: the usual words and numbers */
    size_t good_count;
    const struct gw_json_metric *metrics;
    size_t metric_count;
    const struct gw_json_members *members;
    size_t members_count;
    const struct gw_json_entries *entries;
    size_t entries_count;
    bool has_numeric_texts, is_watched;
};

/* Of one mapping in a registry's file: json_map_options.c. */
extern const struct gw_option gw_json_map_options[];

/* --- json_map_compile.c --- */

struct gw_json_map_source {
    struct gw_arena *arena;
    struct gw_document *document;
    struct gw_diagnostics *diagnostics;
    const char *pointer; /* in the document: "/mappings/NAME" */
    const char *name;
    const json_t *given; /* checked by the table */
};

/* What is wrong goes to the diagnostics, and *out_map is NULL then. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_json_map_compile(const struct gw_json_map_source *source, struct gw_json_map **out_map);

/* --- json_map_topic.c --- */

/* Whether there is a topic that fits both. */
bool gw_json_map_overlaps(const struct gw_json_map *a, const struct gw_json_map *b);
/* What the template says with these values, or ptr NULL: longer than `size`. */
struct gw_str gw_json_template_fill(const struct gw_json_template *template,
                                    const struct gw_str *values, char *out, size_t size);
bool gw_json_template_is_text(const struct gw_json_template *template);

/* --- json_map_scalar.c --- */

struct gw_json_tape;

/* A number of the unit, or RFC 3339. False: no time between 1970 and 9999. */
bool gw_json_map_read_time(const struct gw_json_map *map, const struct gw_json_tape *tape,
                           uint32_t at, int64_t *out_time_ms);
/* False: no quality is written like this. */
bool gw_json_map_read_quality(const struct gw_json_map *map, const struct gw_json_tape *tape,
                              uint32_t at, enum gw_quality *out_quality);
/* Type and value; -EINVAL: no scalar, a number beyond all bounds, a text that is too long. */
GW_MUST_CHECK
int gw_json_map_read_value(const struct gw_json_map *map, const struct gw_json_tape *tape,
                           uint32_t at, struct gw_sample *sample);
