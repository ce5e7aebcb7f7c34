/* Which node of a Redis Cluster keeps which key: slots, what nodes say of them, and redirections
 * (https://redis.io/docs/reference/cluster-spec/). Pure: no connection, no clock, no allocation. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/store/redis.h"
#include "server/store/reply.h"

#define GW_CLUSTER_SLOTS 16384

/* CRC-16/XMODEM of the key, or of what stands in its first {braces} if that is not empty. */
uint16_t gw_cluster_slot(struct gw_str key);

/* --- redirections --- */

enum gw_cluster_refusal {
    GW_CLUSTER_NONE,  /* an answer like any other */
    GW_CLUSTER_MOVED, /* the slot is another node's, for good */
    GW_CLUSTER_ASK,   /* this once, ask the other one, with ASKING */
    GW_CLUSTER_LATER, /* TRYAGAIN or CLUSTERDOWN: it was not run, and may be soon */
};

struct gw_cluster_redirection {
    uint16_t slot;
    struct gw_redis_address to; /* borrowed; an empty host: the one that said so */
};

/* What an error reply says. One that claims to be a redirection and is malformed is NONE. */
enum gw_cluster_refusal gw_cluster_read_refusal(struct gw_str text,
                                                struct gw_cluster_redirection *out_redirection);

/* --- the map, as a node tells it --- */

struct gw_cluster_range {
    uint16_t first, last;       /* both included */
    struct gw_redis_address at; /* the primary; borrowed; an empty host as above */
};

/* Reads range number `index` of the reply to CLUSTER SLOTS. 0, or -EPROTO. */
GW_MUST_CHECK
int gw_cluster_read_range(const struct gw_reply *reply, size_t index,
                          struct gw_cluster_range *out_range);

struct gw_cluster_state {
    bool is_ok;
    uint64_t epoch; /* the highest of the cluster, as far as the node knows */
};

/* Reads the reply to CLUSTER INFO. 0, or -EPROTO. */
GW_MUST_CHECK
int gw_cluster_read_state(const struct gw_reply *reply, struct gw_cluster_state *out_state);
