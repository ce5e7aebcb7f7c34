#include "policies/cache/cache.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/cache/visit.h"
#include "policies/cache/wire.h"
#include "server/core/clock.h"
#include "server/http/normal_path.h"

static const struct gw_option cache_options[] = {
    {.name = "max_bytes",
     .type = GW_BYTES,
     .min = 64 << 10,
     .max = INT64_C(16) << 30,
     .value = "32MiB",
     .help = "What each worker keeps at most; what was unused for longest goes first."},
    {.name = "max_object_bytes",
     .type = GW_BYTES,
     .min = 1,
     .max = 64 << 20,
     .value = "256KiB",
     .help = "A larger answer passes and is not kept."},
    {.name = "max_wait",
     .type = GW_DURATION,
     .min = (int64_t)GW_NS_PER_MS,
     .max = 60 * (int64_t)GW_NS_PER_SECOND,
     .value = "5s",
     .help = "How long a request waits for the answer to an equal one that is under way."},
    {.name = "redis_bytes",
     .type = GW_BYTES,
     .max = INT64_C(64) << 30,
     .value = "0",
     .help = "What all gateways keep in Redis together, at most; 0: nothing."},
    {.name = "redis_object_bytes",
     .type = GW_BYTES,
     .min = 1 << 10,
     .max = 4 << 20,
     .value = "64KiB",
     .help = "A larger answer is kept by the gateway alone."},
    {.name = "redis_timeout",
     .type = GW_DURATION,
     .min = (int64_t)GW_NS_PER_MS,
     .max = (int64_t)GW_NS_PER_SECOND,
     .value = "20ms",
     .help = "How long a request waits for Redis; then the backend is asked."},
    {0},
};

#define REQUESTS "millgate_cache_requests_total", "Requests for what may be kept."
const struct gw_metric cache_metric_hits = {REQUESTS, "result=\"hit\"", false};
const struct gw_metric cache_metric_misses = {REQUESTS, "result=\"miss\"", false};
const struct gw_metric cache_metric_stale = {REQUESTS, "result=\"stale\"", false};
const struct gw_metric cache_metric_validated = {REQUESTS, "result=\"validated\"", false};
const struct gw_metric cache_metric_bypassed = {REQUESTS, "result=\"bypass\"", false};
const struct gw_metric cache_metric_collapsed = {
    "millgate_cache_waits_total", "Requests that waited for an equal one.", NULL, false};
const struct gw_metric cache_metric_stored = {"millgate_cache_stored_total",
                                              "Answers that were kept.", NULL, false};
const struct gw_metric cache_metric_evictions = {"millgate_cache_evictions_total",
                                                 "Answers that made room for others.", NULL, false};
const struct gw_metric cache_metric_second = {"millgate_cache_redis_hits_total",
                                              "Answers that were found in Redis.", NULL, false};
const struct gw_metric cache_metric_purged = {"millgate_cache_purges_total",
                                              "Tags that were purged.", NULL, false};
const struct gw_metric cache_metric_bytes = {"millgate_cache_bytes", "What is kept, in bytes.",
                                             NULL, true};
const struct gw_metric cache_metric_entries = {"millgate_cache_entries", "Answers that are kept.",
                                               NULL, true};

static void cache_destroy(void *self)
{
    struct cache *cache = self;

    if (cache == NULL)
        return;
    cache_memory_close(cache->memory);
    free(cache);
}

static json_int_t integer_of(const json_t *config, const char *key)
{
    return json_integer_value(json_object_get(config, key));
}

static int cache_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for the cache");
    cache->memory_config = (struct cache_memory_config){
        .max_bytes = (size_t)integer_of(config, "max_bytes"),
        .second = {.max_bytes = (size_t)integer_of(config, "redis_bytes"),
                   .max_object_bytes = (size_t)integer_of(config, "redis_object_bytes"),
                   .timeout_ns = (uint64_t)integer_of(config, "redis_timeout")},
    };
    cache->max_object_bytes = (size_t)integer_of(config, "max_object_bytes");
    cache->max_wait_ns = (uint64_t)integer_of(config, "max_wait");
    *out_self = cache;
    return 0;
}

/* --- for all parts --- */

void cache_count(const struct gw_exchange *ex, const struct gw_metric *metric)
{
    gw_metrics_add(ex->worker->metrics, metric, 1);
}

