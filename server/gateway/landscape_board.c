#include "server/gateway/landscape_board.h"

#include <stdio.h>

#include "server/core/hash.h"

#define MAX_PROBES 32

static uint64_t hash_of(struct gw_str landscape, struct gw_str key)
{
    char text[160];
    int len = snprintf(text, sizeof(text), "%.*s:%.*s", GW_STR_ARG(landscape), GW_STR_ARG(key));
    size_t used = len < 0 ? 0 : (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
    uint64_t hash = gw_hash(gw_hash_process_key(), gw_str_from(text, used));

    return hash != 0 ? hash : 1;
}

/* The slot of the hash, made if it is not there and `is_wanted`; NULL: there is none. */
static struct gw_landscape_slot *find(struct gw_landscape_board *board, uint64_t hash,
                                      bool is_wanted)
{
    for (size_t i = 0; i < MAX_PROBES; i++) {
        struct gw_landscape_slot *slot = &board->slots[(hash + i) % GW_LANDSCAPE_SLOTS];
        unsigned long long found = atomic_load_explicit(&slot->hash, memory_order_acquire);
        if (found == 0 && !is_wanted)
            return NULL;
        if (found == 0 && atomic_compare_exchange_strong(&slot->hash, &found, hash))
            return slot;
        if (found == hash)
            return slot;
    }
    return NULL;
}

struct gw_landscape_slot *gw_landscape_write_begin(struct gw_landscape_board *board,
                                                   struct gw_str landscape, struct gw_str key)
{
    struct gw_landscape_slot *slot = find(board, hash_of(landscape, key), true);

    if (slot == NULL)
        slot = &board->others;
    atomic_fetch_add(&slot->writes, 1);
    return slot;
}

void gw_landscape_write_end(struct gw_landscape_slot *slot)
{
    if (slot != NULL)
        atomic_fetch_sub(&slot->writes, 1);
}

unsigned gw_landscape_writes(struct gw_landscape_board *board, struct gw_str landscape,
                             struct gw_str key)
{
    struct gw_landscape_slot *slot = find(board, hash_of(landscape, key), false);

    return (slot != NULL ? atomic_load(&slot->writes) : 0) + atomic_load(&board->others.writes);
}
