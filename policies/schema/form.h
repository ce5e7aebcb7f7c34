/* Form bodies as objects: application/x-www-form-urlencoded (WHATWG URL, section 5.1) and
 * multipart/form-data (RFC 7578), by the schema's shape and OpenAPI's Encoding Objects.
 *
 * A property whose schema is an array gathers all fields of its name. One whose schema is an object
 * is JSON text. Bytes of a part that are no UTF-8 stand as one character each, so that minLength
 * and maxLength count bytes. Pure but for the arena. */
#pragma once

#include "policies/schema/body.h"
#include "server/contract/pairs.h"
#include "server/contract/value_tape.h"

struct form_field {
    struct gw_str name;
    struct gw_str value;        /* decoded */
    struct gw_str content_type; /* of a part; empty: not stated */
    uint16_t hash;              /* gw_json_name_hash(name) */
};

struct form_fields {
    struct form_field *items; /* in the arena */
    size_t count;
    struct gw_pairs pairs; /* of a urlencoded form: the same, not decoded; else empty */
};

/* Returns 0; -EILSEQ (a broken escape, no UTF-8, NUL), -E2BIG (more than GW_PAIRS_MAX), -ENOMEM. */
GW_MUST_CHECK
int form_read(struct gw_str body, struct gw_arena *arena, struct form_fields *out_fields);

/* Adds the object to `tape`. What is wrong with single fields is added to `list`, once. */
void form_add_object(const struct body_rules *rules, const struct gw_media_type *type,
                     struct form_fields *fields, struct gw_value_tape *tape,
                     struct violations *list);
