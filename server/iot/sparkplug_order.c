/* A node's messages in the order of their seq: what comes too early is kept back, what came already
 * is dropped, and what does not come is given up after a while. */
#include <errno.h>
#include <stdlib.h>

#include "server/iot/sparkplug_host_private.h"

struct gw_sparkplug_held {
    struct gw_sparkplug_held *next;
    struct gw_sparkplug_message message; /* of texts that lie behind it */
    char text[];
};

/* --- what is kept back --- */

int gw_sparkplug_hold(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                      const struct gw_sparkplug_message *message)
{
    struct gw_sparkplug_held **at = &node->held;
    size_t bytes = message->device.len + message->bytes.len;
    struct gw_sparkplug_held *held = malloc(sizeof(*held) + bytes);

    if (held == NULL)
        return -ENOMEM;
    *held = (struct gw_sparkplug_held){.message = *message};
    if (message->device.len > 0)
        memcpy(held->text, message->device.ptr, message->device.len);
    if (message->bytes.len > 0)
        memcpy(held->text + message->device.len, message->bytes.ptr, message->bytes.len);
    held->message.device.ptr = held->text;
    held->message.bytes.ptr = held->text + message->device.len;
    while (*at != NULL)
        at = &(*at)->next;
    *at = held;
    if (node->held_count++ == 0)
        node->waiting_since_ms = message->arrival_ms;
    node->held_bytes += bytes;
    host->counts.held_bytes += bytes;
    return 0;
}

/* Takes it off the list; to be freed. */
static struct gw_sparkplug_held *detach(struct gw_sparkplug_host *host,
                                        struct gw_sparkplug_node *node,
                                        struct gw_sparkplug_held **at)
{
    struct gw_sparkplug_held *held = *at;
    size_t bytes = held->message.device.len + held->message.bytes.len;

    *at = held->next;
    node->held_count--;
    node->held_bytes -= bytes;
    host->counts.held_bytes -= bytes;
    return held;
}

void gw_sparkplug_drop_held(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node)
{
    while (node->held != NULL)
        free(detach(host, node, &node->held));
}

struct gw_sparkplug_held *gw_sparkplug_next_held(const struct gw_sparkplug_node *node,
                                                 const struct gw_sparkplug_held *held,
                                                 struct gw_sparkplug_message *out_message)
{
    struct gw_sparkplug_held *next = held == NULL ? node->held : held->next;

    if (next != NULL)
        *out_message = next->message;
    return next;
}

static bool is_held(const struct gw_sparkplug_node *node,
                    const struct gw_sparkplug_message *message)
{
    for (const struct gw_sparkplug_held *held = node->held; held != NULL; held = held->next) {
        if (held->message.seq == message->seq && held->message.time_ms == message->time_ms &&
            held->message.kind == message->kind &&
            gw_str_equal(held->message.device, message->device))
            return true;
    }
    return false;
}

/* --- its turn --- */

/* By the node's clock from before this session: a straggler of the last one, or the clock was set
 * back. Which of both is seen by what follows. */
static bool is_before_birth(const struct gw_sparkplug_node *node,
                            const struct gw_sparkplug_message *message)
{
    return message->has_time && message->time_ms < node->birth_ms;
}

static bool is_seen(const struct gw_sparkplug_node *node,
                    const struct gw_sparkplug_message *message)
{
    return message->has_time && node->seen_ms[message->seq] == message->time_ms;
}

static void pass_on(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                    const struct gw_sparkplug_message *message,
                    const struct gw_sparkplug_payload *payload)
{
    node->expected = (uint8_t)(message->seq + 1);
    if (message->arrival_ms > node->waiting_since_ms)
        node->waiting_since_ms = message->arrival_ms;
    if (message->has_time) {
        node->seen_ms[message->seq] = message->time_ms;
        if (message->time_ms > node->last_ms && gw_sparkplug_is_believable(host, message))
            node->last_ms = message->time_ms;
    }
    gw_sparkplug_take(host, node, message, payload);
}

static void pass_on_held(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                         struct gw_sparkplug_held **at)
{
    struct gw_sparkplug_held *held = detach(host, node, at);
    struct gw_sparkplug_payload payload;
    struct gw_error error;

    gw_arena_reset(&host->held_arena);
    if (gw_sparkplug_decode(held->message.bytes, &host->held_arena, &payload, &error) == 0)
        pass_on(host, node, &held->message, &payload);
    else
        gw_sparkplug_quarantine(host, node, GW_QUARANTINE_MALFORMED, held->message.device,
                                GW_STR(""), error.text);
    free(held);
}

/* How far the message is from its turn. */
static uint8_t ahead_of(uint8_t expected, const struct gw_sparkplug_message *message)
{
    return (uint8_t)(message->seq - expected);
}

/* Whether it is of the session that `birth` begins, and not of the one before. */
static bool is_of_next(const struct gw_sparkplug_node *node,
                       const struct gw_sparkplug_message *message,
                       const struct gw_sparkplug_message *birth)
{
    if (birth == NULL || !birth->has_time || !message->has_time ||
        message->time_ms < birth->time_ms)
        return false;
    if (message->time_ms > birth->time_ms || !node->has_session)
        return true;
    /* In the same millisecond it is nearer to one of both. */
    return ahead_of((uint8_t)(birth->seq + 1), message) < ahead_of(node->expected, message);
}

