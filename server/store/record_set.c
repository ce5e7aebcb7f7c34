#include "server/store/record_set.h"

#include <stdlib.h>

#include "server/core/log.h"

/* --- records --- */

struct gw_record *gw_record_create(struct gw_str id, const struct gw_str *value)
{
    size_t value_len = value == NULL ? 0 : value->len;
    struct gw_record *record = malloc(sizeof(*record) + id.len + value_len);

    if (record == NULL)
        return NULL;
    atomic_init(&record->references, 1);
    record->id_len = (uint32_t)id.len;
    record->value_len = (uint32_t)value_len;
    record->is_removed = value == NULL;
    memcpy(record->bytes, id.ptr, id.len);
    if (value_len > 0)
        memcpy(record->bytes + id.len, value->ptr, value_len);
    return record;
}

struct gw_record *gw_record_retain(struct gw_record *record)
{
    atomic_fetch_add_explicit(&record->references, 1, memory_order_relaxed);
    return record;
}

void gw_record_release(struct gw_record *record)
{
    if (record != NULL &&
        atomic_fetch_sub_explicit(&record->references, 1, memory_order_acq_rel) == 1)
        free(record);
}

/* --- the index --- */

void gw_record_set_init(struct gw_record_set *set, size_t max_count)
{
    memset(set, 0, sizeof(*set));
    gw_map_init(&set->map, max_count);
}

const struct gw_record *gw_record_set_find(const struct gw_record_set *set, struct gw_str id)
{
    return gw_map_get(&set->map, id);
}

uint64_t gw_record_set_age_ns(const struct gw_record_set *set, uint64_t now_ns)
{
    uint64_t synced_ns = atomic_load_explicit(&set->synced_ns, memory_order_relaxed);

    if (synced_ns == 0)
        return UINT64_MAX;
    return now_ns > synced_ns ? now_ns - synced_ns : 0;
}

static size_t *count_of(struct gw_record_set *set, const struct gw_record *record)
{
    return &set->counts[record->id_len > 0 ? (unsigned char)record->bytes[0] : 0];
}

static void drop(struct gw_record_set *set, struct gw_str id)
{
    struct gw_record *old = gw_map_remove(&set->map, id);

    if (old == NULL)
        return;
    --*count_of(set, old);
    gw_record_release(old);
}

int gw_record_set_apply(struct gw_record_set *set, struct gw_record *record)
{
    drop(set, gw_record_id(record));
    if (record->is_removed)
        return 0;
    int rc = gw_map_add(&set->map, gw_record_id(record), record);
    if (rc != 0)
        return rc;
    gw_record_retain(record);
    ++*count_of(set, record);
    return 0;
}

/* --- handing over --- */

struct gw_record_batch {
    struct gw_record_batch *next; /* the one before it */
    size_t count;
    struct gw_record *records[];
};

static void free_batch(struct gw_record_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        gw_record_release(batch->records[i]);
    free(batch);
}

static void lose(struct gw_record_set *set)
{
    if (!atomic_exchange_explicit(&set->has_lost, true, memory_order_relaxed))
        gw_log_error("no memory for a record: what needs records is refused until a restart");
}

void gw_record_set_hand_over(struct gw_record_set *set, struct gw_record *const *records,
                             size_t count)
{
    struct gw_record_batch *batch = malloc(sizeof(*batch) + count * sizeof(batch->records[0]));

    if (batch == NULL) {
        lose(set);
        return;
    }
    batch->count = count;
    for (size_t i = 0; i < count; i++)
        batch->records[i] = gw_record_retain(records[i]);
    batch->next = atomic_load_explicit(&set->inbox, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&set->inbox, &batch->next, batch,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

/* The newest comes first off the inbox; they are taken in the order in which they came. */
static struct gw_record_batch *take_inbox(struct gw_record_set *set)
{
    struct gw_record_batch *batch =
        atomic_exchange_explicit(&set->inbox, NULL, memory_order_acquire);
    struct gw_record_batch *oldest = NULL;

    while (batch != NULL) {
        struct gw_record_batch *next = batch->next;
        batch->next = oldest;
        oldest = batch;
        batch = next;
    }
    return oldest;
}

void gw_record_set_take(struct gw_record_set *set)
{
    struct gw_record_batch *batch = take_inbox(set);

    while (batch != NULL) {
        struct gw_record_batch *next = batch->next;
        for (size_t i = 0; i < batch->count; i++) {
            if (gw_record_set_apply(set, batch->records[i]) != 0)
                lose(set);
        }
        set->is_loaded = true;
        free_batch(batch);
        batch = next;
    }
}

void gw_record_set_finish(struct gw_record_set *set)
{
    const struct gw_map_entry *entry;
    size_t position = 0;

    for (struct gw_record_batch *batch = take_inbox(set), *next; batch != NULL; batch = next) {
        next = batch->next;
        free_batch(batch);
    }
    while ((entry = gw_map_next(&set->map, &position)) != NULL)
        gw_record_release(entry->value);
    gw_map_finish(&set->map);
}
