#include "server/store/cluster_map.h"

#include <errno.h>

/* --- slots --- */

static uint16_t crc16(struct gw_str text)
{
    unsigned crc = 0;

    for (size_t i = 0; i < text.len; i++) {
        crc ^= (unsigned)(unsigned char)text.ptr[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
        crc &= 0xffff;
    }
    return (uint16_t)crc;
}

uint16_t gw_cluster_slot(struct gw_str key)
{
    size_t open = gw_str_find(key, '{');

    if (open < key.len) {
        struct gw_str rest = gw_str_tail(key, open + 1);
        size_t close = gw_str_find(rest, '}');
        if (close > 0 && close < rest.len)
            key = gw_str_from(rest.ptr, close);
    }
    return crc16(key) % GW_CLUSTER_SLOTS;
}

/* --- redirections --- */

/* "127.0.0.1:6379", "::1:6379" (Redis writes no brackets) or ":6379". */
static int read_address(struct gw_str text, struct gw_redis_address *out)
{
    size_t colon = text.len;
    uint64_t port;

    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0 || colon > GW_REDIS_HOST_BYTES ||
        gw_str_to_u64(gw_str_tail(text, colon), &port) != 0 || port == 0 || port > UINT16_MAX)
        return -EPROTO;
    out->host = gw_str_from(text.ptr, colon - 1);
    out->port = (uint16_t)port;
    return 0;
}

static int read_redirection(struct gw_str text, struct gw_cluster_redirection *out)
{
    size_t space = gw_str_find(text, ' ');
    uint64_t slot;

    if (space == text.len || gw_str_to_u64(gw_str_from(text.ptr, space), &slot) != 0 ||
        slot >= GW_CLUSTER_SLOTS)
        return -EPROTO;
    out->slot = (uint16_t)slot;
    return read_address(gw_str_tail(text, space + 1), &out->to);
}

enum gw_cluster_refusal gw_cluster_read_refusal(struct gw_str text,
                                                struct gw_cluster_redirection *out_redirection)
{
    struct gw_cluster_redirection redirection;
    enum gw_cluster_refusal refusal;

    if (gw_str_has_prefix(text, GW_STR("TRYAGAIN")) ||
        gw_str_has_prefix(text, GW_STR("CLUSTERDOWN")))
        return GW_CLUSTER_LATER;
    if (gw_str_has_prefix(text, GW_STR("MOVED ")))
        refusal = GW_CLUSTER_MOVED;
    else if (gw_str_has_prefix(text, GW_STR("ASK ")))
        refusal = GW_CLUSTER_ASK;
    else
        return GW_CLUSTER_NONE;
    if (read_redirection(gw_str_tail(text, refusal == GW_CLUSTER_MOVED ? 6 : 4), &redirection) != 0)
        return GW_CLUSTER_NONE;
    *out_redirection = redirection;
    return refusal;
}

/* --- the map --- */

static int read_slot(const struct gw_reply *reply, uint16_t *out_slot)
{
    if (reply->type != GW_REPLY_INTEGER || reply->integer < 0 || reply->integer >= GW_CLUSTER_SLOTS)
        return -EPROTO;
    *out_slot = (uint16_t)reply->integer;
    return 0;
}

/* Of one that does not know its own address (and says nothing, or "?"), the host stays empty. */
static int read_node(const struct gw_reply *node, struct gw_redis_address *out)
{
    if (node->type != GW_REPLY_ARRAY || node->count < 2 ||
        node->items[1].type != GW_REPLY_INTEGER || node->items[1].integer <= 0 ||
        node->items[1].integer > UINT16_MAX)
        return -EPROTO;
    out->port = (uint16_t)node->items[1].integer;
    out->host = GW_STR("");
    if (node->items[0].type == GW_REPLY_NIL || gw_str_equal(node->items[0].text, GW_STR("?")))
        return 0;
    out->host = node->items[0].text;
    return node->items[0].type == GW_REPLY_STRING && out->host.len < GW_REDIS_HOST_BYTES ? 0
                                                                                         : -EPROTO;
}

int gw_cluster_read_range(const struct gw_reply *reply, size_t index,
                          struct gw_cluster_range *out_range)
{
    const struct gw_reply *item = &reply->items[index];
    struct gw_cluster_range range;

    if (item->type != GW_REPLY_ARRAY || item->count < 3 ||
        read_slot(&item->items[0], &range.first) != 0 ||
        read_slot(&item->items[1], &range.last) != 0 || range.first > range.last ||
        read_node(&item->items[2], &range.at) != 0)
        return -EPROTO;
    *out_range = range;
    return 0;
}

int gw_cluster_read_state(const struct gw_reply *reply, struct gw_cluster_state *out_state)
{
    struct gw_cluster_state state = {0};
    struct gw_str rest = reply->text;
    bool has_epoch = false;
    struct gw_str line;

    if (reply->type != GW_REPLY_STRING)
        return -EPROTO;
    while (gw_str_split(&rest, '\n', &line)) {
        struct gw_str key = GW_STR("cluster_current_epoch:");
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (gw_str_equal(line, GW_STR("cluster_state:ok")))
            state.is_ok = true;
        else if (gw_str_has_prefix(line, key))
            has_epoch = gw_str_to_u64(gw_str_tail(line, key.len), &state.epoch) == 0;
    }
    if (!has_epoch)
        return -EPROTO;
    *out_state = state;
    return 0;
}
