/* A node's state as bytes: what a host that goes on with it has to know.
 *
 * Numbers are varints, signed ones in zigzag, texts have their length before them. Metrics are told
 * by their number in the type: of a device whose type has changed (its signature says so), only
 * what does not depend on it is taken over; for that, and for one that is new, a rebirth is asked
 * for. */
#include <errno.h>
#include <stdlib.h>

#include "server/core/hash.h"
#include "server/iot/sparkplug_host_private.h"

#define VERSION 2
#define MAX_TIME_MS (INT64_C(1) << 53) /* of our own clock */

enum { /* flags */
       HAS_SESSION = 1,
       HAS_BIRTH = 2,
       IS_SEQ_UNKNOWN = 4,
       IS_DEAD = 8,
       NEEDS_REBIRTH = 16,
       HAS_DOUBTFUL_BIRTH = 32,
       IS_DEATH_EXPLAINED = 64,
};

static uint64_t sign(uint64_t so_far, struct gw_str text)
{
    const struct gw_hash_key key = {so_far, UINT64_C(0x5370617263)};

    return gw_hash(&key, text);
}

/* Of all that a saved state has numbers for. */
static uint64_t signature_of(const struct gw_device_type *type)
{
    uint64_t signature = type->metric_count;

    for (size_t i = 0; i < type->metric_count; i++)
        signature = sign(signature, type->metrics[i].source);
    return signature;
}

void gw_sparkplug_node_reset(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node)
{
    const struct gw_edge_node_config *config = node->config;
    const struct gw_device_config *own = node->own;

    gw_sparkplug_drop_held(host, node);
    gw_sparkplug_aliases_clear(&node->aliases);
    *node = (struct gw_sparkplug_node){
        .config = config, .own = own, .rebirth_wait_ms = host->limits.rebirth_ms};
    for (size_t i = 0; i < GW_COUNT_OF(node->seen_ms); i++)
        node->seen_ms[i] = INT64_MIN;
    for (size_t i = 0; i < config->device_count; i++) {
        const struct gw_device_config *device = config->devices[i];
        host->devices[device->index] = (struct gw_sparkplug_device){0};
        memset(host->types + device->series_at, 0, device->type->metric_count);
    }
}

void gw_sparkplug_host_forget(struct gw_sparkplug_host *host,
                              const struct gw_edge_node_config *node)
{
    gw_sparkplug_node_reset(host, gw_sparkplug_node_of(host, node));
}

/* --- saving --- */

static void put(struct gw_buf *out, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        gw_buf_append_byte(out, (char)(number | 0x80));
    gw_buf_append_byte(out, (char)number);
}

static void put_signed(struct gw_buf *out, int64_t number)
{
    put(out, (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0));
}

static void put_text(struct gw_buf *out, struct gw_str text)
{
    put(out, text.len);
    gw_buf_append_str(out, text);
}

static void put_session(struct gw_buf *out, const struct gw_sparkplug_node *node)
{
    size_t seen = 0;

    put(out, (node->has_session ? HAS_SESSION : 0) | (node->has_birth ? HAS_BIRTH : 0) |
                 (node->is_seq_unknown ? IS_SEQ_UNKNOWN : 0) | (node->is_dead ? IS_DEAD : 0) |
                 (node->needs_rebirth ? NEEDS_REBIRTH : 0) |
                 (node->has_doubtful_birth ? HAS_DOUBTFUL_BIRTH : 0) |
                 (node->is_death_explained ? IS_DEATH_EXPLAINED : 0));
    put(out, node->expected);
    put_signed(out, node->bd_seq);
    put_signed(out, node->birth_ms);
    put_signed(out, node->last_ms);
    put_signed(out, node->dead_bd_seq);
    put_signed(out, node->doubtful_birth_ms);
    put_signed(out, node->death_ms);
    put_signed(out, node->ahead_ms);
    put_signed(out, node->reborn_by_ms);
    put_signed(out, node->next_rebirth_ms);
    put(out, node->rebirth_wait_ms);
    put_signed(out, node->waiting_since_ms);
    for (size_t i = 0; i < GW_COUNT_OF(node->seen_ms); i++)
        seen += node->seen_ms[i] != INT64_MIN;
    put(out, seen);
    for (size_t i = 0; i < GW_COUNT_OF(node->seen_ms); i++) {
        if (node->seen_ms[i] != INT64_MIN) {
            put(out, i);
            put_signed(out, node->seen_ms[i]);
        }
    }
}

