/* What makes a create effective once: a key of ours among its fields, and finding what is there.
 * Pure but for the arena. Private to connector/odata. */
#pragma once

#include "server/connector/odata/request.h"

/* The argument `adopt`: {"field": "ManufacturingOrder", "length": 12, "prefix": "MG"}. */
struct odata_adoption {
    struct gw_str field;   /* empty: nothing is adopted */
    struct gw_value value; /* of that field */
    bool is_derived;       /* from the effect key; else the body had it */
};

#define ODATA_MIN_KEY_DIGITS 10 /* of five bits each */

/* Reads `adopt` and settles the field's value: the body's own where it has one, else made of
 * `effect_key`: the prefix, then digits of its SHA-256 (A-Z, 2-7) up to `length`. 0, -EINVAL, or
 * -ENOMEM. */
GW_MUST_CHECK
int odata_adoption_read(const struct odata_builder *builder, struct gw_str effect_key,
                        struct odata_adoption *out_adoption);

/* The arguments of the create with the field in its body. 0 or -ENOMEM. */
GW_MUST_CHECK
int odata_adoption_arguments(const struct odata_builder *builder,
                             const struct odata_adoption *adoption, struct gw_value *out_arguments);

/* Whether what was found is what was meant: each scalar of `body` that `found` has is equal there
 * (numbers by value, also where one is written as a text). */
bool odata_adoption_fits(const struct gw_value *body, const struct gw_value *found);
