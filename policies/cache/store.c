#include "policies/cache/store.h"

#define MIN_ENTRY_BYTES 512 /* about: bounds the table of keys */

void cache_store_init(struct cache_store *store, size_t max_bytes)
{
    *store = (struct cache_store){.max_bytes = max_bytes};
    gw_map_init(&store->by_key, max_bytes / MIN_ENTRY_BYTES + 16);
    gw_list_init(&store->used);
}

void cache_store_finish(struct cache_store *store)
{
    cache_store_clear(store);
    gw_map_finish(&store->by_key);
}

/* --- the variants of a key --- */

/* The map's key lies in the first variant: another first one is entered anew. */
static bool set_first(struct cache_store *store, const struct cache_key *key,
                      struct cache_entry *first)
{
    (void)gw_map_remove(&store->by_key, cache_key_str(key));
    return first == NULL || gw_map_add(&store->by_key, cache_key_str(&first->key), first) == 0;
}

static void drop_all_of(struct cache_store *store, struct cache_entry *entry)
{
    while (entry != NULL) {
        struct cache_entry *next = entry->next_variant;
        gw_list_remove(&entry->used);
        store->bytes -= entry->bytes;
        store->count--;
        cache_entry_release(entry);
        entry = next;
    }
}

void cache_store_remove(struct cache_store *store, struct cache_entry *entry)
{
    struct cache_entry *first = gw_map_get(&store->by_key, cache_key_str(&entry->key));
    struct cache_entry **link = &first;

    while (*link != NULL && *link != entry)
        link = &(*link)->next_variant;
    if (*link == NULL)
        return;
    bool was_first = first == entry;
    struct cache_entry *rest = entry->next_variant;
    *link = rest;
    entry->next_variant = NULL;
    if (was_first && !set_first(store, &entry->key, rest))
        drop_all_of(store, rest);
    gw_list_remove(&entry->used);
    store->bytes -= entry->bytes;
    store->count--;
    cache_entry_release(entry);
}

void cache_store_clear(struct cache_store *store)
{
    while (!gw_list_is_empty(&store->used))
        cache_store_remove(store, GW_LIST_ITEM(store->used.next, struct cache_entry, used));
}

static bool is_purged(const struct cache_store *store, const struct cache_entry *entry)
{
    bool is_purged = store->all_purged > entry->known;

    for (size_t i = 0; i < entry->tag_count; i++)
        is_purged = is_purged || store->tag_purged[entry->tags[i]] > entry->known;
    return is_purged;
}

struct cache_entry *cache_store_find(struct cache_store *store, struct cache_keyer *keyer,
                                     const struct gw_exchange *ex, const struct cache_key *key)
{
    struct cache_entry *entry = gw_map_get(&store->by_key, cache_key_str(key));

    while (entry != NULL) {
        struct cache_entry *next = entry->next_variant;
        struct cache_key variant;
        if (is_purged(store, entry)) {
            cache_store_remove(store, entry);
        } else if (cache_variant_make(keyer, ex, entry->vary, &variant) == 0 &&
                   cache_key_is_equal(&variant, &entry->variant)) {
            gw_list_remove(&entry->used);
            gw_list_prepend(&store->used, &entry->used);
            return entry;
        }
        entry = next;
    }
    return NULL;
}

/* The one that the new one replaces; or the oldest, when there are too many. */
static void make_place(struct cache_store *store, const struct cache_entry *newcomer)
{
    struct cache_entry *entry = gw_map_get(&store->by_key, cache_key_str(&newcomer->key));
    struct cache_entry *last = NULL;
    size_t count = 0;

    while (entry != NULL) {
        struct cache_entry *next = entry->next_variant;
        if (cache_key_is_equal(&entry->variant, &newcomer->variant)) {
            cache_store_remove(store, entry);
        } else {
            last = entry;
            count++;
        }
        entry = next;
    }
    if (count >= CACHE_MAX_VARIANTS)
        cache_store_remove(store, last);
}

bool cache_store_add(struct cache_store *store, struct cache_entry *entry)
{
    if (entry->bytes > store->max_bytes || entry->epoch != store->epoch || is_purged(store, entry))
        return false;
    make_place(store, entry);
    while (store->bytes + entry->bytes > store->max_bytes) {
        cache_store_remove(store, GW_LIST_ITEM(store->used.previous, struct cache_entry, used));
        store->evictions++;
    }
    struct cache_entry *first = gw_map_get(&store->by_key, cache_key_str(&entry->key));
    if (!set_first(store, &entry->key, entry)) {
        drop_all_of(store, first);
        return false;
    }
    entry->next_variant = first;
    gw_list_prepend(&store->used, &cache_entry_retain(entry)->used);
    store->bytes += entry->bytes;
    store->count++;
    return true;
}

/* --- tags --- */

uint16_t cache_tag_slot(uint64_t hash)
{
    return (uint16_t)(hash % CACHE_TAG_SLOTS);
}

static void raise_mark(uint64_t *mark, uint64_t to)
{
    if (to > *mark)
        *mark = to;
}

void cache_store_purge_tag(struct cache_store *store, uint64_t hash, uint64_t mark)
{
    raise_mark(&store->tag_purged[cache_tag_slot(hash)], mark);
    raise_mark(&store->known, mark);
}

/* Marks may begin anew, and smaller: the log was lost. What is on its way belongs to the old ones.
 */
void cache_store_purge_all(struct cache_store *store, uint64_t mark)
{
    cache_store_clear(store);
    memset(store->tag_purged, 0, sizeof(store->tag_purged));
    store->all_purged = mark;
    store->known = mark;
    store->epoch++;
}

uint64_t cache_store_next_mark(struct cache_store *store)
{
    return store->known + 1;
}
