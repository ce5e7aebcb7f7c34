/* Records as one thread sees them: an index of its own over records that all threads share.
 *
 * The publisher (store/mirror, on the main thread) hands changes over; the owner takes them in when
 * it is woken, and looks up without a lock or an atomic operation. A record is immutable and freed
 * with its last reference. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/map.h"
#include "server/core/str.h"

/* An id begins with its kind: "key:1f...", "revocation:jti:corp:42". */
struct gw_record {
    atomic_uint references;
    uint32_t id_len, value_len;
    bool is_removed; /* there is no value: as a change, it takes the id out */
    char bytes[];    /* id, then value */
};

static inline struct gw_str gw_record_id(const struct gw_record *record)
{
    return gw_str_from(record->bytes, record->id_len);
}

/* JSON text, as it was written. */
static inline struct gw_str gw_record_value(const struct gw_record *record)
{
    return gw_str_from(record->bytes + record->id_len, record->value_len);
}

/* With one reference. NULL without memory. */
GW_MUST_CHECK
struct gw_record *gw_record_create(struct gw_str id, const struct gw_str *value);
struct gw_record *gw_record_retain(struct gw_record *record);
void gw_record_release(struct gw_record *record); /* any thread; NULL is safe */

struct gw_record_batch;

struct gw_record_set {
    struct gw_map map;       /* id -> struct gw_record */
    size_t counts[256];      /* by the id's first letter */
    bool is_loaded;          /* Redis' records were there once; false: nothing is known */
    atomic_bool has_lost;    /* without memory for one: nothing is known any more */
    atomic_ullong synced_ns; /* CLOCK_MONOTONIC: when Redis last agreed; 0: never. Any thread */
    _Atomic(struct gw_record_batch *) inbox;
};

void gw_record_set_init(struct gw_record_set *set, size_t max_count);
void gw_record_set_finish(struct gw_record_set *set); /* nobody hands over any more */

/* --- the owner --- */

/* NULL, or the record: valid until the owner's next turn. */
const struct gw_record *gw_record_set_find(const struct gw_record_set *set, struct gw_str id);

/* Whether what is not found is not there. */
static inline bool gw_record_set_is_known(const struct gw_record_set *set)
{
    return set->is_loaded && !atomic_load_explicit(&set->has_lost, memory_order_relaxed);
}

/* How many there are whose id begins with that letter. */
static inline size_t gw_record_set_count(const struct gw_record_set *set, char kind)
{
    return set->counts[(unsigned char)kind];
}

/* How old what is known is, in ns; UINT64_MAX: nothing is. */
uint64_t gw_record_set_age_ns(const struct gw_record_set *set, uint64_t now_ns);

/* Takes a change in. 0, -ENOSPC or -ENOMEM. */
GW_MUST_CHECK
int gw_record_set_apply(struct gw_record_set *set, struct gw_record *record);

/* Takes in what was handed over. */
void gw_record_set_take(struct gw_record_set *set);

/* --- the publisher --- */

/* Hands changes over, in order; the owner has them after its next gw_record_set_take(). The first
 * time, even with none, says that all is there. Without memory, the set is lost. */
void gw_record_set_hand_over(struct gw_record_set *set, struct gw_record *const *records,
                             size_t count);