int64_t cache_now_ns(const struct gw_exchange *ex)
{
    return (int64_t)gw_loop_now_ns(ex->worker->loop);
}

int64_t cache_now_wall_ns(const struct gw_exchange *ex)
{
    int64_t since_ns = cache_now_ns(ex) - (int64_t)ex->now_ns;

    return (int64_t)ex->wall_ns + (since_ns > 0 ? since_ns : 0);
}

int64_t cache_now_wall_s(const struct gw_exchange *ex)
{
    return cache_now_wall_ns(ex) / (int64_t)GW_NS_PER_SECOND;
}

/* In normal form: another spelling changes the same thing. A space stands in no other tag. */
struct gw_str cache_path_tag(struct gw_exchange *ex)
{
    struct gw_normal_path normal;
    struct gw_str path = ex->request.path;

    if (gw_path_normalize(path, &normal) == 0)
        path = normal.text;
    return gw_arena_printf(&ex->arena, "path %.*s", GW_STR_ARG(path));
}

void cache_visit_end_flight(struct cache_visit *visit, enum cache_wake wake)
{
    if (visit->flight != NULL)
        cache_flight_end(visit->flight, wake);
    visit->flight = NULL;
}

static struct cache_memory *memory_of(struct cache *cache, struct gw_exchange *ex)
{
    if (cache->memory == NULL)
        cache->memory = cache_memory_open(&cache->memory_config, ex->worker);
    return cache->memory;
}

static void stop_waiting(struct cache_visit *visit)
{
    cache_waiter_leave(&visit->waiter);
    if (visit->call != NULL)
        cache_second_cancel(&visit->memory->second, visit->call);
    visit->call = NULL;
}

/* With the end of the exchange. */
static void visit_finish(void *self)
{
    struct cache_visit *visit = self;

    stop_waiting(visit);
    cache_visit_end_flight(visit, CACHE_WAKE_LEAD);
    cache_entry_release(visit->stale);
    visit->stale = NULL;
    gw_buf_finish(&visit->body);
}

/* --- the request --- */

/* What is not for a cache: parts, conditions on a state of the backend's, bodies. */
static bool passes_by(const struct cache_visit *visit)
{
    static const struct gw_str names[] = {GW_STR_INIT("Range"), GW_STR_INIT("If-Range"),
                                          GW_STR_INIT("If-Match"),
                                          GW_STR_INIT("If-Unmodified-Since")};
    const struct gw_exchange *ex = visit->ex;

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (gw_request_field(ex, names[i]) != NULL)
            return true;
    }
    return visit->control.no_store || ex->request.body_bytes != 0;
}

static void read_request(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    const struct gw_str *since = gw_request_field(ex, GW_STR("If-Modified-Since"));
    const struct gw_str *pragma = gw_request_field(ex, GW_STR("Pragma"));

    cache_control_init(&visit->control);
    for (size_t i = 0; i < ex->request.field_count; i++) {
        const struct gw_field *field = &ex->request.fields[i];
        struct gw_str *match = &visit->conditions.if_none_match;
        if (gw_str_equal_nocase(field->name, GW_STR("Cache-Control")))
            cache_control_read(&visit->control, field->value);
        if (!gw_str_equal_nocase(field->name, GW_STR("If-None-Match")))
            continue;
        *match = match->len == 0 ? field->value
                                 : gw_arena_printf(&ex->arena, "%.*s,%.*s", GW_STR_ARG(*match),
                                                   GW_STR_ARG(field->value));
    }
    if (since != NULL)
        visit->conditions.if_modified_since = *since;
    if (!visit->control.is_present && pragma != NULL) /* RFC 9111, section 5.4 */
        visit->control.no_cache = gw_str_equal_nocase(*pragma, GW_STR("no-cache"));
}

/* Asks the backend with our validators, or without any: what comes is to be kept whole. */
static int replace_conditions(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    const struct cache_entry *stale = visit->stale;
    int rc = 0;

    gw_request_remove_field(ex, GW_STR("If-None-Match"));
    gw_request_remove_field(ex, GW_STR("If-Modified-Since"));
    if (stale == NULL)
        return 0;
    if (stale->etag.len > 0)
        rc = gw_request_add_field(ex, GW_STR("If-None-Match"), stale->etag);
    if (rc == 0 && stale->modified.len > 0)
        rc = gw_request_add_field(ex, GW_STR("If-Modified-Since"), stale->modified);
    visit->is_validating = rc == 0 && (stale->etag.len > 0 || stale->modified.len > 0);
    return rc;
}

