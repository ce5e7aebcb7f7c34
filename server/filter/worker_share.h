/* What a policy keeps on a worker beyond the life of its instance: caches, keys, connections.
 *
 * Who opens one of an equal configuration shares it, and it lives on for a minute when the last has
 * closed it; so a reload loses nothing of what it did not change. On the worker's thread; once that
 * has ended (leave is called), only close may be called. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"

struct gw_worker_share;

struct gw_worker_share_type {
    bool (*is_equal)(const struct gw_worker_share *share, const void *config);
    /* On zeroed or any memory: open fills in the share. NULL without memory. */
    struct gw_worker_share *(*create)(const void *config, struct gw_worker *worker);
    void (*leave)(struct gw_worker_share *share); /* the worker ends: off its loop; may be NULL */
    void (*destroy)(struct gw_worker_share *share);
    const struct gw_worker_exhibit *exhibit; /* see worker.h; may be NULL */
};

/* Embedded in what is shared. */
struct gw_worker_share {
    struct gw_worker_tenant tenant;
    const struct gw_worker_share_type *type;
    struct gw_worker *worker; /* NULL: it has ended */
    unsigned users;
    struct gw_timer linger; /* without users */
};

/* NULL without memory. */
GW_MUST_CHECK
struct gw_worker_share *gw_worker_share_open(const struct gw_worker_share_type *type,
                                             const void *config, struct gw_worker *worker);
/* NULL is safe. */
void gw_worker_share_close(struct gw_worker_share *share);
