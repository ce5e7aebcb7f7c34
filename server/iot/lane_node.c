/* One edge node: claimed, loaded, journaled, checkpointed, released. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/lane_private.h"

#define ENTRY_BYTES (256u << 10) /* of an append, if its first message is not longer */
#define RETRY_NS GW_NS_PER_SECOND
#define MAX_PENDING_BYTES (64u << 20)
#define MAX_CHECKPOINT_BYTES (32u << 20)

static void ask_read(struct gw_lane_node *node);

static uint64_t now_of(const struct gw_lane_node *node)
{
    return gw_loop_now_ns(node->lane->loop);
}

static void prepare(struct gw_lane_node *node, struct gw_store_call *call,
                    void (*done)(struct gw_store_call *call, int rc))
{
    *call = (struct gw_store_call){
        .node = node->config->id, .epoch = node->epoch, .done = done, .owner = node};
}

/* --- becoming another's --- */

static void drop_pending(struct gw_lane_node *node)
{
    size_t owed = node->pending_owed + node->appending_owed;

    node->pending_owed = 0;
    node->appending_owed = 0;
    node->lane->stats.pending_bytes -= node->pending.len + node->appending.len + node->behind.len;
    gw_buf_clear(&node->pending);
    gw_buf_clear(&node->appending);
    gw_buf_clear(&node->behind);
    gw_list_remove(&node->dirty);
    gw_lane_settle(node->lane, owed);
    gw_lane_check_pressure(node->lane);
}

void gw_lane_node_leave(struct gw_lane_node *node)
{
    struct gw_lane *lane = node->lane;
    bool was_owned = node->state == GW_LANE_OWNED || node->state == GW_LANE_LEAVING ||
                     node->state == GW_LANE_RELEASING;

    if (was_owned) {
        gw_lane_subscribe(lane, node, false);
        lane->stats.nodes--;
    }
    node->state = GW_LANE_FOREIGN;
    node->retry_ns = now_of(node) + RETRY_NS;
    if (node->append.state != NULL)
        lane->config.store->ops->cancel(lane->config.store, &node->append);
    if (node->checkpoint.state != NULL)
        lane->config.store->ops->cancel(lane->config.store, &node->checkpoint);
    node->is_appending = false;
    node->is_checkpointing = false;
    drop_pending(node);
    gw_lane_emit_finish(node);
    gw_sparkplug_host_forget(lane->host, node->config);
    gw_signal_engine_forget(lane->engine, node->config);
    if (was_owned && lane->config.events.on_owned != NULL)
        lane->config.events.on_owned(lane->config.events.self, node->config, false);
}

/* --- claiming and loading --- */

/* Those of many nodes are spread over the time between two, or all would stand still at once. */
static uint64_t first_checkpoint_ns(const struct gw_lane_node *node)
{
    uint32_t share = node->config->index * UINT32_C(2654435769) >> 16; /* of 65536: golden ratio */

    return node->lane->config.checkpoint_ns / 65536 * (share + 1);
}

static void become_owned(struct gw_lane_node *node)
{
    struct gw_lane *lane = node->lane;

    node->state = GW_LANE_OWNED;
    node->checkpoint_ns = now_of(node) + first_checkpoint_ns(node);
    lane->stats.nodes++;
    gw_lane_subscribe(lane, node, true);
    if (lane->config.events.on_owned != NULL)
        lane->config.events.on_owned(lane->config.events.self, node->config, true);
    /* Between the last message of the journal and the subscription some may have gone by; before
     * the first connection it is the broker's session that tells (lane_brokers.c). */
    if (lane->is_connected_once)
        gw_lane_node_doubt(node);
    gw_lane_node_commit(node);
}

static void fail_question(struct gw_lane_node *node, const char *what, int rc)
{
    gw_log_warn("iot: %s %.*s: %s; again in 1 s", what, GW_STR_ARG(node->config->id),
                strerror(-rc));
    node->retry_ns = now_of(node) + RETRY_NS;
}

static void set_position(char *out, struct gw_str position)
{
    snprintf(out, GW_JOURNAL_POSITION_BYTES, "%.*s", GW_STR_ARG(position));
}

