#include <errno.h>

#include "server/core/clock.h"
#include "server/store/cluster.h"
#include "server/store/resp.h"

#define CALLS_PER_BLOCK 16
#define MAX_REDIRECTIONS 5
#define PAUSE_NS (5 * GW_NS_PER_MS) /* after TRYAGAIN and CLUSTERDOWN; grows */
#define KEPT_BYTES 4096             /* of a command's text, for the next one */

/* One command, over all the nodes that it is sent to. The caller holds `call`, whose deadline is
 * used for pauses only: what is under way at a node has its own. */
struct routed {
    struct gw_redis_call call; /* node: in active or free */
    struct gw_cluster *cluster;
    struct gw_redis_call *leg; /* under way at a node; NULL: pausing */
    uint8_t at;                /* that node */
    uint16_t slot;
    unsigned redirections, pauses;
    uint64_t due_ns;
    bool is_eval;
    struct gw_redis_eval eval; /* or: */
    struct gw_buf bytes;       /* the command, as sent */
};

static void take_off(struct routed *routed)
{
    gw_timer_stop(&routed->call.deadline);
    gw_list_remove(&routed->call.node);
    gw_list_prepend(&routed->cluster->free, &routed->call.node);
    routed->leg = NULL;
    if (routed->bytes.len > KEPT_BYTES)
        gw_buf_finish(&routed->bytes);
    gw_buf_clear(&routed->bytes);
}

static void finish(struct routed *routed, int rc, const struct gw_reply *reply)
{
    struct gw_cluster *cluster = routed->cluster;
    gw_redis_fn *fn = routed->call.fn;
    void *self = routed->call.self;

    cluster->answering = cluster->nodes[routed->at].client;
    take_off(routed);
    fn(self, rc, reply);
}

/* --- at a node --- */

static gw_redis_fn on_leg;

static void on_asking(void *self, int rc, const struct gw_reply *reply)
{
    (void)self, (void)rc, (void)reply; /* the command's own answer tells all */
}

/* ASKING stands right before the command, as both are put out in one go; a script goes with its
 * source, as NOSCRIPT's second try would stand without. */
static int send_leg(struct routed *routed, uint8_t node, bool is_asking)
{
    const struct gw_str word = GW_STR("ASKING");
    struct gw_redis *client =
        node == GW_CLUSTER_NOBODY ? NULL : routed->cluster->nodes[node].client;
    uint64_t now_ns = gw_loop_now_ns(routed->cluster->front->loop);

    if (client == NULL || now_ns >= routed->due_ns)
        return -ENOTCONN;
    routed->at = node;
    routed->eval.timeout_ns = routed->due_ns - now_ns;
    if (is_asking) {
        const struct gw_redis_command asking = {&word, 1, routed->eval.timeout_ns};
        int rc = gw_redis_send(client, &asking, on_asking, NULL, NULL);
        if (rc != 0)
            return rc;
    }
    if (!routed->is_eval) {
        const struct gw_redis_bytes bytes = {gw_buf_str(&routed->bytes), routed->eval.timeout_ns};
        return gw_redis_send_bytes(client, &bytes, on_leg, routed, &routed->leg);
    }
    return is_asking ? gw_redis_eval_source(client, &routed->eval, on_leg, routed, &routed->leg)
                     : gw_redis_eval(client, &routed->eval, on_leg, routed, &routed->leg);
}

static void send_again(struct routed *routed, uint8_t node, bool is_asking)
{
    int rc = send_leg(routed, node, is_asking);

    if (rc != 0)
        finish(routed, rc, NULL);
}

static void on_pause(struct gw_timer *timer)
{
    struct routed *routed = GW_CONTAINER_OF(timer, struct routed, call.deadline);

    send_again(routed, routed->cluster->owners[routed->slot], false);
}

static void pause_call(struct routed *routed)
{
    struct gw_cluster *cluster = routed->cluster;
    uint64_t now_ns = gw_loop_now_ns(cluster->front->loop);
    uint64_t left_ns = routed->due_ns > now_ns ? routed->due_ns - now_ns : 0;
    uint64_t pause_ns = PAUSE_NS << (routed->pauses < 5 ? routed->pauses : 5);

    routed->pauses++;
    gw_cluster_hurry(cluster);
    gw_timer_start(cluster->front->loop, &routed->call.deadline,
                   pause_ns < left_ns ? pause_ns : left_ns, on_pause);
}

/* A refused command was not run, so it may go elsewhere. */
static void follow(struct routed *routed, enum gw_cluster_refusal refusal,
                   const struct gw_cluster_redirection *redirection)
{
    struct gw_cluster *cluster = routed->cluster;
    uint8_t node;

    if (refusal == GW_CLUSTER_LATER) {
        pause_call(routed);
        return;
    }
    cluster->redirections++;
    node = gw_cluster_find_node(cluster, &redirection->to, routed->at);
    if (refusal == GW_CLUSTER_MOVED) {
        cluster->owners[redirection->slot] = node;
        if (node != GW_CLUSTER_NOBODY)
            cluster->nodes[node].is_owner = true;
        gw_cluster_hurry(cluster);
    }
    send_again(routed, node, refusal == GW_CLUSTER_ASK);
}

