#include "policies/jwt/key_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/jwt/key_source_private.h"
#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/json/shared.h"
#include "server/observe/metrics.h"

#define FIRST_RETRY_NS GW_NS_PER_SECOND
#define LAST_RETRY_NS (10 * GW_NS_PER_SECOND)

#define WISHES "millgate_jwt_key_wishes_total", "Requests whose key was not there."
static const struct gw_metric wish_waits = {WISHES, "result=\"waited\"", false};
static const struct gw_metric wish_denied = {WISHES, "result=\"denied\"", false};
static const struct gw_metric wish_crowded = {WISHES, "result=\"crowded\"", false};
static const struct gw_metric failing = {
    "millgate_jwt_key_sources_failing",
    "Issuers whose last fetch of keys failed, summed over the workers.", NULL, true};

static void count(const struct key_source *source, const struct gw_metric *metric)
{
    gw_metrics_add(source->share.worker->metrics, metric, 1);
}

static void start_fetch(struct key_source *source);

/* --- those who wait --------------------------------------------------------------------------- */

static void leave_list(struct key_waiter *waiter)
{
    if (waiter->node.next == NULL || gw_list_is_empty(&waiter->node))
        return;
    gw_list_remove(&waiter->node);
    waiter->source->waiter_count--;
}

void key_waiter_stop(struct key_waiter *waiter)
{
    leave_list(waiter);
    gw_timer_stop(&waiter->timer);
}

static void on_late(struct gw_timer *timer)
{
    struct key_waiter *waiter = GW_CONTAINER_OF(timer, struct key_waiter, timer);

    waiter->is_late = true;
    leave_list(waiter);
    waiter->on_news(waiter);
}

/* Only those who wait now: whoever wishes again from within waits for what comes next. */
static void tell_waiters(struct key_source *source)
{
    struct gw_list told, *node;

    gw_list_init(&told);
    while ((node = gw_list_take(&source->waiters)) != NULL)
        gw_list_append(&told, node);
    while (!gw_list_is_empty(&told)) {
        struct key_waiter *waiter = GW_LIST_ITEM(told.next, struct key_waiter, node);
        leave_list(waiter);
        waiter->on_news(waiter);
    }
}

static bool is_crowded(const struct key_source *source, struct gw_str peer)
{
    size_t same = 0;

    if (source->waiter_count >= KEY_SOURCE_MAX_WAITERS)
        return true;
    for (const struct gw_list *node = source->waiters.next; node != &source->waiters;
         node = node->next)
        same += gw_str_equal(GW_LIST_ITEM(node, struct key_waiter, node)->peer, peer);
    return same >= (source->set != NULL ? KEY_SOURCE_MAX_WAITERS_PER_PEER
                                        : KEY_SOURCE_MAX_WAITERS_PER_PEER_AT_FIRST);
}

static void await(struct key_source *source, struct key_waiter *waiter)
{
    waiter->source = source;
    gw_list_append(&source->waiters, &waiter->node);
    source->waiter_count++;
    if (!waiter->is_timed || waiter->timer.due_ms == 0) /* stopped by another wait in between */
        gw_timer_start(source->share.worker->loop, &waiter->timer, KEY_SOURCE_WAIT_NS, on_late);
    waiter->is_timed = true;
}

/* Whether a fetch may be started for someone's sake. Without any set the retries are timed; with
 * one, each costs a token of the budget. */
static bool may_fetch(struct key_source *source)
{
    if (source->set == NULL)
        return source->retry_ns == 0;
    return key_budget_take(&source->budget, gw_loop_now_ns(source->share.worker->loop));
}

static enum key_wish deny(struct key_source *source)
{
    count(source, &wish_denied);
    return KEY_WISH_DENIED;
}

enum key_wish key_source_wish(struct key_source *source, struct key_waiter *waiter)
{
    bool was_waiting = waiter->is_timed;

    if (source->share.worker == NULL)
        return KEY_WISH_DENIED;
    if (was_waiting && (waiter->is_late || !waiter->has_joined))
        return KEY_WISH_DENIED; /* it has had its fetch */
    waiter->has_joined = !was_waiting && key_fetch_is_running(&source->fetch);
    if (is_crowded(source, waiter->peer)) {
        count(source, &wish_crowded);
        return KEY_WISH_CROWDED;
    }
    if (!key_fetch_is_running(&source->fetch)) {
        if (!may_fetch(source))
            return deny(source);
        start_fetch(source);
        if (!key_fetch_is_running(&source->fetch))
            return deny(source);
    }
    if (!was_waiting)
        count(source, &wish_waits);
    await(source, waiter);
    return KEY_WISH_WAIT;
}

/* --- fetching --------------------------------------------------------------------------------- */

static void on_due(struct gw_timer *timer)
{
    struct key_source *source = GW_CONTAINER_OF(timer, struct key_source, refresh);

    if (!key_fetch_is_running(&source->fetch))
        start_fetch(source);
}

