/* A backend's targets, and what is done when they fail. */
#include <errno.h>

#include "server/gateway/config_private.h"

#define POINTER_BYTES 192

/* --- targets ---------------------------------------------------------------------------------- */

static void fill_target(struct gw_config_loader *loader, const char *pointer, struct gw_str text,
                        struct gw_config_target *target)
{
    struct gw_config_url url;
    struct gw_error error;

    target->url = text;
    if (text.ptr == NULL) /* was reported */
        return;
    if (gw_config_url_parse(text, &url, &error) != 0) {
        gw_config_fail(loader, pointer, "url %s", error.text);
        return;
    }
    target->is_tls = gw_str_equal(url.scheme, GW_STR("https"));
    if (!target->is_tls && !gw_str_equal(url.scheme, GW_STR("http")))
        gw_config_fail(loader, pointer, "url must begin with http:// or https://");
    target->host = url.host;
    target->port = url.port != 0 ? url.port : target->is_tls ? 443 : 80;
    target->authority = url.authority;
    target->base_path = url.path;
    while (gw_str_has_suffix(target->base_path, GW_STR("/")))
        target->base_path.len--;
}

static void check_is_new(struct gw_config_loader *loader, const char *pointer,
                         const struct gw_config_backend *backend, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (backend->targets[i].url.ptr != NULL &&
            gw_str_equal(backend->targets[i].url, backend->targets[index].url))
            gw_config_fail(loader, pointer, "the url is that of targets/%zu already", i);
    }
}

int gw_config_fill_targets(struct gw_config_loader *loader, const char *pointer,
                           const json_t *checked, struct gw_config_backend *backend)
{
    const json_t *list = json_object_get(checked, "targets");
    struct gw_str url = gw_config_text(checked, "url");
    size_t count = json_array_size(list);
    char inner[POINTER_BYTES];

    backend->targets =
        gw_arena_calloc(&loader->config->arena, count + 1, sizeof(*backend->targets));
    if (backend->targets == NULL)
        return -ENOMEM;
    if ((url.ptr == NULL) == (list == NULL) && json_is_object(checked)) {
        gw_config_fail(loader, pointer, "a backend has either a url or targets");
        return 0;
    }
    if (list == NULL) {
        snprintf(inner, sizeof(inner), "%s/url", pointer);
        fill_target(loader, inner, url, &backend->targets[0]);
        backend->targets[0].weight = 1;
        backend->target_count = 1;
        return 0;
    }
    backend->target_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        snprintf(inner, sizeof(inner), "%s/targets/%zu/url", pointer, i);
        fill_target(loader, inner, gw_config_text(item, "url"), &backend->targets[i]);
        check_is_new(loader, inner, backend, i);
        backend->targets[i].weight = (unsigned)gw_config_number(item, "weight");
    }
    return 0;
}

/* --- what is done when they fail -------------------------------------------------------------- */

static uint32_t retry_reasons(struct gw_config_loader *loader, const char *pointer,
                              const json_t *list)
{
    char inner[POINTER_BYTES];
    uint32_t reasons = 0;
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item)
    {
        uint32_t reason =
            gw_retry_reason_parse(gw_str_from(json_string_value(item), json_string_length(item)));
        snprintf(inner, sizeof(inner), "%s/retry/on/%zu", pointer, index);
        if (reason == GW_RETRY_NONE && json_is_string(item))
            gw_config_fail(loader, inner,
                           "must be connect, reset, timeout, \"502\", \"503\" or \"504\"");
        reasons |= reason;
    }
    return reasons;
}

static void fill_retry(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                       struct gw_retry_rule *retry)
{
    if (!json_is_object(checked))
        return;
    *retry = (struct gw_retry_rule){
        .attempts = (uint32_t)gw_config_number(checked, "attempts"),
        .reasons = retry_reasons(loader, pointer, json_object_get(checked, "on")),
        .backoff_ns = gw_config_number(checked, "backoff"),
        .max_backoff_ns = gw_config_number(checked, "max_backoff"),
        .budget_percent = (uint32_t)gw_config_number(checked, "budget"),
        .max_body_bytes = (uint32_t)gw_config_number(checked, "max_body"),
    };
}

