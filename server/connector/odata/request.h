/* The arguments of a function, made into the request that they mean. Pure but for the arena.
 *
 * A target is relative to the service's root and begins with '/'. Whatever arguments hold, one
 * request to the entity that they name comes out: names are checked, values are literals. */
#pragma once

#include "server/connector/odata/settings.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/value.h"

struct gw_arena;

enum odata_shape {
    ODATA_NOTHING, /* an answer without content */
    ODATA_ENTITY,  /* one; perhaps nothing */
    ODATA_LIST,
    ODATA_ANY, /* as it comes: of actions */
};

struct odata_request {
    const char *method;
    struct gw_str path;  /* "/A_Order('1')", percent-encoded */
    struct gw_str query; /* without '?'; may be empty */
    struct gw_str body;  /* JSON; ptr NULL: none */
    struct gw_str etag;  /* If-Match; empty: none */
    enum odata_shape shape;
    bool is_write;
};

/* What it takes to build one. */
struct odata_builder {
    struct gw_arena *arena;
    const struct odata_settings *settings;
    const struct gw_value *arguments;
    bool in_batch; /* an entity may be "$ID": what an earlier member has made */
    struct gw_error *error;
};

/* The function ("list", "read", "create", "update", "delete", "action", "function") of that name.
 * 0, -EINVAL (the arguments cannot be meant: the error says why), -ENOENT (no such function), or
 * -ENOMEM. */
GW_MUST_CHECK
int odata_request_build(const struct odata_builder *builder, struct gw_str function,
                        struct odata_request *out_request);

/* --- arguments: arguments.c ------------------------------------------------------------------- */

/* NULL where it is absent or null. */
const struct gw_value *odata_argument(const struct odata_builder *builder, const char *name);
/* A text that may be absent (then empty). 0 or -EINVAL. */
GW_MUST_CHECK
int odata_argument_text(const struct odata_builder *builder, const char *name,
                        struct gw_str *out_text);
/* An integer that may be absent (then -1). 0 or -EINVAL. */
GW_MUST_CHECK
int odata_argument_count(const struct odata_builder *builder, const char *name, int64_t *out_count);
/* A boolean that may be absent (then false). 0 or -EINVAL. */
GW_MUST_CHECK
int odata_argument_flag(const struct odata_builder *builder, const char *name, bool *out_flag);