static void schedule(struct key_source *source, uint64_t after_ns)
{
    source->refresh_at_ns = gw_loop_now_ns(source->share.worker->loop) + after_ns;
    gw_timer_start(source->share.worker->loop, &source->refresh, after_ns, on_due);
}

static void publish(const struct key_source *source)
{
    const struct gw_jwk_set *set = source->set;

    key_metrics_set(&source->metrics, set == NULL ? 0 : set->count,
                    set == NULL ? 0 : source->confirmed_wall_ns / GW_NS_PER_SECOND);
}

/* What comes next is fetched whole: an ETag of what is gone would bring nothing. */
static void drop_set(struct key_source *source)
{
    gw_jwk_set_destroy(source->set);
    source->set = NULL;
    key_fetch_forget(&source->fetch);
    publish(source);
}

static void on_expired(struct gw_timer *timer)
{
    struct key_source *source = GW_CONTAINER_OF(timer, struct key_source, expiry);

    drop_set(source);
    gw_log_error("worker %u: issuer %.*s: its keys are too old to be trusted further",
                 source->share.worker->index, GW_STR_ARG(source->config.name));
}

static void note_outcome(struct key_source *source, enum key_fetch_result_kind outcome)
{
    source->fetched_wall_ns = gw_clock_realtime_ns();
    source->outcome = outcome;
    if (outcome != KEY_FETCHED_NONE)
        source->confirmed_wall_ns = source->fetched_wall_ns;
    key_metrics_count(&source->metrics, outcome);
    publish(source);
}

static void note_failure(struct key_source *source, const char *why)
{
    note_outcome(source, KEY_FETCHED_NONE);
    if (source->retry_ns == 0)
        count(source, &failing);
    if (strncmp(source->reason, why, sizeof(source->reason) - 1) != 0)
        gw_log_warn("worker %u: issuer %.*s: its keys cannot be fetched%s: %s",
                    source->share.worker->index, GW_STR_ARG(source->config.name),
                    source->set != NULL ? ", those at hand serve on" : "", why);
    snprintf(source->reason, sizeof(source->reason), "%s", why);
    uint64_t after_ns = source->retry_ns == 0 ? FIRST_RETRY_NS : source->retry_ns;
    source->retry_ns = after_ns * 2 < LAST_RETRY_NS ? after_ns * 2 : LAST_RETRY_NS;
    schedule(source, after_ns);
}

static void note_success(struct key_source *source, uint64_t fresh_seconds, bool is_new)
{
    uint64_t after_ns = source->config.refresh_ns;

    note_outcome(source, is_new ? KEY_FETCHED_NEW : KEY_FETCHED_SAME);
    if (source->retry_ns != 0)
        gw_metrics_add(source->share.worker->metrics, &failing, (uint64_t)-1); /* wraps: one less */
    if (is_new || source->reason[0] != '\0')
        gw_log_info("worker %u: issuer %.*s: its keys were fetched%s: %zu, and %zu not used%s%s",
                    source->share.worker->index, GW_STR_ARG(source->config.name),
                    is_new ? "" : " again, unchanged", source->set->count, source->set->skipped,
                    source->set->skipped > 0 ? "; the first: " : "",
                    source->set->skipped > 0 ? source->set->first_skipped.text : "");
    source->reason[0] = '\0';
    source->retry_ns = 0;
    if (fresh_seconds < after_ns / GW_NS_PER_SECOND)
        after_ns = fresh_seconds * GW_NS_PER_SECOND;
    if (after_ns < KEY_SOURCE_MIN_REFRESH_NS)
        after_ns = KEY_SOURCE_MIN_REFRESH_NS;
    schedule(source, after_ns);
    gw_timer_start(source->share.worker->loop, &source->expiry, source->config.max_age_ns,
                   on_expired);
}

/* True if the text is as it was; otherwise it is remembered. */
static bool is_same_text(struct key_source *source, struct gw_str text)
{
    uint8_t digest[GW_DIGEST_MAX_BYTES];

    gw_digest_compute(GW_SHA256, text, digest);
    bool is_same = source->set != NULL && memcmp(digest, source->digest, GW_SHA256_BYTES) == 0;
    memcpy(source->digest, digest, GW_SHA256_BYTES);
    return is_same;
}

static void take_set(struct key_source *source, const struct key_fetch_result *result)
{
    struct gw_jwk_set *set = NULL;
    struct gw_error why;

    if (source->set != NULL && is_same_text(source, result->text)) {
        note_success(source, result->fresh_seconds, false);
        return;
    }
    if (gw_jwk_set_create(result->text, &source->config.rules, &set, &why) != 0) {
        key_fetch_forget(&source->fetch);
        memset(source->digest, 0, sizeof(source->digest));
        note_failure(source, why.text);
        return;
    }
    (void)is_same_text(source, result->text);
    gw_jwk_set_destroy(source->set);
    source->set = set;
    note_success(source, result->fresh_seconds, true);
}

