#include "policies/jwt/introspection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/jwt/introspect_answer.h"
#include "policies/jwt/introspection_private.h"
#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/filter/worker_share.h"
#include "server/json/shared.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"

#define MAX_FAILURES 3 /* in a row: then one question in a second */
#define ARENA_MAX_BYTES (4u << 20)
#define INACTIVE_CACHE_BYTES (1u << 20)
#define CACHE_ENTRIES 1000000
#define PEER_BYTES 64

/* One token's. */
struct introspection_question {
    struct gw_list node;
    struct introspection *introspection;
    struct gw_form_post post;
    struct token_key key;
    char peer[PEER_BYTES]; /* for whose sake it was asked */
    bool is_probe;         /* of the breaker */
    unsigned flushes;      /* when it was asked: an answer from before the next is not kept */
    struct gw_list waiters;
};

#define ASKED "millgate_jwt_introspections_total", "Questions to providers about a token."
static const struct gw_metric said_active = {ASKED, "result=\"active\"", false};
static const struct gw_metric said_inactive = {ASKED, "result=\"inactive\"", false};
static const struct gw_metric said_nothing = {ASKED, "result=\"failed\"", false};
static const struct gw_metric crowded = {
    "millgate_jwt_introspections_crowded_total",
    "Requests refused because too many tokens are asked about.", NULL, false};

static void count(const struct introspection *introspection, const struct gw_metric *metric)
{
    if (introspection->share.worker->metrics != NULL)
        gw_metrics_add(introspection->share.worker->metrics, metric, 1);
}

static uint64_t now_ns(const struct introspection *introspection)
{
    return gw_loop_now_ns(introspection->share.worker->loop);
}

/* For the caches, which count in seconds: no clock that may be set back. */
static int64_t now_s(const struct introspection *introspection)
{
    return (int64_t)(now_ns(introspection) / GW_NS_PER_SECOND);
}

/* --- those who wait --------------------------------------------------------------------------- */

void introspection_waiter_stop(struct introspection_waiter *waiter)
{
    if (waiter->node.next == NULL || gw_list_is_empty(&waiter->node))
        return;
    gw_list_remove(&waiter->node);
    waiter->introspection->waiter_count--;
}

