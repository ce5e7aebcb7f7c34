/* What does not fit the contract, and how the caller is told (RFC 9457).
 *
 * Each violation becomes an object of the problem's member "errors": where (in, name, pointer),
 * which rule (schema, keyword) and a sentence. Values that the schema calls secret are not in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/json/reader.h"
#include "server/json/schema.h"

struct gw_arena;

enum violation_place {
    VIOLATION_IN_BODY,
    VIOLATION_IN_PATH,
    VIOLATION_IN_QUERY,
    VIOLATION_IN_HEADER,
    VIOLATION_IN_COOKIE,
};

struct violation {
    enum violation_place in;
    struct gw_str name;        /* of the parameter; empty: none */
    struct gw_str pointer;     /* into the value */
    struct gw_str schema;      /* where the rule stands in the contract; empty: none */
    struct gw_str keyword;     /* "minimum"; of our own: "required", "duplicate", "encoding", ... */
    struct gw_str detail;      /* a sentence */
    size_t byte, line, column; /* of an error in JSON; line 0: none */
};

struct violations {
    struct gw_arena *arena; /* where all texts live */
    size_t max_count;
    struct violation *items; /* taken with the first one */
    size_t count;
    bool is_cut;        /* there were more */
    bool has_no_memory; /* something could not be checked or told */
};

void violations_init(struct violations *list, struct gw_arena *arena, size_t max_count);
bool violations_are_any(const struct violations *list);

void violations_add(struct violations *list, const struct violation *violation);

/* A value against a schema. True if it is valid; what could not be decided is a violation. */
bool violations_check(struct violations *list, const struct gw_schema_set *set, size_t schema,
                      const struct gw_json_tape *tape, const struct violation *where,
                      enum gw_schema_direction direction);

/* An error of the reader. */
void violations_add_json_error(struct violations *list, const struct violation *where,
                               const struct gw_json_error *error);

/* `"errors":[...]`, and `"errors_cut":true` when there were more. In the arena; empty without
 * memory. */
GW_MUST_CHECK
struct gw_str violations_members(const struct violations *list);

/* One line for the operator's log: the first violation, and how many there are. */
GW_MUST_CHECK
struct gw_str violations_summary(const struct violations *list);
