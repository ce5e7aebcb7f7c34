/* edge.samples: samples that an edge has kept, on their way to who reads values and histories, and
 * to a historian. Signals have been computed of them at the edge; here they are not once more.
 *
 * They go the way of samples over HTTP (iot/inbox.h), marked. What comes twice counts once there.
 */
#include <errno.h>
#include <inttypes.h>

#include "server/contract/parameter_values.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/gateway/edge_accept.h"
#include "server/gateway/edge_accept_private.h"
#include "server/gateway/events_private.h"
#include "server/gateway/snapshot.h"
#include "server/iot/inbox.h"
#include "server/iot/registry.h"
#include "server/iot/sample_json.h"
#include "server/net/gzip.h"
#include "server/observe/metrics.h"

#define MAX_BODY_BYTES ((size_t)4 << 20)
#define MAX_LINES_BYTES ((size_t)8 << 20) /* unpacked */
#define MAX_ARENA_BYTES ((size_t)64 << 20)
#define MAX_NODES 64
#define MAX_ANSWER_BYTES 256
#define HEAD GW_STR("{\"node\":")
#define SAMPLES ",\"samples\":"

#define NAME "millgate_edge_samples_total"
#define HELP "Samples that edges delivered, by result."
static const struct gw_metric accepted_metric = {NAME, HELP, "result=\"accepted\"", false};
static const struct gw_metric refused_metric = {NAME, HELP, "result=\"refused\"", false};

static const struct gw_script put_script = {
    "edge.samples",
    GW_STR_INIT("if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end\n"
                "redis.call('XADD', KEYS[1], '*', '" GW_INBOX_KEPT "', ARGV[1])\n"
                "return 1\n")};

struct delivery;

struct delivery_node {
    struct delivery *delivery;
    struct gw_record_write write;
    struct gw_redis_eval eval;
    struct gw_str key, args[2];
    bool is_full;
};

struct delivery {
    struct gw_exchange *ex;
    const struct gw_config_edge *edge;
    const struct gw_registry *registry;
    struct gw_buf lines;
    struct gw_arena arena; /* of one line */
    struct delivery_node nodes[MAX_NODES];
    size_t node_count, waiting;
    uint64_t accepted, refused;
    int rc;
    bool is_full, is_sent;
};

static void leave(void *self)
{
    struct delivery *delivery = self;

    for (size_t i = 0; i < delivery->node_count; i++)
        gw_record_write_stop(&delivery->nodes[i].write);
    gw_buf_finish(&delivery->lines);
    gw_arena_finish(&delivery->arena);
}

/* --- the end --- */

static void end(struct delivery *delivery)
{
    struct gw_exchange *ex = delivery->ex;

    if (delivery->is_full) {
        (void)gw_exchange_reject(ex, "unavailable", "Too many samples wait for their owner.",
                                 GW_NS_PER_SECOND);
        gw_builtin_end(ex, true);
        return;
    }
    if (delivery->rc != 0) {
        gw_events_refuse_for(ex, delivery->rc);
        return;
    }
    struct gw_buf *text = gw_events_make_text(ex, MAX_ANSWER_BYTES);
    if (text != NULL)
        gw_buf_printf(text, "{\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64 "}",
                      delivery->accepted, delivery->refused);
    gw_metrics_add(ex->worker->metrics, &accepted_metric, delivery->accepted);
    gw_metrics_add(ex->worker->metrics, &refused_metric, delivery->refused);
    gw_events_answer(ex, 200, text, true);
}

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct delivery_node *node = GW_CONTAINER_OF(write, struct delivery_node, write);

    node->is_full = reply->integer != 1;
    return !node->is_full;
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct delivery_node *node = GW_CONTAINER_OF(write, struct delivery_node, write);
    struct delivery *delivery = node->delivery;

    if (rc != 0 && delivery->rc == 0)
        delivery->rc = rc;
    delivery->is_full = delivery->is_full || node->is_full;
    if (--delivery->waiting == 0 && delivery->is_sent)
        end(delivery);
}

static void put(struct delivery *delivery, struct delivery_node *node)
{
    node->eval =
        (struct gw_redis_eval){&put_script, &node->key, 1, node->args, 2, 2 * GW_NS_PER_SECOND};
    node->write.on_reply = on_reply;
    node->write.on_done = on_done;
    int rc = gw_record_write_start(delivery->ex->worker->record_writer, &node->write, &node->eval);
    delivery->waiting += rc == 0;
    if (rc != 0)
        delivery->rc = rc;
}

/* --- lines --- */

static const struct gw_json_limits limits = {GW_SAMPLES_MAX_BYTES, 8};

/* The name is a JSON string, in which the other member cannot stand. */
static bool split_line(struct delivery *delivery, struct gw_str line, struct gw_str *out_node,
                       struct gw_str *out_samples)
{
    size_t mark = sizeof(SAMPLES) - 1;
    struct gw_json_error why;
    struct gw_value name;
    size_t at = 0;

