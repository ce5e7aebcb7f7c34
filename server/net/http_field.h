/* One HTTP field line (RFC 9110, section 5), borrowed. */
#pragma once

#include <stddef.h>

#include "server/core/str.h"

struct gw_field {
    struct gw_str name;  /* as received; compare without case */
    struct gw_str value; /* without the white space around it */
};

/* The value of the first field of that name, or NULL. */
static inline const struct gw_str *gw_field_find(const struct gw_field *fields, size_t count,
                                                 struct gw_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal_nocase(fields[i].name, name))
            return &fields[i].value;
    }
    return NULL;
}