/* The question is out of the list: whoever asks again from within asks anew. */
static void end_question(struct introspection_question *question, enum introspection_state state,
                         const struct claims *claims)
{
    gw_list_remove(&question->node);
    while (!gw_list_is_empty(&question->waiters)) {
        struct introspection_waiter *waiter =
            GW_LIST_ITEM(question->waiters.next, struct introspection_waiter, node);
        introspection_waiter_stop(waiter);
        waiter->on_answer(waiter, state, claims);
    }
    gw_form_post_finish(&question->post);
    free(question);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void keep(struct token_cache *cache, const struct token_key *key,
                 const struct claims *claims, int64_t until_s)
{
    static const uint8_t no_thumbprint[GW_SHA256_BYTES];

    token_cache_add(cache, key, no_thumbprint, claims, until_s);
}

/* What was asked before the breaker opened says nothing about now. */
static void report(struct introspection_question *question, bool is_good)
{
    struct introspection *introspection = question->introspection;

    if (introspection->breaker.is_open && !question->is_probe)
        return;
    if (is_good)
        gw_breaker_success(&introspection->breaker);
    else
        gw_breaker_failure(&introspection->breaker, now_ns(introspection));
}

static void note_failure(struct introspection_question *question, const char *why)
{
    struct introspection *introspection = question->introspection;

    count(introspection, &said_nothing);
    report(question, false);
    if (strncmp(introspection->reason, why, sizeof(introspection->reason) - 1) != 0)
        gw_log_warn("worker %u: issuer %.*s: it cannot be asked about tokens: %s",
                    introspection->share.worker->index, GW_STR_ARG(introspection->config.name),
                    why);
    snprintf(introspection->reason, sizeof(introspection->reason), "%s", why);
}

static void note_answer(struct introspection_question *question, const struct claims *claims)
{
    static const struct claims nothing = {.size = sizeof(nothing)};
    struct introspection *introspection = question->introspection;

    count(introspection, claims != NULL ? &said_active : &said_inactive);
    report(question, true);
    if (introspection->reason[0] != '\0')
        gw_log_info("worker %u: issuer %.*s: it can be asked about tokens again",
                    introspection->share.worker->index, GW_STR_ARG(introspection->config.name));
    introspection->reason[0] = '\0';
    if (question->flushes != introspection->flushes)
        return;
    if (claims == NULL)
        keep(introspection->inactive, &question->key, &nothing,
             now_s(introspection) + INTROSPECTION_INACTIVE_S);
    else if (introspection->config.cache_s > 0)
        keep(introspection->active, &question->key, claims,
             now_s(introspection) + introspection->config.cache_s);
}

static void on_done(struct gw_form_post *post, const struct gw_form_result *result)
{
    struct introspection_question *question =
        GW_CONTAINER_OF(post, struct introspection_question, post);
    struct introspection *introspection = question->introspection;
    enum introspection_state state = INTROSPECTION_UNKNOWN;
    const struct claims *claims = NULL;
    struct gw_arena arena;
    struct gw_error why;
    int rc;

    gw_arena_init(&arena, 16384, ARENA_MAX_BYTES);
    rc = result->status == 0 ? gw_error_set(&why, -EINVAL, "%s", result->why)
                             : introspect_answer_read(&arena, result->status, result->body,
                                                      &introspection->config.form, &claims, &why);
    if (rc != 0) {
        note_failure(question, why.text);
    } else {
        state = claims != NULL ? INTROSPECTION_ACTIVE : INTROSPECTION_INACTIVE;
        note_answer(question, claims);
        if (why.text[0] != '\0')
            gw_log_debug("worker %u: issuer %.*s: a token is refused: %s",
                         introspection->share.worker->index, GW_STR_ARG(introspection->config.name),
                         why.text);
    }
    end_question(question, state, claims);
    gw_arena_finish(&arena);
}

enum introspection_state introspection_find(struct introspection *introspection,
                                            const struct token_key *key, struct gw_arena *arena,
                                            const struct claims **out_claims)
{
    struct token_key plain = *key;
    uint8_t unused[GW_SHA256_BYTES];

    if (introspection->share.worker == NULL)
        return INTROSPECTION_UNKNOWN;
    plain.generation = 0;
    *out_claims =
        token_cache_find(introspection->active, &plain, now_s(introspection), arena, unused);
    if (*out_claims != NULL)
        return INTROSPECTION_ACTIVE;
    if (token_cache_find(introspection->inactive, &plain, now_s(introspection), arena, unused) !=
        NULL)
        return INTROSPECTION_INACTIVE;
    return INTROSPECTION_UNKNOWN;
}

/* --- questions -------------------------------------------------------------------------------- */

static struct introspection_question *find_question(const struct introspection *introspection,
                                                    const struct token_key *key)
{
    for (struct gw_list *node = introspection->questions.next; node != &introspection->questions;
         node = node->next) {
        struct introspection_question *question =
            GW_LIST_ITEM(node, struct introspection_question, node);
        if (memcmp(question->key.digest, key->digest, sizeof(key->digest)) == 0)
            return question;
    }
    return NULL;
}

static bool has_asked_enough(const struct introspection *introspection, struct gw_str peer)
{
    unsigned same = 0;

    for (const struct gw_list *node = introspection->questions.next;
         node != &introspection->questions; node = node->next)
        same += gw_str_equal(
            gw_str_of(GW_LIST_ITEM(node, struct introspection_question, node)->peer), peer);
    return same >= INTROSPECTION_MAX_QUESTIONS_PER_PEER;
}

static bool start_question(struct introspection_question *question, struct gw_str token)
{
    struct introspection *introspection = question->introspection;
    const struct gw_form_field fields[] = {
        {GW_STR("token"), token},
        {GW_STR("token_type_hint"), GW_STR("access_token")},
    };
    struct gw_error why = {0};

    if (gw_form_post_start(&question->post, introspection->share.worker->http,
                           introspection->share.worker->loop, fields, GW_COUNT_OF(fields),
                           introspection->config.timeout_ns, &why) == 0)
        return true;
    note_failure(question, why.text);
    return false;
}

static struct introspection_question *make_question(struct introspection *introspection,
                                                    const struct token_key *key,
                                                    const struct introspection_waiter *waiter)
{
    struct introspection_question *question = calloc(1, sizeof(*question));

    if (question == NULL) {
        gw_breaker_cancel(&introspection->breaker);
        return NULL;
    }
    question->introspection = introspection;
    question->is_probe = introspection->breaker.is_open;
    question->flushes = introspection->flushes;
    question->key = *key;
    question->key.generation = 0;
    snprintf(question->peer, sizeof(question->peer), "%.*s", GW_STR_ARG(waiter->peer));
    gw_list_init(&question->waiters);
    gw_form_post_init(&question->post, &introspection->config.place, on_done);
    if (!start_question(question, waiter->token)) {
        gw_form_post_finish(&question->post);
        free(question);
        return NULL;
    }
    gw_list_append(&introspection->questions, &question->node);
    return question;
}

static enum introspection_wish refuse_crowd(struct introspection *introspection)
{
    count(introspection, &crowded);
    return INTROSPECTION_CROWDED;
}

enum introspection_wish introspection_ask(struct introspection *introspection,
                                          const struct token_key *key,
                                          struct introspection_waiter *waiter)
{
    if (introspection->share.worker == NULL)
        return INTROSPECTION_DENIED;
    if (introspection->waiter_count >= INTROSPECTION_MAX_WAITERS)
        return refuse_crowd(introspection);

    struct introspection_question *question = find_question(introspection, key);
    if (question == NULL) {
        if (has_asked_enough(introspection, waiter->peer))
            return refuse_crowd(introspection);
        if (!gw_breaker_allows(&introspection->breaker, now_ns(introspection)))
            return INTROSPECTION_DENIED;
        question = make_question(introspection, key, waiter);
        if (question == NULL)
            return INTROSPECTION_DENIED;
    }
    waiter->introspection = introspection;
    gw_list_append(&question->waiters, &waiter->node);
    introspection->waiter_count++;
    return INTROSPECTION_WAIT;
}

/* --- life ------------------------------------------------------------------------------------- */

static struct introspection *introspection_of(struct gw_worker_share *share)
{
    return GW_CONTAINER_OF(share, struct introspection, share);
}

static bool is_equal(const struct gw_worker_share *share, const void *config)
{
    const struct introspect_config *wanted = config;
    const struct introspect_config *have =
        &GW_CONTAINER_OF(share, const struct introspection, share)->config;

    return gw_str_equal(have->name, wanted->name) && json_equal(have->options, wanted->options);
}

static void leave(struct gw_worker_share *share)
{
    struct introspection *introspection = introspection_of(share);

    while (!gw_list_is_empty(&introspection->questions)) {
        struct introspection_question *question =
            GW_LIST_ITEM(introspection->questions.next, struct introspection_question, node);
        gw_list_remove(&question->node);
        gw_form_post_finish(&question->post);
        free(question);
    }
    if (introspection->origin != NULL)
        gw_http_origin_put(introspection->origin);
    introspection->origin = NULL;
}

static void destroy(struct gw_worker_share *share)
{
    struct introspection *introspection = introspection_of(share);

    token_cache_destroy(introspection->active);
    token_cache_destroy(introspection->inactive);
    gw_json_shared_release(introspection->config.options);
    free((char *)introspection->config.name.ptr);
    introspect_config_finish(&introspection->config);
    free(introspection);
}

/* Of the options, which are held from now on. */
static int copy_config(struct introspection *introspection, const struct introspect_config *config)
{
    char *name = gw_str_duplicate(config->name);
    struct gw_error unused;
    int rc = introspect_config_init(&introspection->config, gw_str_from(name, config->name.len),
                                    config->options, &unused);

    (void)gw_json_shared_hold(config->options);
    return name == NULL ? -ENOMEM : rc;
}

static struct gw_worker_share *create(const void *wanted, struct gw_worker *worker)
{
    struct introspection *introspection = calloc(1, sizeof(*introspection));
    struct gw_error unused;

    if (introspection == NULL)
        return NULL;
    gw_list_init(&introspection->questions);
    introspection->breaker =
        (struct gw_breaker){.max_failures = MAX_FAILURES, .pause_ns = GW_NS_PER_SECOND};
    int rc = copy_config(introspection, wanted);
    /* What cannot be had of it is told, once, by the first question. */
    if (rc == 0 && gw_http_origin_get(worker->http, &introspection->config.place.origin,
                                      &introspection->origin, &unused) != 0)
        introspection->origin = NULL;
    introspection->active = token_cache_create(introspection->config.cache_bytes, CACHE_ENTRIES);
    introspection->inactive = token_cache_create(INACTIVE_CACHE_BYTES, CACHE_ENTRIES);
    if (rc == 0 && introspection->active != NULL && introspection->inactive != NULL)
        return &introspection->share;
    if (introspection->origin != NULL)
        gw_http_origin_put(introspection->origin);
    destroy(&introspection->share);
    return NULL;
}

static const struct gw_worker_share_type share_type = {
    .is_equal = is_equal,
    .create = create,
    .leave = leave,
    .destroy = destroy,
    .exhibit = &introspection_exhibit,
};

struct introspection *introspection_open(const struct introspect_config *config,
                                         struct gw_worker *worker)
{
    struct gw_worker_share *share = gw_worker_share_open(&share_type, config, worker);

    return share == NULL ? NULL : introspection_of(share);
}

void introspection_close(struct introspection *introspection)
{
    if (introspection != NULL)
        gw_worker_share_close(&introspection->share);
}
