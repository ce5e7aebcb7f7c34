#include "server/upstream/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/upstream/balance.h"
#include "server/upstream/upstreams.h"

/* --- life --- */

static struct gw_target *find(struct gw_upstreams *upstreams, const char *key)
{
    struct gw_list *list = &upstreams->targets;

    for (struct gw_list *node = list->next; node != list; node = node->next) {
        struct gw_target *target = GW_LIST_ITEM(node, struct gw_target, node);
        if (strcmp(target->key, key) == 0)
            return target;
    }
    return NULL;
}

static void set_rules(struct gw_target *target, const struct gw_backend_config *backend,
                      const struct gw_target_config *config)
{
    target->mark = config->mark;
    target->has_breaker = backend->breaker.failures > 0;
    target->breaker.max_failures = backend->breaker.failures;
    target->breaker.pause_ns = backend->breaker.pause_ns;
    target->breaker.max_probes = backend->breaker.probes;
}

/* Takes over `origin` and `key`. NULL without memory. */
static struct gw_target *make(struct gw_upstreams *upstreams, char *key,
                              struct gw_http_origin *origin)
{
    struct gw_target *target = calloc(1, sizeof(*target));

    if (target == NULL)
        return NULL;
    target->key = key;
    target->origin = origin;
    gw_list_append(&upstreams->targets, &target->node);
    return target;
}

int gw_target_get(struct gw_upstreams *upstreams, const struct gw_backend_config *backend,
                  const struct gw_target_config *config, struct gw_target **out_target,
                  struct gw_error *error)
{
    struct gw_http_origin *origin = NULL;
    char *key = NULL;
    int rc = gw_http_origin_get(upstreams->client, &config->origin, &origin, error);

    if (rc != 0)
        return rc;
    if (asprintf(&key, "%.*s %.*s", GW_STR_ARG(backend->name), GW_STR_ARG(config->url)) < 0) {
        gw_http_origin_put(origin);
        return gw_error_set(error, -ENOMEM, "out of memory");
    }
    struct gw_target *target = find(upstreams, key);
    if (target != NULL) { /* the connection's options may have changed, and with them the pool */
        gw_http_origin_put(target->origin);
        target->origin = origin;
        free(key);
    } else if ((target = make(upstreams, key, origin)) == NULL) {
        gw_http_origin_put(origin);
        free(key);
        return gw_error_set(error, -ENOMEM, "out of memory");
    }
    target->references++;
    set_rules(target, backend, config);
    *out_target = target;
    return 0;
}

struct gw_target *gw_target_hold(struct gw_target *target)
{
    target->references++;
    return target;
}

void gw_target_put(struct gw_target *target)
{
    if (target == NULL || --target->references > 0)
        return;
    gw_list_remove(&target->node);
    gw_http_origin_put(target->origin);
    free(target->key);
    free(target);
}

/* --- health --- */

bool gw_target_is_allowed(const struct gw_target *target, uint64_t now_ns)
{
    return !target->has_breaker || gw_breaker_would_allow(&target->breaker, now_ns);
}

bool gw_target_is_well(const struct gw_target *target, uint64_t now_ns)
{
    if (target->mark != NULL && atomic_load_explicit(&target->mark->is_down, memory_order_relaxed))
        return false;
    return !gw_outlier_is_ejected(&target->outlier, now_ns) && gw_target_is_allowed(target, now_ns);
}

uint32_t gw_target_weight(const struct gw_target *target, const struct gw_backend_config *backend,
                          const struct gw_target_config *config, uint64_t now_ns)
{
    uint64_t back_ns = target->outlier.until_ns;
    uint64_t probed_ns = target->mark == NULL ? 0
                                              : atomic_load_explicit(&target->mark->up_since_ns,
                                                                     memory_order_relaxed);

    if (backend->slow_start_ns == 0)
        return config->weight;
    if (target->closed_at_ns > back_ns)
        back_ns = target->closed_at_ns;
    if (probed_ns > back_ns)
        back_ns = probed_ns;
    if (back_ns == 0 || back_ns > now_ns)
        return config->weight;
    return gw_balance_ramp(config->weight, now_ns - back_ns, backend->slow_start_ns);
}

/* --- requests --- */

bool gw_target_begin(struct gw_target *target, uint64_t now_ns)
{
    target->outstanding++;
    target->stats.requests++;
    if (!target->has_breaker || !target->breaker.is_open)
        return false;
    return gw_breaker_allows(&target->breaker, now_ns);
}

void gw_target_end(struct gw_target *target)
{
    target->outstanding--;
}

static size_t count_ejected(const struct gw_backend *backend, uint64_t now_ns)
{
    size_t count = 0;

    for (size_t i = 0; i < backend->config->target_count; i++)
        count += gw_outlier_is_ejected(&backend->targets[i]->outlier, now_ns);
    return count;
}

/* Of several workers the longest counts. */
static void move_forward(_Atomic uint64_t *until_ns, uint64_t value_ns)
{
    if (atomic_load_explicit(until_ns, memory_order_relaxed) < value_ns)
        atomic_store_explicit(until_ns, value_ns, memory_order_relaxed);
}

static void eject(const struct gw_backend *backend, struct gw_target *target, uint64_t now_ns)
{
    const struct gw_outlier_rule *rule = &backend->config->outlier;

    if (!gw_outlier_has_room(rule, count_ejected(backend, now_ns), backend->config->target_count))
        return;
    gw_outlier_eject(&target->outlier, rule, now_ns);
    target->stats.ejections++;
    if (target->mark != NULL)
        move_forward(&target->mark->ejected_until_ns, target->outlier.until_ns);
    gw_log_warn("backend %s is left out for %llu ms", target->key,
                (unsigned long long)((target->outlier.until_ns - now_ns) / GW_NS_PER_MS));
}

static void report_to_breaker(struct gw_target *target, bool is_probe,
                              enum gw_target_outcome outcome, uint64_t now_ns)
{
    struct gw_breaker *breaker = &target->breaker;
    bool was_open = breaker->is_open;

    if (!target->has_breaker || (was_open && !is_probe))
        return;
    if (outcome == GW_TARGET_FAILURE) {
        gw_breaker_failure(breaker, now_ns);
        if (breaker->is_open && target->mark != NULL)
            move_forward(&target->mark->open_until_ns, breaker->retry_at_ns);
        target->stats.breaker_openings += breaker->is_open;
    } else if (outcome == GW_TARGET_SUCCESS) {
        gw_breaker_success(breaker);
    } else if (is_probe) {
        gw_breaker_cancel(breaker);
    }
    if (was_open && !breaker->is_open)
        target->closed_at_ns = now_ns;
    if (was_open != breaker->is_open)
        gw_log(was_open ? GW_LOG_INFO : GW_LOG_WARN, "backend %s: the breaker %s", target->key,
               was_open ? "is closed again" : "opens");
}

void gw_target_report(const struct gw_backend *backend, struct gw_target *target, bool is_probe,
                      enum gw_target_outcome outcome, uint64_t now_ns)
{
    report_to_breaker(target, is_probe, outcome, now_ns);
    if (outcome == GW_TARGET_SUCCESS)
        gw_outlier_success(&target->outlier);
    if (outcome != GW_TARGET_FAILURE)
        return;
    target->stats.failures++;
    if (gw_outlier_failure(&target->outlier, &backend->config->outlier, now_ns))
        eject(backend, target, now_ns);
}
