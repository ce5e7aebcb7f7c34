/* The local share: buckets in memory, for the time when Redis cannot be asked.
 *
 * At most a fixed number of subjects is remembered; for one more, the one unseen for longest is
 * forgotten, which gives that one a full bucket again. All memory is taken at creation. One
 * owner. */
#pragma once

#include <stddef.h>

#include "gcra.h"
#include "server/core/str.h"

struct share;

#define SHARE_MAX_KEY_BYTES                                              \
    128 /* longer keys are told apart by a hash of 64 bits under our key \
         */

/* NULL without memory. */
GW_MUST_CHECK
struct share *share_create(size_t max_subjects);
void share_destroy(struct share *share); /* NULL is safe */

struct gcra_decision share_take(struct share *share, struct gw_str key,
                                const struct gcra_rate *rate, uint64_t now_ns);
size_t share_get_count(const struct share *share);