static void on_read(struct gw_store_call *call, int rc)
{
    struct gw_lane_node *node = call->owner;

    node->is_asking = false;
    if (node->state != GW_LANE_LOADING)
        return;
    if (rc != 0) {
        fail_question(node, "the journal cannot be read of", rc);
        return;
    }
    node->lane->is_replaying = true;
    for (size_t i = 0; i < call->entry_count; i++) {
        gw_lane_compute(node->lane, node, call->entries[i].bytes);
        set_position(node->position, call->entries[i].position);
        node->has_progressed = true;
    }
    node->lane->is_replaying = false;
    if (call->entry_count < GW_JOURNAL_READ_MAX)
        become_owned(node);
    else
        ask_read(node);
}

static void ask_read(struct gw_lane_node *node)
{
    struct gw_iot_store *store = node->lane->config.store;

    prepare(node, &node->question, on_read);
    node->question.position = gw_str_of(node->position);
    node->is_asking = true;
    int rc = store->ops->read(store, &node->question);
    if (rc == 0)
        return;
    node->is_asking = false;
    fail_question(node, "the journal cannot be read of", rc);
}

/* First what is outside of the journal: it gives again what it gave. */
static void begin_replay(struct gw_lane_node *node)
{
    const struct gw_lane_events *events = &node->lane->config.events;

    if (!node->may_replay)
        node->may_replay =
            events->on_loaded == NULL || events->on_loaded(events->self, node->config);
    if (node->may_replay)
        ask_read(node);
}

static void on_claimed(struct gw_store_call *call, int rc)
{
    struct gw_lane_node *node = call->owner;

    node->is_asking = false;
    if (rc != 0) {
        fail_question(node, "no claim to", rc);
        node->state = GW_LANE_FOREIGN;
        return;
    }
    node->epoch = call->new_epoch;
    node->sequence = 0;
    node->state = GW_LANE_LOADING;
    node->may_replay = false;
    set_position(node->position, call->checkpoint_at);
    gw_lane_state_load(node->lane->host, node->lane->engine, node->config, call->checkpoint);
    begin_replay(node);
}

static void ask_claim(struct gw_lane_node *node)
{
    struct gw_iot_store *store = node->lane->config.store;

    prepare(node, &node->question, on_claimed);
    node->state = GW_LANE_CLAIMING;
    node->is_asking = true;
    int rc = store->ops->claim(store, &node->question);
    if (rc == 0)
        return;
    node->is_asking = false;
    node->state = GW_LANE_FOREIGN;
    node->retry_ns = now_of(node) + RETRY_NS;
}

/* --- journaling --- */

bool gw_lane_node_take(struct gw_lane_node *node, struct gw_str topic, struct gw_str payload,
                       int64_t arrival_ms)
{
    struct gw_lane *lane = node->lane;
    uint16_t topic_len = (uint16_t)topic.len;
    uint32_t payload_len = (uint32_t)payload.len;
    size_t before = node->pending.len;

    if (node->state == GW_LANE_FOREIGN || node->state == GW_LANE_RELEASING ||
        topic.len > UINT16_MAX)
        return false;
    gw_buf_append(&node->pending, &arrival_ms, sizeof(arrival_ms));
    gw_buf_append(&node->pending, &topic_len, sizeof(topic_len));
    gw_buf_append(&node->pending, &payload_len, sizeof(payload_len));
    gw_buf_append_str(&node->pending, topic);
    gw_buf_append_str(&node->pending, payload);
    if (node->pending.has_failed) { /* the message as a whole, or not at all */
        node->pending.has_failed = false;
        node->pending.len = before;
        return false;
    }
    node->taken_ns = now_of(node);
    lane->stats.pending_bytes += node->pending.len - before;
    if (node->dirty.next == NULL || gw_list_is_empty(&node->dirty))
        gw_list_append(&lane->dirty, &node->dirty);
    return true;
}

void gw_lane_node_doubt(struct gw_lane_node *node)
{
    if (gw_lane_node_take(node, GW_LANE_DOUBT, GW_STR(""), gw_lane_wall_ms()))
        gw_lane_node_commit(node);
}

/* Whole messages from the front, as many as an entry holds. */
static size_t measure_entry(struct gw_str bytes)
{
    size_t len = 0;

    while (len < bytes.len) {
        uint16_t topic_len;
        uint32_t payload_len;
        memcpy(&topic_len, bytes.ptr + len + 8, sizeof(topic_len));
        memcpy(&payload_len, bytes.ptr + len + 10, sizeof(payload_len));
        size_t next = len + GW_LANE_HEAD_BYTES + topic_len + payload_len;
        if (next > ENTRY_BYTES && len > 0)
            break;
        len = next;
    }
    return len;
}

static void on_appended(struct gw_store_call *call, int rc);

