/* Any error text as a redirection, any text as a key and as what a node says of its state. */
#include <stdint.h>
#include <stdlib.h>

#include "server/store/cluster_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str text = gw_str_from((const char *)bytes, len);
    const struct gw_reply reply = {.type = GW_REPLY_STRING, .text = text};
    struct gw_cluster_redirection redirection;
    struct gw_cluster_state state;
    enum gw_cluster_refusal refusal = gw_cluster_read_refusal(text, &redirection);

    if (refusal == GW_CLUSTER_MOVED || refusal == GW_CLUSTER_ASK) {
        if (redirection.slot >= GW_CLUSTER_SLOTS || redirection.to.port == 0 ||
            redirection.to.host.len >= GW_REDIS_HOST_BYTES)
            abort();
    }
    if (gw_cluster_slot(text) >= GW_CLUSTER_SLOTS)
        abort();
    if (gw_cluster_read_state(&reply, &state) == 0 && len < 22)
        abort();
    return 0;
}
