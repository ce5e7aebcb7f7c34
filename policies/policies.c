#include "policies/policies.h"

#include <stddef.h>

const struct gw_filter_type *const gw_policies[] = {
    NULL,
};