static void put_devices(struct gw_buf *out, const struct gw_sparkplug_host *host,
                        const struct gw_edge_node_config *config)
{
    uint64_t signature = 0;

    put(out, config->device_count);
    for (size_t i = 0; i < config->device_count; i++) {
        const struct gw_device_config *device = config->devices[i];
        const struct gw_sparkplug_device *own = &host->devices[device->index];
        put_text(out, device->device);
        put(out, own->state);
        put(out, (uint64_t)own->is_born | (uint64_t)own->is_certain << 1 |
                     (uint64_t)(own->generation > 0) << 2);
        if (i == 0 || device->type != config->devices[i - 1]->type) /* those in a row are alike */
            signature = signature_of(device->type);
        put(out, signature);
        put_text(out, gw_str_from((const char *)host->types + device->series_at,
                                  device->type->metric_count));
    }
}

/* Among its node's devices. */
static size_t position_of(const struct gw_edge_node_config *config, uint32_t device)
{
    size_t at = 0;

    while (config->devices[at]->index != device)
        at++;
    return at;
}

static void put_aliases(struct gw_buf *out, const struct gw_sparkplug_host *host,
                        const struct gw_sparkplug_node *node)
{
    size_t count = 0;
    uint32_t last_device = UINT32_MAX;
    size_t position = 0;

    for (size_t i = 0; i < node->aliases.capacity; i++) {
        const struct gw_sparkplug_alias *entry = &node->aliases.entries[i];
        count += entry->is_used && gw_sparkplug_alias_find(host, node, entry->alias) == entry;
    }
    put(out, count);
    for (size_t i = 0; i < node->aliases.capacity; i++) {
        const struct gw_sparkplug_alias *entry = &node->aliases.entries[i];
        if (!entry->is_used || gw_sparkplug_alias_find(host, node, entry->alias) != entry)
            continue;
        if (entry->device != last_device)
            position = position_of(node->config, last_device = entry->device);
        put(out, entry->alias);
        put(out, position);
        put(out, entry->metric);
        put(out, entry->prefix_len);
        put(out, entry->is_ambiguous);
    }
}

static void put_held(struct gw_buf *out, const struct gw_sparkplug_node *node)
{
    struct gw_sparkplug_message message;
    const struct gw_sparkplug_held *held = NULL;

    put(out, node->held_count);
    while ((held = gw_sparkplug_next_held(node, held, &message)) != NULL) {
        put(out, message.kind);
        put(out, message.seq);
        put(out, message.has_time);
        put_signed(out, message.time_ms);
        put_signed(out, message.arrival_ms);
        put_text(out, message.device);
        put_text(out, message.bytes);
    }
}

int gw_sparkplug_host_save(const struct gw_sparkplug_host *host,
                           const struct gw_edge_node_config *config, struct gw_buf *out)
{
    const struct gw_sparkplug_node *node = &host->nodes[config->index];

    put(out, VERSION);
    put_session(out, node);
    put_devices(out, host, config);
    put_aliases(out, host, node);
    put_held(out, node);
    return out->has_failed ? -ENOMEM : 0;
}

/* --- loading --- */

struct reading {
    const uint8_t *at, *end;
    bool has_failed;
    /* By their places when it was saved; NULL: it is no more, or of another type. */
    const struct gw_device_config **devices;
    size_t device_count, same_count;
};

static uint64_t get(struct reading *from)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && from->at < from->end; shift += 7) {
        uint8_t byte = *from->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    from->has_failed = true;
    return 0;
}

