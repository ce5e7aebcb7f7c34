/* Effects that are in doubt, or dead: how operators find and settle them.
 *
 * An index is a sorted set under millgate:effects:{e<n>} of records' names (effect_record.h). The
 * score of one that was sent is the time at which its claim ends (it is in doubt from then on), and
 * of one that is dead, the time at which it died, negative. It is kept by the scripts that change
 * the records, which share its slot, and holds 10000 at most: of more, the oldest are not shown. */
#pragma once

#include "server/core/attr.h"
#include "server/store/effect_record.h"
#include "server/store/redis.h"

/* KEYS: an index. ARGV: how many at most, the backend ("": all). Returns an array of arrays, those
 * that are dead first, then the oldest: {state, since, first (ms since 1970), settled in (ms),
 * backend, key, class, fence, function, flow, request, ms to live}. Names whose record has gone are
 * removed. */
extern const struct gw_script gw_effect_list_script;
#define GW_EFFECT_LIST_ARGS 2
enum gw_effect_list_item {
    GW_EFFECT_ITEM_STATE,
    GW_EFFECT_ITEM_SINCE,
    GW_EFFECT_ITEM_FIRST,
    GW_EFFECT_ITEM_SETTLED,
    GW_EFFECT_ITEM_BACKEND,
    GW_EFFECT_ITEM_KEY,
    GW_EFFECT_ITEM_CLASS,
    GW_EFFECT_ITEM_FENCE,
    GW_EFFECT_ITEM_FUNCTION,
    GW_EFFECT_ITEM_FLOW,
    GW_EFFECT_ITEM_REQUEST,
    GW_EFFECT_ITEM_TTL,
    GW_EFFECT_LIST_ITEMS,
};

/* KEYS: an index. Returns {in doubt, dead}, and removes some of the names whose record has gone. */
extern const struct gw_script gw_effect_count_script;

/* KEYS as of the record's scripts. ARGV: "executed" or "not-executed", the result as JSON ("": it
 * is looked for, or null). Nothing is settled while somebody may be sending it, and "not
 * executed" is only said of what has settled. Returns {one of these, ms until it can be}. */
extern const struct gw_script gw_effect_resolve_script;
#define GW_EFFECT_RESOLVE_ARGS 2
enum gw_effect_resolve {
    GW_EFFECT_RESOLVED,
    GW_EFFECT_ABSENT,
    GW_EFFECT_KNOWN, /* its outcome is known */
    GW_EFFECT_UNSETTLED,
};

/* One script run on all indexes at once. Embedded in what it belongs to; the caller sets what is
 * above the line. All that it points to must stay until the end. */
struct gw_effect_sweep {
    const struct gw_script *script;
    const struct gw_str *args;
    size_t arg_count;
    uint64_t timeout_ns;
    void (*on_part)(struct gw_effect_sweep *sweep, const struct gw_reply *reply); /* an array */
    /* Called once, from the loop. rc is 0, or why one of them could not be asked. */
    void (*on_done)(struct gw_effect_sweep *sweep, int rc);

    /* --- private --- */
    struct gw_effect_part {
        struct gw_effect_sweep *sweep;
        struct gw_redis_call *call; /* NULL: it is over */
        struct gw_redis_eval eval;
        struct gw_str key;
        char name[GW_EFFECT_INDEX_BYTES];
    } parts[GW_EFFECT_INDEXES];
    unsigned pending;
    int rc;
};

/* 0; or a negative errno, and nothing will be called. */
GW_MUST_CHECK
int gw_effect_sweep_start(struct gw_effect_sweep *sweep, struct gw_redis *redis);
/* Nothing is called any more. Safe on a zeroed one. */
void gw_effect_sweep_stop(struct gw_effect_sweep *sweep);