    if (!gw_str_has_prefix(line, HEAD) || !gw_str_has_suffix(line, GW_STR("}")))
        return false;
    line = gw_str_from(line.ptr + HEAD.len, line.len - HEAD.len - 1);
    while (at < line.len && !gw_str_has_prefix(gw_str_tail(line, at), GW_STR(SAMPLES)))
        at++;
    if (at == line.len ||
        gw_value_read(&delivery->arena, gw_str_from(line.ptr, at), &limits, &name, &why) != 0 ||
        name.type != GW_JSON_STRING)
        return false;
    *out_node = name.text;
    *out_samples = gw_str_tail(line, at + mark);
    return true;
}

static const struct gw_edge_node_config *find_node(const struct delivery *delivery,
                                                   struct gw_str id)
{
    struct gw_str group;

    return gw_str_split(&id, '/', &group) ? gw_registry_find_node(delivery->registry, group, id)
                                          : NULL;
}

static const char *add_node(struct delivery *delivery, const struct gw_edge_node_config *config,
                            struct gw_str samples)
{
    struct gw_arena *arena = &delivery->ex->arena;

    if (delivery->node_count == MAX_NODES)
        return "body-too-large";
    struct delivery_node *node = &delivery->nodes[delivery->node_count++];
    node->delivery = delivery;
    node->key = gw_arena_printf(arena, "millgate:iot:{%.*s}:inbox", GW_STR_ARG(config->id));
    node->args[0] = samples; /* in `lines`, which stays */
    node->args[1] = gw_arena_printf(arena, "%d", GW_INBOX_MAX);
    return node->key.ptr != NULL && node->args[1].ptr != NULL ? NULL : "overloaded";
}

/* What cannot be used here is passed over and counted, as it would be the next time. */
static const char *take_line(struct delivery *delivery, struct gw_str line, const char **out_detail)
{
    struct gw_str id, samples;
    struct gw_samples_read read = {0};
    struct gw_json_error why;
    struct gw_error error;
    struct gw_value list;

    gw_arena_reset(&delivery->arena);
    *out_detail = "A line is not {\"node\":...,\"samples\":[...]}.";
    if (!split_line(delivery, line, &id, &samples))
        return "invalid-body";
    const struct gw_edge_node_config *config = find_node(delivery, id);
    if (config != NULL && !gw_str_equal(config->plant, delivery->edge->plant)) {
        *out_detail = "An edge node is not of the edge's plant.";
        return "forbidden";
    }
    int rc = config == NULL ? -ENOENT
                            : gw_samples_read(samples, delivery->registry, config, &delivery->arena,
                                              &read, &error);
    if (rc == -ENOMEM)
        return "overloaded";
    if (rc != 0) {
        rc = gw_value_read(&delivery->arena, samples, &limits, &list, &why);
        delivery->refused += rc == 0 ? list.count : 1;
        return NULL;
    }
    delivery->accepted += read.count;
    delivery->refused += read.unknown; /* they are told to the owner, who puts them aside */
    return add_node(delivery, config, samples);
}

static const char *read_body(struct delivery *delivery, const char **out_detail)
{
    struct gw_str rest, line;
    int rc = gw_gunzip(delivery->ex->request.body, &delivery->lines);

    *out_detail = "The body is no gzip.";
    if (rc != 0)
        return rc == -EINVAL ? "invalid-body" : rc == -EMSGSIZE ? "body-too-large" : "overloaded";
    rest = gw_buf_str(&delivery->lines);
    while (gw_str_split(&rest, '\n', &line)) {
        if (line.len == 0 && rest.len == 0)
            break;
        const char *problem = take_line(delivery, line, out_detail);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

/* --- the request --- */

static const char *read_request(struct delivery *delivery, const char **out_detail)
{
    struct gw_exchange *ex = delivery->ex;
    struct gw_value parameters;

    *out_detail = NULL;
    if (gw_parameters_read(ex, &ex->arena, &parameters) != 0)
        return "overloaded";
    delivery->edge = edge_find(ex, gw_value_member_text(&parameters, GW_STR("edge")));
    *out_detail = "The certificate is not this edge's.";
    if (delivery->edge == NULL)
        return "forbidden";
    *out_detail = EDGE_REVOKED;
    if (edge_is_disabled(ex, delivery->edge))
        return "forbidden";
    delivery->registry = ex->view->snapshot->registry;
    *out_detail = "This gateway has no devices (the section `iot`): it takes no samples.";
    return delivery->registry != NULL ? read_body(delivery, out_detail) : "not-found";
}

static void start(struct gw_exchange *ex)
{
    struct delivery *delivery = gw_arena_calloc(&ex->arena, 1, sizeof(*delivery));
    const char *detail;

    if (delivery == NULL || gw_arena_defer(&ex->arena, leave, delivery) != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
        return;
    }
    delivery->ex = ex;
    gw_buf_init(&delivery->lines, MAX_LINES_BYTES);
    gw_arena_init(&delivery->arena, 64 << 10, MAX_ARENA_BYTES);
    const char *problem = read_request(delivery, &detail);
    if (problem != NULL) {
        gw_events_refuse(ex, problem, detail);
        return;
    }
    for (size_t i = 0; i < delivery->node_count; i++)
        put(delivery, &delivery->nodes[i]);
    delivery->is_sent = true;
    if (delivery->waiting > 0)
        gw_exchange_must_finish(ex);
    else
        end(delivery);
}

const struct gw_builtin gw_edge_samples_accept = {
    .name = "edge.samples",
    .section = "edges",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = start,
};
