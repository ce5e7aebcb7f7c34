/* A kept response as bytes, for Redis. Only gateways write it, but it is read as if anybody did. */
#pragma once

#include "policies/cache/entry.h"
#include "server/core/arena.h"
#include "server/core/buf.h"

/* Appends it; `wall_ns` is CLOCK_REALTIME at `now_ns`. */
void cache_wire_write(const struct cache_entry *entry, int64_t now_ns, int64_t wall_ns,
                      struct gw_buf *out);

/* What the bytes say, borrowed from them and from the arena. 0, -EINVAL or -ENOMEM. The draft's
 * epoch is left 0. */
GW_MUST_CHECK
int cache_wire_read(struct gw_str bytes, int64_t now_ns, int64_t wall_ns, struct gw_arena *arena,
                    struct cache_draft *out_draft);