static void send_append(struct gw_lane_node *node)
{
    struct gw_iot_store *store = node->lane->config.store;

    prepare(node, &node->append, on_appended);
    node->append.bytes = gw_buf_str(&node->appending);
    node->append.sequence = node->sequence;
    node->is_appending = true;
    int rc = store->ops->append(store, &node->append);
    if (rc == 0)
        return;
    node->is_appending = false; /* the tick tries it again */
    node->retry_ns = now_of(node) + RETRY_NS / 4;
}

/* What the documents that come will say of it is not known yet. */
static bool must_rest(const struct gw_lane_node *node)
{
    return node->lane->is_resting && !node->is_dropped;
}

static bool put_behind(struct gw_lane_node *node, struct gw_str position)
{
    gw_buf_append_str(&node->behind, gw_buf_str(&node->appending));
    if (node->behind.has_failed) {
        node->behind.has_failed = false;
        return false;
    }
    set_position(node->behind_position, position);
    return true;
}

void gw_lane_node_catch_up(struct gw_lane_node *node)
{
    struct gw_lane *lane = node->lane;

    if (node->behind.len == 0)
        return;
    gw_lane_compute(lane, node, gw_buf_str(&node->behind));
    set_position(node->position, gw_str_of(node->behind_position));
    node->has_progressed = true;
    lane->stats.pending_bytes -= node->behind.len;
    gw_buf_clear(&node->behind);
    gw_lane_check_pressure(lane);
}

static void on_appended(struct gw_store_call *call, int rc)
{
    struct gw_lane_node *node = call->owner;
    struct gw_lane *lane = node->lane;

    node->is_appending = false;
    if (rc == -ESTALE) {
        gw_log_warn("iot: %.*s has another owner", GW_STR_ARG(node->config->id));
        gw_lane_node_leave(node);
        return;
    }
    if (rc != 0) {
        lane->stats.append_failures++;
        node->retry_ns = now_of(node) + RETRY_NS / 4;
        return;
    }
    if (must_rest(node) && !put_behind(node, call->appended_at)) {
        node->retry_ns = now_of(node) + RETRY_NS / 4; /* appended once more, it is known again */
        return;
    }
    lane->stats.appends++;
    if (!must_rest(node)) {
        gw_lane_compute(lane, node, gw_buf_str(&node->appending));
        set_position(node->position, call->appended_at);
        node->has_progressed = true;
        lane->stats.pending_bytes -= node->appending.len;
    }
    gw_buf_clear(&node->appending);
    gw_lane_settle(lane, node->appending_owed);
    node->appending_owed = 0;
    gw_lane_check_pressure(lane);
    gw_lane_node_commit(node);
}

void gw_lane_node_commit(struct gw_lane_node *node)
{
    if (node->is_appending || (node->state != GW_LANE_OWNED && node->state != GW_LANE_LEAVING))
        return;
    if (node->appending.len == 0) {
        size_t len = measure_entry(gw_buf_str(&node->pending));
        if (len == 0)
            return;
        gw_buf_append(&node->appending, node->pending.ptr, len);
        if (node->appending.has_failed) {
            gw_buf_clear(&node->appending);
            return; /* the tick tries it again */
        }
        gw_buf_consume(&node->pending, len);
        if (node->pending.len == 0) { /* else they are journaled with the rest, at the latest */
            node->appending_owed = node->pending_owed;
            node->pending_owed = 0;
        }
        node->sequence++;
    }
    send_append(node);
}

/* --- leaving --- */

static void on_released(struct gw_store_call *call, int rc)
{
    struct gw_lane_node *node = call->owner;
    (void)rc; /* whoever claims it next does not ask */

    node->is_asking = false;
    gw_lane_node_leave(node);
}

static void release(struct gw_lane_node *node)
{
    struct gw_iot_store *store = node->lane->config.store;

    node->state = GW_LANE_RELEASING;
    prepare(node, &node->question, on_released);
    node->is_asking = true;
    if (store->ops->release(store, &node->question) == 0)
        return;
    node->is_asking = false;
    gw_lane_node_leave(node);
}

bool gw_lane_node_is_idle(const struct gw_lane_node *node)
{
    return node->state == GW_LANE_FOREIGN && !node->is_asking;
}

bool gw_lane_node_is_told(const struct gw_lane_node *node)
{
    const struct gw_lane_events *events = &node->lane->config.events;

    return node->emission_count == 0 &&
           (events->is_kept == NULL || events->is_kept(events->self, node->config));
}

