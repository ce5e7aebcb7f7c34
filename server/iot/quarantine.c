#include "server/iot/quarantine.h"

#include <stdlib.h>

#include "server/core/list.h"
#include "server/core/map.h"

#define DEFAULT_MAX 10000

struct place {
    struct gw_list link; /* by the time of the last one, newest first */
    struct gw_quarantine_entry entry;
    struct gw_str key; /* the reason's letter and the name; `text` begins with it */
    char detail[GW_QUARANTINE_MAX_TEXT];
    char text[];
};

struct gw_quarantine {
    struct gw_map by_key;
    struct gw_list places;
    size_t max_entries;
    uint64_t counts[GW_QUARANTINE_REASON_COUNT];
    uint64_t forgotten;
};

static struct gw_str cut(struct gw_str text)
{
    return gw_str_from(text.ptr,
                       text.len < GW_QUARANTINE_MAX_TEXT ? text.len : GW_QUARANTINE_MAX_TEXT);
}

struct gw_quarantine *gw_quarantine_create(size_t max_entries)
{
    struct gw_quarantine *quarantine = calloc(1, sizeof(*quarantine));

    if (quarantine == NULL)
        return NULL;
    quarantine->max_entries = max_entries > 0 ? max_entries : DEFAULT_MAX;
    gw_map_init(&quarantine->by_key, quarantine->max_entries);
    gw_list_init(&quarantine->places);
    return quarantine;
}

static void drop(struct gw_quarantine *quarantine, struct place *place)
{
    gw_map_remove(&quarantine->by_key, place->key);
    gw_list_remove(&place->link);
    free(place);
}

void gw_quarantine_destroy(struct gw_quarantine *quarantine)
{
    if (quarantine == NULL)
        return;
    while (!gw_list_is_empty(&quarantine->places))
        drop(quarantine, GW_LIST_ITEM(quarantine->places.next, struct place, link));
    gw_map_finish(&quarantine->by_key);
    free(quarantine);
}

static struct place *make_place(struct gw_quarantine *quarantine, struct gw_str key, int64_t now_ms)
{
    if (quarantine->by_key.count >= quarantine->max_entries) {
        drop(quarantine, GW_LIST_ITEM(quarantine->places.previous, struct place, link));
        quarantine->forgotten++;
    }
    struct place *place = malloc(sizeof(*place) + key.len);
    if (place == NULL)
        return NULL;
    memcpy(place->text, key.ptr, key.len);
    place->key = gw_str_from(place->text, key.len);
    place->entry =
        (struct gw_quarantine_entry){.name = gw_str_tail(place->key, 1), .first_ms = now_ms};
    if (gw_map_add(&quarantine->by_key, place->key, place) != 0) {
        free(place);
        return NULL;
    }
    gw_list_prepend(&quarantine->places, &place->link);
    return place;
}

void gw_quarantine_add(struct gw_quarantine *quarantine, enum gw_quarantine_reason reason,
                       struct gw_str name, struct gw_str detail, int64_t now_ms)
{
    char buffer[1 + GW_QUARANTINE_MAX_TEXT] = {(char)('a' + (int)reason)};

    quarantine->counts[reason]++;
    name = cut(name);
    detail = cut(detail);
    if (name.len > 0)
        memcpy(buffer + 1, name.ptr, name.len);
    struct gw_str key = gw_str_from(buffer, 1 + name.len);
    struct place *place = gw_map_get(&quarantine->by_key, key);
    if (place == NULL)
        place = make_place(quarantine, key, now_ms);
    if (place == NULL)
        return;

    gw_list_remove(&place->link);
    gw_list_prepend(&quarantine->places, &place->link);
    if (detail.len > 0)
        memcpy(place->detail, detail.ptr, detail.len);
    place->entry.reason = reason;
    place->entry.detail = gw_str_from(place->detail, detail.len);
    place->entry.count++;
    place->entry.last_ms = now_ms;
}

const struct gw_quarantine_entry *gw_quarantine_next(const struct gw_quarantine *quarantine,
                                                     const struct gw_quarantine_entry *after)
{
    const struct gw_list *at = &quarantine->places;

    if (after != NULL)
        at = &GW_CONTAINER_OF((char *)(uintptr_t)after, struct place, entry)->link;
    if (at->next == &quarantine->places)
        return NULL;
    return &GW_LIST_ITEM(at->next, struct place, link)->entry;
}

uint64_t gw_quarantine_count(const struct gw_quarantine *quarantine,
                             enum gw_quarantine_reason reason)
{
    return quarantine->counts[reason];
}

uint64_t gw_quarantine_forgotten(const struct gw_quarantine *quarantine)
{
    return quarantine->forgotten;
}
