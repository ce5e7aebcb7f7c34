/* A node's aliases: open addressing; what belongs to an earlier birth is left until it is in the
 * way. */
#include <errno.h>
#include <stdlib.h>

#include "server/core/hash.h"
#include "server/iot/sparkplug_host_private.h"

#define FIRST_CAPACITY 64

static size_t place_of(uint64_t alias, size_t capacity)
{
    /* Aliases are mostly small and dense, but a device may choose any: the product with a number
     * that it does not know spreads them. */
    uint64_t product = (alias + 1) * (gw_hash_process_key()->k0 | 1);
    return (size_t)(product ^ product >> 32) & (capacity - 1);
}

static struct gw_sparkplug_alias *find(const struct gw_sparkplug_aliases *aliases, uint64_t alias)
{
    size_t at = place_of(alias, aliases->capacity);

    while (aliases->entries[at].is_used && aliases->entries[at].alias != alias)
        at = (at + 1) & (aliases->capacity - 1);
    return &aliases->entries[at];
}

static bool is_current(const struct gw_sparkplug_host *host, const struct gw_sparkplug_alias *entry)
{
    const struct gw_sparkplug_device *device = &host->devices[entry->device];

    return entry->is_used && device->is_born && entry->generation == device->generation;
}

void gw_sparkplug_aliases_clear(struct gw_sparkplug_aliases *aliases)
{
    free(aliases->entries);
    *aliases = (struct gw_sparkplug_aliases){0};
}

const struct gw_sparkplug_alias *gw_sparkplug_alias_find(const struct gw_sparkplug_host *host,
                                                         const struct gw_sparkplug_node *node,
                                                         uint64_t alias)
{
    if (node->aliases.capacity == 0)
        return NULL;
    const struct gw_sparkplug_alias *entry = find(&node->aliases, alias);
    return is_current(host, entry) ? entry : NULL;
}

/* Makes room for one more; the outdated ones are left behind. */
static int grow(const struct gw_sparkplug_host *host, struct gw_sparkplug_aliases *aliases)
{
    struct gw_sparkplug_aliases next = {0};

    for (size_t i = 0; i < aliases->capacity; i++)
        next.count += is_current(host, &aliases->entries[i]);
    if (next.count >= GW_SPARKPLUG_MAX_ALIASES)
        return -ENOSPC;
    next.capacity = FIRST_CAPACITY;
    while (next.capacity < 2 * (next.count + 1))
        next.capacity *= 2;
    next.entries = calloc(next.capacity, sizeof(*next.entries));
    if (next.entries == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < aliases->capacity; i++) {
        if (is_current(host, &aliases->entries[i]))
            *find(&next, aliases->entries[i].alias) = aliases->entries[i];
    }
    gw_sparkplug_aliases_clear(aliases);
    *aliases = next;
    return 0;
}

int gw_sparkplug_alias_add(const struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                           const struct gw_sparkplug_alias *alias)
{
    struct gw_sparkplug_aliases *aliases = &node->aliases;

    if (4 * (aliases->count + 1) > 3 * aliases->capacity) {
        int rc = grow(host, aliases);
        if (rc != 0)
            return rc;
    }
    struct gw_sparkplug_alias *entry = find(aliases, alias->alias);
    bool is_taken = is_current(host, entry);
    aliases->count += !entry->is_used;
    *entry = *alias;
    entry->is_used = true;
    if (!is_taken)
        return 0;
    entry->metric = 0;
    entry->prefix_len = 0;
    entry->is_ambiguous = true;
    return -EEXIST;
}
