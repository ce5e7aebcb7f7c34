/* Landscapes: several systems do the same job, and each keeps the record of a part: of some plants,
 * say. A landscape says by a key of the request which one that is.
 *
 * A rule of `keys` is one key ("1010"), all that begin alike ("2*"), or a range of numbers of equal
 * length ("3000-3999"). No two rules of a landscape have a key in common. Pure; the structures are
 * the configuration's, immutable. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

#define GW_MAX_LANDSCAPE_SYSTEMS 16
#define GW_MAX_LANDSCAPE_RULES 1000
#define GW_MAX_LANDSCAPE_KEY_BYTES 64

struct gw_landscape_system {
    struct gw_str name;
    struct gw_str backend; /* of the flows' calls that name none */
    struct gw_str flows;   /* what the namespace of its flows ends in, "tryton" */
};

enum gw_key_rule_kind { GW_KEY_EXACT, GW_KEY_PREFIX, GW_KEY_RANGE };

struct gw_key_rule {
    enum gw_key_rule_kind kind;
    struct gw_str text; /* as written */
    struct gw_str from; /* the key, the prefix, or a range's first */
    struct gw_str to;   /* a range's last */
    size_t system;      /* index */
};

struct gw_landscape {
    struct gw_str name;
    struct gw_str key;            /* the parameter's or the body's member */
    struct gw_str all;            /* the key that asks all systems */
    uint64_t part_timeout_ns;     /* of each system, where all are asked */
    const struct gw_str *ignored; /* members that a comparison leaves out */
    size_t ignored_count;
    const struct gw_landscape_system *systems;
    size_t system_count;
    const struct gw_key_rule *rules;
    size_t rule_count;
};

/* Reads a rule; `system` is not set; the text is borrowed. False: it is none. */
GW_MUST_CHECK
bool gw_key_rule_parse(struct gw_str text, struct gw_key_rule *out_rule);
/* A key as requests have it: printable ASCII without white space, neither empty nor too long. */
bool gw_key_is_valid(struct gw_str key);
bool gw_key_rule_matches(const struct gw_key_rule *rule, struct gw_str key);
/* Whether a key is there that both match. */
bool gw_key_rules_overlap(const struct gw_key_rule *a, const struct gw_key_rule *b);

/* The rule that the key falls under, or NULL. */
const struct gw_key_rule *gw_landscape_find_rule(const struct gw_landscape *landscape,
                                                 struct gw_str key);
/* The system's index, or SIZE_MAX. */
size_t gw_landscape_find_system(const struct gw_landscape *landscape, struct gw_str name);