static enum gw_verdict go_on(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;

    cache_count(ex, &cache_metric_misses);
    visit->known = visit->memory->store.known;
    visit->epoch = visit->memory->store.epoch;
    if (ex->request.method == GW_METHOD_GET && replace_conditions(visit) != 0)
        return gw_exchange_reject(ex, "header-too-large", NULL, 0);
    return GW_NEXT;
}

/* Serves what is good enough; else notes what there is. */
static bool look(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    struct cache_memory *memory = visit->memory;
    struct cache_entry *entry = cache_store_find(&memory->store, &memory->keyer, ex, &visit->key);

    cache_entry_release(visit->stale);
    visit->stale = NULL;
    visit->forwarded = "miss";
    if (entry == NULL)
        return false;
    int64_t age_s = cache_entry_age_s(entry, cache_now_ns(ex));
    enum cache_use use = cache_use_of(&entry->terms, age_s, &visit->control);
    if (use == CACHE_USE_MEANWHILE && (ex->request.method == GW_METHOD_HEAD ||
                                       cache_flight_find(&memory->collapse, &visit->key) != NULL))
        use = CACHE_USE;
    if (use == CACHE_USE) {
        bool is_fresh = age_s < entry->terms.lifetime_s;
        struct gw_str status = gw_arena_printf(&ex->arena, "hit; ttl=%lld%s",
                                               (long long)(entry->terms.lifetime_s - age_s),
                                               visit->is_collapsed ? "; collapsed" : "");
        cache_count(ex, is_fresh ? &cache_metric_hits : &cache_metric_stale);
        (void)cache_serve(visit, entry, status.ptr != NULL ? status.ptr : "hit");
        return true;
    }
    visit->forwarded = age_s < entry->terms.lifetime_s ? "request" : "stale";
    visit->stale = cache_entry_retain(entry);
    return false;
}

static void on_wake(struct cache_waiter *waiter, enum cache_wake wake, struct cache_flight *flight)
{
    struct cache_visit *visit = GW_CONTAINER_OF(waiter, struct cache_visit, waiter);
    bool is_served = false;

    visit->is_collapsed = true;
    if (wake == CACHE_WAKE_LEAD)
        visit->flight = flight;
    if (wake == CACHE_WAKE_LOOK)
        is_served = look(visit);
    gw_exchange_resume(visit->ex, is_served ? GW_STOP : go_on(visit));
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    stop_waiting(*gw_exchange_slot(ex, self));
}

/* --- the second level --- */

static void take_over(struct cache_visit *visit, struct gw_str bytes)
{
    struct gw_exchange *ex = visit->ex;
    struct cache_memory *memory = visit->memory;
    struct cache_draft draft;
    struct cache_key variant;

    if (cache_wire_read(bytes, cache_now_ns(ex), cache_now_wall_ns(ex), &ex->arena, &draft) != 0 ||
        !cache_key_is_equal(&draft.key, &visit->key) ||
        cache_variant_make(&memory->keyer, ex, draft.vary, &variant) != 0 ||
        !cache_key_is_equal(&draft.variant, &variant))
        return;
    draft.epoch = memory->store.epoch;
    struct cache_entry *entry = cache_entry_create(&draft);
    if (entry != NULL && cache_store_add(&memory->store, entry))
        cache_count(ex, &cache_metric_second);
    cache_entry_release(entry);
}

static void on_second(void *self, int rc, const struct gw_reply *reply)
{
    struct cache_visit *visit = self;
    bool is_served = false;

    visit->call = NULL;
    if (cache_second_heard(&visit->memory->second, rc, reply)) {
        take_over(visit, reply->text);
        is_served = look(visit);
    }
    if (is_served)
        cache_visit_end_flight(visit, CACHE_WAKE_LOOK);
    gw_exchange_resume(visit->ex, is_served ? GW_STOP : go_on(visit));
}

/* Who leads asks there first. What others have purged must be known for that. */
static bool ask_second(struct cache_visit *visit)
{
    struct cache_memory *memory = visit->memory;

    if (visit->flight == NULL || !cache_spread_is_current(&memory->spread) ||
        !cache_second_ask(&memory->second, &visit->key, on_second, visit, &visit->call))
        return false;
    gw_exchange_on_cancel(visit->ex, on_client_left);
    return true;
}