/* At most `max`. */
static uint64_t get_up_to(struct reading *from, uint64_t max)
{
    uint64_t number = get(from);

    if (number <= max)
        return number;
    from->has_failed = true;
    return 0;
}

static int64_t get_signed(struct reading *from)
{
    uint64_t number = get(from);

    return (int64_t)(number >> 1 ^ (~(number & 1) + 1));
}

static int64_t get_between(struct reading *from, int64_t min, int64_t max)
{
    int64_t number = get_signed(from);

    if (number >= min && number <= max)
        return number;
    from->has_failed = true;
    return 0;
}

/* One that is reckoned with. */
static int64_t get_time(struct reading *from)
{
    return get_between(from, 0, MAX_TIME_MS);
}

static struct gw_str get_text(struct reading *from, size_t max)
{
    size_t len = (size_t)get_up_to(from, max);

    if (from->has_failed || len > (size_t)(from->end - from->at)) {
        from->has_failed = true;
        return (struct gw_str){0};
    }
    from->at += len;
    return gw_str_from((const char *)from->at - len, len);
}

static void get_session(struct reading *from, const struct gw_sparkplug_host *host,
                        struct gw_sparkplug_node *node)
{
    uint64_t flags = get(from);

    node->has_session = (flags & HAS_SESSION) != 0;
    node->has_birth = (flags & HAS_BIRTH) != 0;
    node->is_seq_unknown = (flags & IS_SEQ_UNKNOWN) != 0;
    node->is_dead = (flags & IS_DEAD) != 0;
    node->needs_rebirth = (flags & NEEDS_REBIRTH) != 0;
    node->has_doubtful_birth = (flags & HAS_DOUBTFUL_BIRTH) != 0;
    node->is_death_explained = (flags & IS_DEATH_EXPLAINED) != 0;
    node->expected = (uint8_t)get_up_to(from, UINT8_MAX);
    node->bd_seq = get_signed(from);
    node->birth_ms = get_signed(from);
    node->last_ms = get_signed(from);
    node->dead_bd_seq = get_signed(from);
    node->doubtful_birth_ms = get_signed(from);
    node->death_ms = get_time(from);
    node->ahead_ms = get_between(from, -MAX_TIME_MS, MAX_TIME_MS);
    node->reborn_by_ms = get_time(from);
    node->next_rebirth_ms = get_time(from);
    node->rebirth_wait_ms = get_up_to(from, MAX_TIME_MS);
    if (node->rebirth_wait_ms < host->limits.rebirth_ms)
        node->rebirth_wait_ms = host->limits.rebirth_ms;
    node->waiting_since_ms = get_time(from);
    for (uint64_t seen = get_up_to(from, GW_COUNT_OF(node->seen_ms)); seen > 0; seen--) {
        uint64_t seq = get_up_to(from, UINT8_MAX);
        node->seen_ms[seq] = get_signed(from);
    }
}

static void get_device(struct reading *from, struct gw_sparkplug_host *host,
                       const struct gw_sparkplug_node *node)
{
    size_t place = from->device_count++;
    struct gw_str name = get_text(from, GW_MAX_DEVICE_NAME);
    uint64_t state = get_up_to(from, GW_DEVICE_OFFLINE);
    uint64_t flags = get_up_to(from, 7), signature = get(from);
    struct gw_str types = get_text(from, GW_MAX_TYPE_METRICS);
    const struct gw_device_config *device =
        gw_registry_find(host->registry, node->config->group, node->config->edge_node, name);

    if (device == NULL || from->has_failed)
        return;
    struct gw_sparkplug_device *own = &host->devices[device->index];
    own->state = (uint8_t)state;
    own->generation = (uint32_t)(flags >> 2);
    if (signature != signature_of(device->type))
        return;
    from->devices[place] = device;
    from->same_count++;
    own->is_born = (flags & 1) != 0;
    own->is_certain = (flags & 2) != 0;
    if (types.len != device->type->metric_count) {
        from->has_failed = true;
        return;
    }
    for (size_t i = 0; i < types.len; i++) {
        if ((uint8_t)types.ptr[i] > GW_SPARKPLUG_TYPE_COUNT)
            from->has_failed = true;
        else
            host->types[device->series_at + i] = (uint8_t)types.ptr[i];
    }
}

