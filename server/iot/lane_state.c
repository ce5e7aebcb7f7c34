/* A node's state: its bytes, and when they are kept. */
#include <errno.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/lane_private.h"

#define MAGIC "mgc1"
#define RETRY_NS (250 * GW_NS_PER_MS)

/* --- bytes --- */

static void put_part(struct gw_buf *out, size_t at)
{
    uint32_t len = (uint32_t)(out->len - at - sizeof(len));

    if (!out->has_failed)
        memcpy(out->ptr + at, &len, sizeof(len));
}

int gw_lane_state_save(const struct gw_sparkplug_host *host, const struct gw_signal_engine *engine,
                       const struct gw_edge_node_config *config, struct gw_buf *out)
{
    const uint32_t none = 0;

    gw_buf_clear(out);
    gw_buf_append_text(out, MAGIC);
    size_t at = out->len;
    gw_buf_append(out, &none, sizeof(none));
    int rc = gw_sparkplug_host_save(host, config, out);
    put_part(out, at);
    at = out->len;
    gw_buf_append(out, &none, sizeof(none));
    if (rc == 0)
        rc = gw_signal_engine_save(engine, config, out);
    put_part(out, at);
    return rc == 0 && out->has_failed ? -ENOMEM : rc;
}

static bool take_part(struct gw_str *rest, struct gw_str *out_part)
{
    uint32_t len;

    if (rest->len < sizeof(len))
        return false;
    memcpy(&len, rest->ptr, sizeof(len));
    *rest = gw_str_tail(*rest, sizeof(len));
    if (rest->len < len)
        return false;
    *out_part = gw_str_from(rest->ptr, len);
    *rest = gw_str_tail(*rest, len);
    return true;
}

void gw_lane_state_load(struct gw_sparkplug_host *host, struct gw_signal_engine *engine,
                        const struct gw_edge_node_config *config, struct gw_str bytes)
{
    struct gw_str rest = gw_str_tail(bytes, strlen(MAGIC));
    struct gw_str host_part, engine_part;

    if (bytes.len == 0)
        return;
    if (gw_str_has_prefix(bytes, GW_STR(MAGIC)) && take_part(&rest, &host_part) &&
        take_part(&rest, &engine_part) && gw_sparkplug_host_load(host, config, host_part) == 0 &&
        gw_signal_engine_load(engine, config, engine_part) == 0)
        return;
    gw_log_error("iot: the checkpoint of %.*s cannot be read; its signals begin anew",
                 GW_STR_ARG(config->id));
    gw_sparkplug_host_forget(host, config);
    gw_signal_engine_forget(engine, config);
}

/* --- checkpoints --- */

static void on_checkpointed(struct gw_store_call *call, int rc)
{
    struct gw_lane_node *node = call->owner;

    node->is_checkpointing = false;
    if (rc == -ESTALE) {
        gw_lane_node_leave(node);
        return;
    }
    if (rc != 0) {
        node->has_progressed = true;
        node->retry_ns = gw_loop_now_ns(node->lane->loop) + RETRY_NS;
        return;
    }
    node->lane->stats.checkpoints++;
}

/* What was computed so far has been emitted: the state now is what the journal up to here gives. */
static void checkpoint(struct gw_lane_node *node, uint64_t now_ns)
{
    const struct gw_lane *lane = node->lane;
    struct gw_iot_store *store = lane->config.store;

    node->checkpoint_ns = now_ns + lane->config.checkpoint_ns;
    int rc = gw_lane_state_save(lane->host, lane->engine, node->config, &node->checkpoint_bytes);
    if (rc != 0) {
        gw_log_error("iot: no checkpoint of %.*s: %s", GW_STR_ARG(node->config->id), strerror(-rc));
        node->retry_ns = now_ns + RETRY_NS;
        return;
    }
    memcpy(node->checkpoint_position, node->position, sizeof(node->position));
    node->checkpoint = (struct gw_store_call){.node = node->config->id,
                                              .epoch = node->epoch,
                                              .position = gw_str_of(node->checkpoint_position),
                                              .bytes = gw_buf_str(&node->checkpoint_bytes),
                                              .done = on_checkpointed,
                                              .owner = node};
    node->is_checkpointing = true;
    node->has_progressed = false;
    if (store->ops->checkpoint(store, &node->checkpoint) != 0) {
        node->is_checkpointing = false;
        node->has_progressed = true;
        node->retry_ns = now_ns + RETRY_NS;
    }
}

void gw_lane_node_settle(struct gw_lane_node *node, uint64_t now_ns)
{
    bool is_urgent = node->state == GW_LANE_LEAVING || node->lane->is_resting;

    if ((node->state == GW_LANE_OWNED || node->state == GW_LANE_LEAVING) && node->has_progressed &&
        !node->is_checkpointing &&
        (is_urgent ? now_ns >= node->retry_ns : now_ns >= node->checkpoint_ns) &&
        gw_lane_node_is_told(node))
        checkpoint(node, now_ns);
}