/* Leads, waits for who leads, or goes alone. */
static enum gw_verdict forward(struct cache_visit *visit)
{
    struct cache_collapse *collapse = &visit->memory->collapse;

    visit->is_served = visit->control.only_if_cached; /* without the backend */
    if (visit->control.only_if_cached)
        return gw_exchange_reject(visit->ex, "not-cached", NULL, 0);
    if (visit->ex->request.method == GW_METHOD_HEAD || visit->control.no_cache ||
        cache_collapse_is_marked(collapse, &visit->key))
        return go_on(visit);
    struct cache_flight *flight = cache_flight_find(collapse, &visit->key);
    visit->waiter.wake = on_wake;
    if (flight != NULL && cache_flight_join(flight, &visit->waiter, visit->cache->max_wait_ns)) {
        cache_count(visit->ex, &cache_metric_collapsed);
        gw_exchange_on_cancel(visit->ex, on_client_left);
        return GW_WAIT;
    }
    if (flight == NULL)
        visit->flight = cache_flight_begin(collapse, &visit->key);
    return ask_second(visit) ? GW_WAIT : go_on(visit);
}

static bool may_be_kept(const struct gw_exchange *ex)
{
    return ex->operation->cache != NULL && !ex->is_preflight &&
           (ex->request.method == GW_METHOD_GET || ex->request.method == GW_METHOD_HEAD);
}

static enum gw_verdict cache_on_request(void *self, struct gw_exchange *ex)
{
    struct cache *cache = self;

    if (!may_be_kept(ex))
        return GW_NEXT;
    struct cache_visit *visit = gw_arena_calloc(&ex->arena, 1, sizeof(*visit));
    struct cache_memory *memory = memory_of(cache, ex);
    if (visit == NULL || memory == NULL)
        return GW_NEXT; /* without the cache */
    *visit = (struct cache_visit){
        .cache = cache, .memory = memory, .ex = ex, .rule = ex->operation->cache};
    read_request(visit);
    if (gw_arena_defer(&ex->arena, visit_finish, visit) != 0)
        return GW_NEXT;
    *gw_exchange_slot(ex, self) = visit;
    if (passes_by(visit) || cache_key_make(&memory->keyer, ex, visit->rule, &visit->key) != 0) {
        cache_count(ex, &cache_metric_bypassed);
        return GW_NEXT;
    }
    return look(visit) ? GW_STOP : forward(visit);
}

/* --- the answer --- */

/* RFC 9111, section 4.4: what was changed is not known any more. */
static void invalidate(struct cache *cache, struct gw_exchange *ex)
{
    struct cache_memory *memory = memory_of(cache, ex);
    struct gw_str tag = cache_path_tag(ex);

    if (memory == NULL)
        return;
    if (tag.ptr == NULL)
        cache_store_purge_all(&memory->store, cache_store_next_mark(&memory->store));
    else
        cache_spread_purge(&memory->spread, tag);
    cache_count(ex, &cache_metric_purged);
}

static bool is_unsafe(enum gw_method method)
{
    return method != GW_METHOD_GET && method != GW_METHOD_HEAD && method != GW_METHOD_OPTIONS;
}

/* Unless the backend said that it did nothing. After a failure nobody knows. */
static bool may_have_changed(const struct gw_exchange *ex)
{
    return ex->record.upstream_start_ns > 0 &&
           (ex->response.status < 400 || ex->response.status >= 500);
}

static enum gw_verdict cache_on_response(void *self, struct gw_exchange *ex)
{
    struct cache *cache = self;

    if (!may_be_kept(ex)) {
        if (ex->api->keeps_answers && is_unsafe(ex->request.method) && may_have_changed(ex))
            invalidate(cache, ex);
        return GW_NEXT;
    }
    struct cache_visit *visit = *gw_exchange_slot(ex, self);
    if (visit == NULL || visit->is_served)
        return GW_NEXT;
    if (visit->forwarded == NULL) {
        cache_add_status(ex, "fwd=bypass");
        return GW_NEXT;
    }
    return cache_take_answer(visit);
}

const struct gw_filter_type gw_cache = {
    .name = "cache",
    .options = cache_options,
    .create = cache_create,
    .destroy = cache_destroy,
    .on_request = cache_on_request,
    .on_response = cache_on_response,
};