static void get_devices(struct reading *from, struct gw_sparkplug_host *host,
                        const struct gw_sparkplug_node *node)
{
    uint64_t left = get_up_to(from, GW_MAX_DEVICES);

    if (left > (uint64_t)(from->end - from->at))
        from->has_failed = true;
    if (from->has_failed)
        return;
    from->devices = calloc((size_t)left + 1, sizeof(const struct gw_device_config *));
    if (from->devices == NULL)
        from->has_failed = true;
    for (; left > 0 && !from->has_failed; left--)
        get_device(from, host, node);
}

static void get_alias(struct reading *from, struct gw_sparkplug_host *host,
                      struct gw_sparkplug_node *node)
{
    struct gw_sparkplug_alias alias = {.alias = get(from)};
    uint64_t position = get(from), metric = get(from);
    alias.prefix_len = (uint16_t)get_up_to(from, GW_SPARKPLUG_MAX_NAME);
    alias.is_ambiguous = get_up_to(from, 1) != 0;

    if (position >= from->device_count)
        from->has_failed = true;
    if (from->has_failed || from->devices[position] == NULL)
        return;
    const struct gw_device_config *device = from->devices[position];
    if (metric > device->type->metric_count) {
        from->has_failed = true;
        return;
    }
    alias.device = device->index;
    alias.generation = host->devices[device->index].generation;
    alias.metric = (uint16_t)metric;
    bool is_good = alias.prefix_len == 0 ||
                   (metric > 0 && alias.prefix_len < device->type->metrics[metric - 1].source.len);
    if (!is_good || gw_sparkplug_alias_add(host, node, &alias) != 0)
        from->has_failed = true;
}

static void get_held(struct reading *from, struct gw_sparkplug_host *host,
                     struct gw_sparkplug_node *node)
{
    struct gw_sparkplug_message message = {0};

    message.kind = (enum gw_sparkplug_kind)get_up_to(from, GW_SPARKPLUG_DDEATH);
    message.seq = (uint8_t)get_up_to(from, UINT8_MAX);
    message.has_time = get_up_to(from, 1) != 0;
    message.time_ms = get_signed(from);
    message.arrival_ms = get_time(from);
    message.device = get_text(from, GW_SPARKPLUG_MAX_BYTES);
    message.bytes = get_text(from, GW_SPARKPLUG_MAX_BYTES);

    int64_t waiting_since_ms = node->waiting_since_ms;
    if (message.kind == GW_SPARKPLUG_NBIRTH || message.kind == GW_SPARKPLUG_NDEATH)
        from->has_failed = true;
    if (from->has_failed || gw_sparkplug_hold(host, node, &message) != 0)
        from->has_failed = true;
    node->waiting_since_ms = waiting_since_ms;
}

int gw_sparkplug_host_load(struct gw_sparkplug_host *host, const struct gw_edge_node_config *config,
                           struct gw_str bytes)
{
    struct gw_sparkplug_node *node = gw_sparkplug_node_of(host, config);
    struct reading from = {.at = (const uint8_t *)bytes.ptr};

    from.end = from.at + bytes.len;
    gw_sparkplug_node_reset(host, node);
    if (get(&from) != VERSION || from.has_failed)
        return -EINVAL;
    get_session(&from, host, node);
    get_devices(&from, host, node);
    for (uint64_t left = get_up_to(&from, GW_SPARKPLUG_MAX_ALIASES); left > 0 && !from.has_failed;
         left--)
        get_alias(&from, host, node);
    for (uint64_t left = get_up_to(&from, 128); left > 0 && !from.has_failed; left--)
        get_held(&from, host, node);
    free(from.devices);
    if (from.has_failed || from.at != from.end) {
        gw_sparkplug_node_reset(host, node);
        return -EINVAL;
    }
    node->needs_rebirth = node->needs_rebirth || from.same_count < config->device_count;
    return 0;
}