/* The held one whose turn comes first; NULL: none is held (of this session). */
static struct gw_sparkplug_held **find_first(struct gw_sparkplug_node *node,
                                             const struct gw_sparkplug_message *birth)
{
    struct gw_sparkplug_held **first = NULL;

    for (struct gw_sparkplug_held **at = &node->held; *at != NULL; at = &(*at)->next) {
        if (is_of_next(node, &(*at)->message, birth))
            continue;
        if (first == NULL || ahead_of(node->expected, &(*at)->message) <
                                 ahead_of(node->expected, &(*first)->message))
            first = at;
    }
    return first;
}

/* What can have no turn any more: copies of what was passed on, and stragglers of the last session
 * that waited while this one went on. */
static void drop_outdated(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                          int64_t now_ms)
{
    for (struct gw_sparkplug_held **at = &node->held; *at != NULL;) {
        const struct gw_sparkplug_message *message = &(*at)->message;
        bool is_old = is_before_birth(node, message) &&
                      now_ms - message->arrival_ms >= (int64_t)host->limits.reorder_ms;
        if (!is_old && !is_seen(node, message)) {
            at = &(*at)->next;
            continue;
        }
        host->counts.late += is_old;
        host->counts.duplicates += !is_old;
        free(detach(host, node, at));
    }
}

void gw_sparkplug_drain(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                        int64_t now_ms)
{
    struct gw_sparkplug_held **at = &node->held;

    if (node->held == NULL)
        return;
    while (*at != NULL) {
        if ((*at)->message.seq != node->expected || is_before_birth(node, &(*at)->message) ||
            is_seen(node, &(*at)->message)) {
            at = &(*at)->next;
            continue;
        }
        pass_on_held(host, node, at);
        at = &node->held;
    }
    drop_outdated(host, node, now_ms);
}

/* --- giving up --- */

void gw_sparkplug_flush(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                        const struct gw_sparkplug_message *birth)
{
    struct gw_sparkplug_held **at;

    while ((at = find_first(node, birth)) != NULL) {
        const struct gw_sparkplug_message *message = &(*at)->message;
        if (!node->has_session || is_seen(node, message) || is_before_birth(node, message)) {
            host->counts.late++;
            free(detach(host, node, at));
            continue;
        }
        if (message->seq != node->expected) {
            host->counts.gaps++;
            gw_sparkplug_lose_certainty(host, node);
        }
        pass_on_held(host, node, at);
    }
}

void gw_sparkplug_give_up_gap(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                              int64_t now_ms)
{
    struct gw_sparkplug_held **at = find_first(node, NULL);

    if (at == NULL)
        return;
    if (!node->has_session) {
        host->counts.unborn += node->held_count;
        gw_sparkplug_drop_held(host, node);
        gw_sparkplug_ask_rebirth(host, node, "a node has data and no birth", now_ms);
        return;
    }
    if (is_before_birth(node, &(*at)->message))
        node->birth_ms = (*at)->message.time_ms; /* the clock was set back */
    if ((*at)->message.seq != node->expected) {
        host->counts.gaps++;
        gw_sparkplug_lose_certainty(host, node);
        gw_sparkplug_ask_rebirth(host, node, "a message is missing", now_ms);
    }
    pass_on_held(host, node, at);
    gw_sparkplug_drain(host, node, now_ms);
    node->waiting_since_ms = now_ms;
}

/* --- arriving --- */

/* After its gap was given up: its values are good still, but no birth or death is. */
static void take_late(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                      const struct gw_sparkplug_message *message,
                      const struct gw_sparkplug_payload *payload)
{
    host->counts.late++;
    node->seen_ms[message->seq] = message->time_ms;
    if (message->kind == GW_SPARKPLUG_NDATA || message->kind == GW_SPARKPLUG_DDATA)
        gw_sparkplug_take(host, node, message, payload);
}

static void keep_back(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                      const struct gw_sparkplug_message *message)
{
    if (is_held(node, message)) {
        host->counts.duplicates++;
        return;
    }
    if (gw_sparkplug_hold(host, node, message) != 0) {
        gw_sparkplug_quarantine(host, node, GW_QUARANTINE_MALFORMED, message->device, GW_STR(""),
                                "there is no memory to keep it back");
        return;
    }
    host->counts.kept_back++;
    while (node->held_count > host->limits.reorder_max ||
           node->held_bytes > GW_SPARKPLUG_MAX_HELD_BYTES ||
           (host->counts.held_bytes > GW_SPARKPLUG_MAX_ALL_HELD_BYTES && node->held != NULL))
        gw_sparkplug_give_up_gap(host, node, message->arrival_ms);
}

void gw_sparkplug_order(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                        const struct gw_sparkplug_message *message,
                        const struct gw_sparkplug_payload *payload)
{
    uint8_t ahead = ahead_of(node->expected, message);

    if (!payload->has_seq) {
        gw_sparkplug_quarantine(host, node, GW_QUARANTINE_MALFORMED, message->device, GW_STR(""),
                                "the message has no seq");
        return;
    }
    if (node->has_session && is_seen(node, message)) {
        host->counts.duplicates++;
    } else if (node->has_session && node->is_seq_unknown) {
        node->is_seq_unknown = false;
        pass_on(host, node, message, payload);
        gw_sparkplug_drain(host, node, message->arrival_ms);
    } else if (node->has_session && ahead == 0 && !is_before_birth(node, message)) {
        pass_on(host, node, message, payload);
        gw_sparkplug_drain(host, node, message->arrival_ms);
    } else if (node->has_session && ahead >= 128 && !is_before_birth(node, message) &&
               message->has_time && message->time_ms <= node->last_ms) {
        take_late(host, node, message, payload);
    } else {
        keep_back(host, node, message);
    }
}
