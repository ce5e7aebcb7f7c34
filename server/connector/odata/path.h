/* The path to what a function is about: entity set, key, navigation. Pure but for the arena. */
#pragma once

#include "server/connector/odata/request.h"

/* Appends "(...)" to `out`, percent-encoded: `key` is one literal, or an object of named ones. */
GW_MUST_CHECK
int odata_key_write(struct gw_buf *out, enum odata_version version, const struct gw_value *key,
                    struct gw_error *error);

/* Appends "/Entity", "/Entity(key)" and "/Entity(key)/navigation" from the arguments `entity`,
 * `key` and `navigation`. `needs_key`: one entity is meant. 0 or -EINVAL. */
GW_MUST_CHECK
int odata_path_write(struct gw_buf *out, const struct odata_builder *builder, bool needs_key);
