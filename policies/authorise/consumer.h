/* What operations have set for a consumer (`millgate consumer set`), as the worker mirrors it. Pure
 * but for the arena. */
#pragma once

#include <stdbool.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_record_set;

struct consumer {
    bool is_disabled;
    struct gw_str plan; /* in the arena; empty: none is set */
};

/* 0, and what is set, which is nothing for most; or -ENOMEM. Without records (NULL) nothing is. */
GW_MUST_CHECK
int consumer_find(const struct gw_record_set *records, struct gw_arena *arena, struct gw_str name,
                  struct consumer *out_consumer);