static void fill_probe(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                       struct gw_probe_rule *probe)
{
    char inner[POINTER_BYTES];

    *probe = (struct gw_probe_rule){.interval_ns = UINT64_C(10000000000),
                                    .timeout_ns = UINT64_C(5000000000),
                                    .healthy = 1,
                                    .unhealthy = 1};
    if (!json_is_object(checked))
        return;
    *probe = (struct gw_probe_rule){
        .path = gw_config_text(checked, "path"),
        .interval_ns = gw_config_number(checked, "interval"),
        .timeout_ns = gw_config_number(checked, "timeout"),
        .healthy = (uint32_t)gw_config_number(checked, "healthy"),
        .unhealthy = (uint32_t)gw_config_number(checked, "unhealthy"),
    };
    snprintf(inner, sizeof(inner), "%s/probe/path", pointer);
    if (probe->path.ptr != NULL &&
        (!gw_str_has_prefix(probe->path, GW_STR("/")) || !gw_config_is_field_value(probe->path) ||
         gw_str_find(probe->path, ' ') < probe->path.len))
        gw_config_fail(loader, inner, "path must begin with \"/\" and hold no space or control");
}

static void fill_mirror(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                        struct gw_mirror_rule *mirror)
{
    const json_t *backends = json_object_get(loader->config->checked, "backends");
    const json_t *name = json_object_get(checked, "backend");
    char inner[POINTER_BYTES];

    *mirror = (struct gw_mirror_rule){
        .backend = gw_config_text(checked, "backend"),
        .percent = (uint32_t)gw_config_number(checked, "percent"),
        .max_body_bytes = (uint32_t)gw_config_number(checked, "max_body"),
    };
    snprintf(inner, sizeof(inner), "%s/mirror/backend", pointer);
    if (json_is_string(name) && json_object_get(backends, json_string_value(name)) == NULL)
        gw_config_fail(loader, inner, "the backend \"%.64s\" is not configured",
                       json_string_value(name));
}

static void fill_limits(const json_t *checked, struct gw_backend_config *rules)
{
    const json_t *bulkhead = json_object_get(checked, "bulkhead");
    const json_t *hedge = json_object_get(checked, "hedge");

    rules->bulkhead = (struct gw_bulkhead_rule){
        .max_requests = (uint32_t)gw_config_number(bulkhead, "max_requests"),
        .max_queued = (uint32_t)gw_config_number(bulkhead, "max_queued"),
        .queue_ns = gw_config_number(bulkhead, "queue_timeout"),
    };
    rules->throttle = (struct gw_throttle_rule){
        .obeys_429 = json_is_true(json_object_get(checked, "obey_retry_after")),
        .obeys_503 = json_is_true(json_object_get(checked, "obey_retry_after_503")),
        .max_ns = gw_config_number(checked, "max_retry_after"),
    };
    rules->hedge_ns = gw_config_number(hedge, "delay");
    if (rules->retry.attempts == 0)
        rules->retry.budget_percent = (uint32_t)gw_config_number(hedge, "budget");
}

static void fill_health(const json_t *checked, struct gw_backend_config *rules)
{
    const json_t *outliers = json_object_get(checked, "outliers");
    const json_t *breaker = json_object_get(checked, "breaker");

    rules->outlier = (struct gw_outlier_rule){
        .failures = (uint32_t)gw_config_number(outliers, "failures"),
        .base_ns = gw_config_number(outliers, "base_ejection"),
        .max_ns = gw_config_number(outliers, "max_ejection"),
        .max_percent = (uint32_t)gw_config_number(outliers, "max_percent"),
    };
    rules->breaker = (struct gw_breaker_rule){
        .failures = (uint32_t)gw_config_number(breaker, "failures"),
        .pause_ns = gw_config_number(breaker, "pause"),
        .probes = (uint32_t)gw_config_number(breaker, "probes"),
    };
}

int gw_config_fill_resilience(struct gw_config_loader *loader, const char *pointer,
                              const json_t *checked, struct gw_config_backend *backend)
{
    struct gw_backend_config *rules = &backend->resilience;

    rules->slow_start_ns = gw_config_number(checked, "slow_start");
    gw_config_fill_effects(loader, pointer, json_object_get(checked, "effects"), &rules->effect);
    rules->deadline_field = gw_config_text(loader->config->checked, "request_timeout_field");
    fill_health(checked, rules);
    fill_retry(loader, pointer, json_object_get(checked, "retry"), &rules->retry);
    fill_probe(loader, pointer, json_object_get(checked, "probe"), &rules->probe);
    fill_mirror(loader, pointer, json_object_get(checked, "mirror"), &rules->mirror);
    fill_limits(checked, rules);
    int rc = gw_config_fill_routes(loader, pointer, checked, backend);
    if (rc == 0)
        rc = gw_config_fill_maintenance(loader, pointer, json_object_get(checked, "maintenance"),
                                        backend);
    return rc;
}