static void on_leg(void *self, int rc, const struct gw_reply *reply)
{
    struct routed *routed = self;
    enum gw_cluster_refusal refusal = GW_CLUSTER_NONE;
    struct gw_cluster_redirection redirection;

    routed->leg = NULL;
    if (rc == 0 && reply->type == GW_REPLY_ERROR)
        refusal = gw_cluster_read_refusal(reply->text, &redirection);
    if (rc == -ENOTCONN || rc == -ECONNRESET)
        gw_cluster_hurry(routed->cluster);
    if (refusal == GW_CLUSTER_NONE ||
        (refusal != GW_CLUSTER_LATER && ++routed->redirections > MAX_REDIRECTIONS))
        finish(routed, rc, reply);
    else
        follow(routed, refusal, &redirection);
}

/* --- commands --- */

static struct routed *take(struct gw_cluster *cluster)
{
    if (gw_list_is_empty(&cluster->free)) {
        struct routed *block = NULL;
        if (cluster->call_count < cluster->front->config.max_calls)
            block = gw_arena_calloc(&cluster->memory, CALLS_PER_BLOCK, sizeof(*block));
        for (size_t i = 0; block != NULL && i < CALLS_PER_BLOCK; i++) {
            block[i].cluster = cluster;
            block[i].call.redis = cluster->front;
            gw_buf_init(&block[i].bytes, cluster->front->config.max_queued_bytes);
            gw_list_append(&cluster->free, &block[i].call.node);
        }
        cluster->call_count += block != NULL ? CALLS_PER_BLOCK : 0;
    }
    struct gw_list *node = gw_list_take(&cluster->free);
    if (node == NULL)
        return NULL;
    gw_list_append(&cluster->active, node);
    return GW_CONTAINER_OF(GW_LIST_ITEM(node, struct gw_redis_call, node), struct routed, call);
}

static int start(struct routed *routed, struct gw_str key, uint64_t timeout_ns,
                 struct gw_redis_call **out_call)
{
    struct gw_cluster *cluster = routed->cluster;
    const struct gw_redis *front = cluster->front;

    routed->redirections = routed->pauses = 0;
    routed->slot = gw_cluster_slot(key);
    routed->due_ns =
        gw_loop_now_ns(front->loop) + (timeout_ns > 0 ? timeout_ns : front->config.timeout_ns);
    int rc = routed->bytes.has_failed ? -ENOBUFS
                                      : send_leg(routed, cluster->owners[routed->slot], false);
    if (rc != 0) {
        if (rc == -ENOTCONN)
            gw_cluster_hurry(cluster);
        take_off(routed);
        cluster->front->stats.refused++;
    } else if (out_call != NULL) {
        *out_call = &routed->call;
    }
    return rc;
}

int gw_cluster_send(struct gw_cluster *cluster, const struct gw_redis_command *command,
                    gw_redis_fn *fn, void *self, struct gw_redis_call **out_call)
{
    struct routed *routed = take(cluster);

    if (routed == NULL)
        return -ENOBUFS;
    routed->call.fn = fn;
    routed->call.self = self;
    routed->is_eval = false;
    gw_resp_append_command(&routed->bytes, command->args, command->count);
    return start(routed, command->count > 1 ? command->args[1] : GW_STR(""), command->timeout_ns,
                 out_call);
}

int gw_cluster_eval(struct gw_cluster *cluster, const struct gw_redis_eval *eval, gw_redis_fn *fn,
                    void *self, struct gw_redis_call **out_call)
{
    struct routed *routed = take(cluster);

    if (routed == NULL)
        return -ENOBUFS;
    routed->call.fn = fn;
    routed->call.self = self;
    routed->is_eval = true;
    routed->eval = *eval;
    return start(routed, eval->key_count > 0 ? eval->keys[0] : GW_STR(""), eval->timeout_ns,
                 out_call);
}

void gw_cluster_cancel(struct gw_redis_call *call)
{
    struct routed *routed = GW_CONTAINER_OF(call, struct routed, call);

    if (routed->leg != NULL)
        gw_redis_cancel(routed->leg);
    else
        routed->cluster->front->stats.cancelled++;
    take_off(routed);
}

void gw_cluster_finish_calls(struct gw_cluster *cluster)
{
    struct gw_list *node;

    while (!gw_list_is_empty(&cluster->active))
        gw_cluster_cancel(GW_LIST_ITEM(cluster->active.next, struct gw_redis_call, node));
    while ((node = gw_list_take(&cluster->free)) != NULL) {
        struct gw_redis_call *call = GW_LIST_ITEM(node, struct gw_redis_call, node);
        gw_buf_finish(&GW_CONTAINER_OF(call, struct routed, call)->bytes);
    }
}