static void on_fetched(struct key_fetch *fetch, const struct key_fetch_result *result)
{
    struct key_source *source = GW_CONTAINER_OF(fetch, struct key_source, fetch);

    if (result->outcome == KEY_FETCH_FAILED)
        note_failure(source, result->why);
    else if (result->outcome == KEY_FETCH_SET)
        take_set(source, result);
    else if (source->set != NULL)
        note_success(source, result->fresh_seconds, false);
    else
        note_failure(source,
                     "the key set's address answered with status 304"); /* expired meanwhile */
    tell_waiters(source);
}

static void start_fetch(struct key_source *source)
{
    struct gw_error why = {0};

    gw_timer_stop(&source->refresh);
    if (key_fetch_start(&source->fetch, &why) != 0)
        note_failure(source, why.text);
}

/* All that knew the old keys is over: also a fetch under way, which may bring them once more. */
void key_source_flush(struct key_source *source)
{
    bool was_wanted = source->fetched_wall_ns != 0 || key_fetch_is_running(&source->fetch);

    source->flushes++;
    if (!was_wanted)
        return; /* as long as no token asks for them */
    key_fetch_stop(&source->fetch);
    gw_timer_stop(&source->expiry);
    drop_set(source);
    gw_log_info("worker %u: issuer %.*s: its keys were flushed", source->share.worker->index,
                GW_STR_ARG(source->config.name));
    start_fetch(source);
    if (!key_fetch_is_running(&source->fetch))
        tell_waiters(source);
}

/* --- life ------------------------------------------------------------------------------------- */

const struct gw_jwk_set *key_source_get(const struct key_source *source)
{
    return source->set;
}

uint64_t key_source_set_id(const struct key_source *source)
{
    uint64_t id;

    memcpy(&id, source->digest, sizeof(id));
    return id;
}

unsigned key_source_flushes(const struct key_source *source)
{
    return source->flushes;
}

uint64_t key_source_retry_ns(const struct key_source *source)
{
    if (source->share.worker == NULL)
        return GW_NS_PER_SECOND;
    uint64_t now_ns = gw_loop_now_ns(source->share.worker->loop);
    bool is_soon = source->refresh_at_ns <= now_ns + GW_NS_PER_SECOND;
    return is_soon ? GW_NS_PER_SECOND : source->refresh_at_ns - now_ns;
}

static struct key_source *source_of(struct gw_worker_share *share)
{
    return GW_CONTAINER_OF(share, struct key_source, share);
}

static bool is_equal(const struct gw_worker_share *share, const void *config)
{
    const struct key_source_config *wanted = config;
    const struct key_source_config *have =
        &GW_CONTAINER_OF(share, const struct key_source, share)->config;

    return gw_str_equal(have->name, wanted->name) && json_equal(have->options, wanted->options);
}

static void destroy(struct gw_worker_share *share)
{
    struct key_source *source = source_of(share);

    key_fetch_finish(&source->fetch);
    gw_jwk_set_destroy(source->set);
    gw_json_shared_release(source->config.options);
    free((char *)source->config.name.ptr);
    free(source);
}

static void leave(struct gw_worker_share *share)
{
    struct key_source *source = source_of(share);

    if (source->retry_ns != 0)
        gw_metrics_add(share->worker->metrics, &failing, (uint64_t)-1);
    key_metrics_set(&source->metrics, 0, 0);
    key_fetch_stop(&source->fetch);
    gw_timer_stop(&source->refresh);
    gw_timer_stop(&source->expiry);
}

static struct gw_worker_share *create(const void *wanted, struct gw_worker *worker)
{
    const struct key_source_config *config = wanted;
    struct key_source *source = calloc(1, sizeof(*source));
    char *name = malloc(config->name.len + 1);

    if (source == NULL || name == NULL) {
        free(source);
        free(name);
        return NULL;
    }
    memcpy(name, config->name.ptr, config->name.len);
    source->config = *config;
    source->config.name = gw_str_from(name, config->name.len);
    (void)gw_json_shared_hold(config->options);
    gw_list_init(&source->waiters);
    key_metrics_init(&source->metrics, worker, config->name);
    key_fetch_init(&source->fetch, &source->config.place, worker, on_fetched);
    return &source->share;
}

static const struct gw_worker_share_type share_type = {
    .is_equal = is_equal,
    .create = create,
    .leave = leave,
    .destroy = destroy,
    .exhibit = &key_source_exhibit,
};

struct key_source *key_source_open(const struct key_source_config *config, struct gw_worker *worker)
{
    struct gw_worker_share *share = gw_worker_share_open(&share_type, config, worker);

    return share == NULL ? NULL : source_of(share);
}

void key_source_close(struct key_source *source)
{
    if (source != NULL)
        gw_worker_share_close(&source->share);
}
