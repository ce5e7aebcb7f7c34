/* One page made of the pages of several systems. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/json/value.h"

/* A system's page. */
struct gw_merge_part {
    const struct gw_value *items;
    uint32_t count;
    uint32_t at;   /* the first item that was not given yet; moved by the merge */
    bool has_next; /* there are more behind the page */
};

struct gw_merge {
    struct gw_merge_part *parts;
    size_t count;
    struct gw_str sort; /* "x", "-x", "x,-y" of members; empty: "id" */
    uint32_t limit;
    /* Whether an item of that part counts; the others are passed over. May be NULL. */
    bool (*is_wanted)(void *self, size_t part, const struct gw_value *item);
    void *self;
};

/* Takes the smallest of the parts' next items until there are `limit`, or a part has no more here,
 * but behind its page: what comes there may be smaller than all others. Writes them to `out`, which
 * has room for `limit`; returns how many. Parts that are not sorted are still given whole. */
size_t gw_merge_pages(const struct gw_merge *merge, struct gw_value *out);

/* How two items stand to each other: <0, 0, >0. What lacks a member comes last, whatever the
 * direction. Numbers, and `value` of quantities, count by value; text by its bytes. */
int gw_merge_compare(struct gw_str sort, const struct gw_value *a, const struct gw_value *b);
