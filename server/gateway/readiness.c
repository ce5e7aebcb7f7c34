#include "server/gateway/readiness.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/gateway/certificates.h"
#include "server/gateway/probes.h"
#include "server/gateway/records.h"
#include "server/gateway/server_metrics.h"
#include "server/gateway/server_state.h"
#include "server/store/health.h"

struct gw_readiness {
    struct gw_server *server;
    struct gw_redis_health *redis;
    struct gw_probes *probes;
};

/* --- the answer --- */

static size_t count_workers_with_redis(const struct gw_server *server)
{
    size_t count = 0;

    for (size_t i = 0; i < server->worker_count; i++)
        count += gw_worker_has_redis(server->workers[i]);
    return count;
}

static void print_configuration(const struct gw_server *server, struct gw_buf *out)
{
    const struct gw_snapshot *snapshot = server->current;

    gw_buf_printf(out, ",\"configuration\":{\"generation\":%llu,",
                  (unsigned long long)snapshot->generation);
    gw_buf_printf(out, "\"contracts\":%zu,\"operations\":%zu}", snapshot->contract_count,
                  snapshot->service_count);
}

static void print_redis(const struct gw_server *server, const struct gw_redis_problems *problems,
                        struct gw_buf *out)
{
    gw_buf_printf(out, ",\"redis\":{\"state\":\"%s\",", gw_redis_is_fit(problems) ? "up" : "down");
    gw_buf_printf(out, "\"workers_connected\":%zu,\"workers\":%zu,\"problems\":[",
                  count_workers_with_redis(server), server->worker_count);
    for (size_t i = 0; i < problems->count; i++) {
        gw_buf_printf(out, "%s{\"name\":\"%s\",\"node\":\"", i == 0 ? "" : ",",
                      problems->items[i].name);
        gw_buf_append_json(out, gw_str_of(problems->items[i].node));
        gw_buf_append_text(out, "\",\"reason\":\"");
        gw_buf_append_json(out, gw_str_of(problems->items[i].text));
        gw_buf_append_text(out, "\"}");
    }
    gw_buf_append_text(out, "]}");
}

bool gw_readiness_has_redis(struct gw_readiness *readiness)
{
    const struct gw_server *server = readiness->server;

    return gw_redis_is_fit(gw_redis_health_get(readiness->redis)) &&
           count_workers_with_redis(server) == server->worker_count;
}

bool gw_readiness_print(struct gw_readiness *readiness, struct gw_buf *out)
{
    static const char *const phase_names[] = {"starting", "serving", "draining"};
    struct gw_server *server = readiness->server;
    const struct gw_redis_problems *problems = gw_redis_health_get(readiness->redis);
    bool is_ready = server->phase == GW_SERVER_SERVING && gw_readiness_has_redis(readiness) &&
                    gw_records_are_known(server->records) &&
                    gw_probes_has_backend(readiness->probes);

    gw_metrics_set(server->main_worker.metrics, &gw_server_ready, is_ready);
    gw_buf_printf(out, "{\"ready\":%s,\"phase\":\"%s\"", is_ready ? "true" : "false",
                  phase_names[server->phase]);
    print_configuration(server, out);
    print_redis(server, problems, out);
    gw_records_print(server->records, out);
    gw_buf_append_byte(out, ',');
    gw_probes_print(readiness->probes, out);
    gw_buf_append_text(out, ",\"certificates\":");
    gw_certificates_print_state(server->current,
                                (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_SECOND), out);
    gw_buf_append_text(out, "}\n");
    return is_ready;
}

/* --- life --- */

int gw_readiness_create(struct gw_server *server, struct gw_readiness **out_readiness,
                        struct gw_error *error)
{
    struct gw_readiness *readiness = calloc(1, sizeof(*readiness));

    if (readiness == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    readiness->server = server;
    const struct gw_config_redis *config = &server->current->config->redis;
    const struct gw_redis_needs needs = {
        .must_append = config->must_append,
        .must_sync = config->must_append && config->kind != GW_REDIS_PRIVATE,
        .min_replicas = config->min_replicas,
        .wants_replica = config->kind == GW_REDIS_SENTINEL || config->kind == GW_REDIS_CLUSTER};
    readiness->redis = gw_redis_health_create(server->loop, server->redis.redis, &needs);
    readiness->probes = gw_probes_create(server);
    if (readiness->redis == NULL || readiness->probes == NULL) {
        gw_readiness_destroy(readiness);
        return gw_error_set(error, -ENOMEM, "out of memory");
    }
    *out_readiness = readiness;
    return 0;
}

void gw_readiness_destroy(struct gw_readiness *readiness)
{
    if (readiness == NULL)
        return;
    gw_probes_destroy(readiness->probes);
    gw_redis_health_destroy(readiness->redis);
    free(readiness);
}
