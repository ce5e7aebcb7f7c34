/* The inside of a client whose Redis is a cluster, shared by cluster.c (nodes and the map of slots)
 * and cluster_calls.c (commands on their way, redirections). redis*.c hand over to it; nobody else
 * includes it.
 *
 * Each node that keeps slots has a client of its own; a command goes to the node of its key and
 * follows MOVED and ASK, within its deadline. The map is asked for at any node, each five seconds,
 * five times a second while something is wrong, and after each redirection; of two nodes that
 * disagree, the one with the higher configuration epoch counts. */
#pragma once

#include "server/store/cluster_map.h"
#include "server/store/redis_link.h"

#define GW_CLUSTER_MAX_NODES 128
#define GW_CLUSTER_NOBODY UINT8_MAX

struct gw_cluster_node {
    struct gw_redis *client; /* NULL: this place is free */
    char host[GW_REDIS_HOST_BYTES];
    uint16_t port;
    bool is_owner; /* of slots */
};

struct gw_cluster {
    struct gw_redis *front; /* what callers hold; has the configuration, and no connection */
    struct gw_cluster_node nodes[GW_CLUSTER_MAX_NODES];
    uint8_t owners[GW_CLUSTER_SLOTS]; /* index of the node, or NOBODY */

    /* --- the map --- */
    struct gw_timer timer;
    bool has_map, is_asking, is_told;
    uint8_t asked;                  /* who was asked last */
    uint64_t asked_ns, accepted_ns; /* accepted: the last answer that counted */
    struct gw_cluster_state told;   /* by the one who is being asked, if is_told */
    uint64_t epoch;                 /* of the map */

    /* --- calls --- */
    struct gw_list active, free;
    struct gw_arena memory;
    size_t call_count; /* that exist */
    struct gw_redis *answering;
    struct gw_redis_stats retired; /* of nodes that are gone */
    uint64_t redirections;
};

/* --- cluster.c --- */

GW_MUST_CHECK
int gw_cluster_create(struct gw_redis *front, struct gw_cluster **out_cluster,
                      struct gw_error *error);
void gw_cluster_destroy(struct gw_cluster *cluster); /* NULL is safe */

/* The node at that address, which is added if it is new; an empty host is that of `teller`. NOBODY
 * without room or memory. */
uint8_t gw_cluster_find_node(struct gw_cluster *cluster, const struct gw_redis_address *address,
                             uint8_t teller);
/* The map may be wrong: ask soon. */
void gw_cluster_hurry(struct gw_cluster *cluster);
void gw_cluster_flush(struct gw_cluster *cluster);
/* Up: all slots are kept by nodes that are up. */
enum gw_redis_state gw_cluster_get_state(const struct gw_cluster *cluster);
void gw_cluster_add_stats(const struct gw_cluster *cluster, struct gw_redis_stats *sum);
/* Writes what is wrong to the front's reason. */
void gw_cluster_explain(const struct gw_cluster *cluster);

/* --- cluster_calls.c: as the functions of redis.h --- */

GW_MUST_CHECK
int gw_cluster_send(struct gw_cluster *cluster, const struct gw_redis_command *command,
                    gw_redis_fn *fn, void *self, struct gw_redis_call **out_call);
GW_MUST_CHECK
int gw_cluster_eval(struct gw_cluster *cluster, const struct gw_redis_eval *eval, gw_redis_fn *fn,
                    void *self, struct gw_redis_call **out_call);
void gw_cluster_cancel(struct gw_redis_call *call);
void gw_cluster_finish_calls(struct gw_cluster *cluster); /* calls nobody back */