static bool is_settled(const struct gw_lane_node *node)
{
    return node->pending.len == 0 && node->appending.len == 0 && node->behind.len == 0 &&
           !node->is_checkpointing && gw_lane_node_is_told(node);
}

bool gw_lane_node_has_state(const struct gw_lane_node *node)
{
    return node->state == GW_LANE_LOADING || node->state == GW_LANE_OWNED ||
           node->state == GW_LANE_LEAVING;
}

bool gw_lane_node_is_at_rest(const struct gw_lane_node *node)
{
    if (node->state == GW_LANE_FOREIGN)
        return !node->is_asking;
    return !node->is_dropped && (node->state == GW_LANE_OWNED || node->state == GW_LANE_LEAVING) &&
           !node->has_progressed && !node->is_checkpointing && gw_lane_node_is_told(node);
}

/* --- time --- */

static void follow_wish(struct gw_lane_node *node, uint64_t now_ns)
{
    if (node->is_wanted && node->state == GW_LANE_FOREIGN && !node->is_asking &&
        now_ns >= node->retry_ns)
        ask_claim(node);
    else if (node->is_wanted && node->state == GW_LANE_LOADING && !node->is_asking &&
             now_ns >= node->retry_ns)
        begin_replay(node);
    else if (!node->is_wanted && node->state == GW_LANE_LOADING && !node->is_asking)
        release(node);
    else if (!node->is_wanted && node->state == GW_LANE_OWNED) {
        node->state = GW_LANE_LEAVING;
        gw_lane_subscribe(node->lane, node, false);
    } else if (node->is_wanted && node->state == GW_LANE_LEAVING) {
        node->state = GW_LANE_OWNED;
        gw_lane_subscribe(node->lane, node, true);
    }
}

/* With many nodes more rarely. */
static void tell_time(struct gw_lane_node *node, uint64_t now_ns)
{
    const struct gw_lane *lane = node->lane;
    uint64_t pause_ns = GW_NS_PER_SECOND * (1 + lane->node_count / 500);
    uint64_t hears_ns = gw_lane_hears_ns(lane, node);

    if (node->state != GW_LANE_OWNED || now_ns - node->taken_ns < pause_ns || hears_ns == 0)
        return;
    bool is_silence = hears_ns > lane->config.silence_ms * GW_NS_PER_MS;
    if (gw_lane_node_take(node, is_silence ? GW_LANE_SILENCE : GW_LANE_HOUR, GW_STR(""),
                          gw_lane_wall_ms()))
        gw_lane_node_commit(node);
}

void gw_lane_node_tick(struct gw_lane_node *node, uint64_t now_ns)
{
    follow_wish(node, now_ns);
    if (node->state != GW_LANE_OWNED && node->state != GW_LANE_LEAVING)
        return;
    tell_time(node, now_ns);
    if (now_ns >= node->retry_ns)
        gw_lane_node_commit(node);
    gw_lane_emit_next(node);
    gw_lane_node_settle(node, now_ns);
    if (node->state == GW_LANE_LEAVING && is_settled(node) && !node->has_progressed)
        release(node);
}

/* --- life --- */

struct gw_lane_node *gw_lane_node_create(struct gw_lane *lane,
                                         const struct gw_edge_node_config *config)
{
    struct gw_lane_node *node = calloc(1, sizeof(*node));

    if (node == NULL)
        return NULL;
    node->lane = lane;
    node->config = config;
    gw_buf_init(&node->pending, MAX_PENDING_BYTES);
    gw_buf_init(&node->appending, MAX_PENDING_BYTES);
    gw_buf_init(&node->behind, MAX_PENDING_BYTES);
    gw_buf_init(&node->checkpoint_bytes, MAX_CHECKPOINT_BYTES);
    gw_list_init(&node->emissions);
    gw_list_init(&node->dirty);
    return node;
}

void gw_lane_node_destroy(struct gw_lane_node *node)
{
    if (node == NULL)
        return;
    struct gw_iot_store *store = node->lane->config.store;
    struct gw_store_call *calls[] = {&node->append, &node->checkpoint, &node->question};

    for (size_t i = 0; i < 3; i++)
        if (calls[i]->state != NULL)
            store->ops->cancel(store, calls[i]);
    gw_lane_emit_finish(node);
    gw_list_remove(&node->dirty);
    gw_buf_finish(&node->pending);
    gw_buf_finish(&node->appending);
    gw_buf_finish(&node->behind);
    gw_buf_finish(&node->checkpoint_bytes);
    free(node);
}
