/* The bytes of a node's checkpoint: what the host knows of its session, and what its signals do. */
#include <errno.h>
#include <string.h>

#include "server/core/log.h"
#include "server/iot/lane_private.h"

#define CHECKPOINT_MAGIC "mgc1"

static void put_part(struct gw_buf *out, size_t at)
{
    uint32_t len = (uint32_t)(out->len - at - sizeof(len));

    if (!out->has_failed)
        memcpy(out->ptr + at, &len, sizeof(len));
}

int gw_lane_checkpoint_save(const struct gw_lane_node *node, struct gw_buf *out)
{
    const uint32_t none = 0;

    gw_buf_clear(out);
    gw_buf_append_text(out, CHECKPOINT_MAGIC);
    size_t at = out->len;
    gw_buf_append(out, &none, sizeof(none));
    int rc = gw_sparkplug_host_save(node->lane->host, node->config, out);
    put_part(out, at);
    at = out->len;
    gw_buf_append(out, &none, sizeof(none));
    if (rc == 0)
        rc = gw_signal_engine_save(node->lane->engine, node->config, out);
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

void gw_lane_checkpoint_load(struct gw_lane_node *node, struct gw_str bytes)
{
    struct gw_str rest = gw_str_tail(bytes, strlen(CHECKPOINT_MAGIC));
    struct gw_str host, engine;

    if (bytes.len == 0)
        return;
    if (gw_str_has_prefix(bytes, gw_str_of(CHECKPOINT_MAGIC)) && take_part(&rest, &host) &&
        take_part(&rest, &engine) &&
        gw_sparkplug_host_load(node->lane->host, node->config, host) == 0 &&
        gw_signal_engine_load(node->lane->engine, node->config, engine) == 0)
        return;
    gw_log_error("iot: the checkpoint of %.*s cannot be read; its signals begin anew",
                 GW_STR_ARG(node->config->id));
    gw_sparkplug_host_forget(node->lane->host, node->config);
    gw_signal_engine_forget(node->lane->engine, node->config);
}
