#include "server/upstream/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/arena.h"
#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/crypto/random.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"
#include "server/upstream/token_answer.h"

#define FIRST_RETRY_NS GW_NS_PER_SECOND
#define LAST_RETRY_NS (30 * GW_NS_PER_SECOND)
#define LONGEST_SLACK_NS (30 * GW_NS_PER_SECOND)
#define SHORTEST_LIFE_NS (10 * GW_NS_PER_SECOND) /* between two that a backend refuses */
#define ARENA_MAX_BYTES (1u << 20)

struct gw_credentials {
    struct gw_credentials_config config; /* with copies in the arena */
    struct gw_str backend;
    struct gw_arena arena;
    struct gw_worker *worker; /* NULL: it has ended */
    struct gw_worker_tenant tenant;
    unsigned users;
    struct gw_http_origin *origin; /* keeps its connections */
    struct gw_form_post post;
    struct gw_timer refresh;
    struct gw_buf value; /* "Bearer ..."; empty: none */
    uint64_t number;
    uint64_t fetched_ns, serves_until_ns;
    uint64_t retry_ns;    /* after the next failure; 0: the last fetch was good */
    uint64_t retry_at_ns; /* not before */
    bool is_used;         /* since it was fetched */
    char reason[256];     /* of the last failure, as logged */
    struct gw_list waiters;
    size_t waiter_count;
};

#define FETCHES "millgate_backend_token_fetches_total", "Tokens fetched to show to backends."
static const struct gw_metric fetched = {FETCHES, "result=\"fetched\"", false};
static const struct gw_metric failed = {FETCHES, "result=\"failed\"", false};
static const struct gw_metric refused = {"millgate_backend_tokens_refused_total",
                                         "Tokens dropped because the backend answered 401.", NULL,
                                         false};

static void count(const struct gw_credentials *credentials, const struct gw_metric *metric)
{
    if (credentials->worker->metrics != NULL)
        gw_metrics_add(credentials->worker->metrics, metric, 1);
}

static uint64_t now_ns(const struct gw_credentials *credentials)
{
    return gw_loop_now_ns(credentials->worker->loop);
}

/* --- those who wait --------------------------------------------------------------------------- */

void gw_credentials_waiter_stop(struct gw_credentials_waiter *waiter)
{
    if (waiter->node.next == NULL || gw_list_is_empty(&waiter->node))
        return;
    gw_list_remove(&waiter->node);
    waiter->credentials->waiter_count--;
}

/* Only those who wait now: whoever waits again from within waits for what comes next. */
static void tell_waiters(struct gw_credentials *credentials)
{
    struct gw_list told, *node;

    gw_list_init(&told);
    while ((node = gw_list_take(&credentials->waiters)) != NULL)
        gw_list_append(&told, node);
    while (!gw_list_is_empty(&told)) {
        struct gw_credentials_waiter *waiter =
            GW_LIST_ITEM(told.next, struct gw_credentials_waiter, node);
        gw_credentials_waiter_stop(waiter);
        waiter->on_news(waiter);
    }
}

/* --- fetching --------------------------------------------------------------------------------- */

static void start_fetch(struct gw_credentials *credentials);

/* Nobody used the last one: the next request has a new one fetched. */
static void on_due(struct gw_timer *timer)
{
    struct gw_credentials *credentials = GW_CONTAINER_OF(timer, struct gw_credentials, refresh);

    if (credentials->is_used && !gw_form_post_is_running(&credentials->post))
        start_fetch(credentials);
}

static void drop_value(struct gw_credentials *credentials)
{
    if (credentials->value.ptr != NULL)
        gw_secret_wipe(credentials->value.ptr, credentials->value.capacity);
    gw_buf_clear(&credentials->value);
}

static void note_failure(struct gw_credentials *credentials, const char *why)
{
    uint64_t after_ns = credentials->retry_ns == 0 ? FIRST_RETRY_NS : credentials->retry_ns;

    count(credentials, &failed);
    if (strncmp(credentials->reason, why, sizeof(credentials->reason) - 1) != 0)
        gw_log_warn("worker %u: backend %.*s: no token can be fetched for it: %s",
                    credentials->worker->index, GW_STR_ARG(credentials->backend), why);
    snprintf(credentials->reason, sizeof(credentials->reason), "%s", why);
    credentials->retry_ns = after_ns * 2 < LAST_RETRY_NS ? after_ns * 2 : LAST_RETRY_NS;
    credentials->retry_at_ns = now_ns(credentials) + after_ns;
    if (credentials->value.len > 0)
        gw_timer_start(credentials->worker->loop, &credentials->refresh, after_ns, on_due);
}

static void take_token(struct gw_credentials *credentials, const struct gw_token_answer *answer)
{
    uint64_t lifetime_ns = answer->lifetime_s * GW_NS_PER_SECOND;
    uint64_t slack_ns = lifetime_ns / 4 < LONGEST_SLACK_NS ? lifetime_ns / 4 : LONGEST_SLACK_NS;

    drop_value(credentials);
    gw_buf_append_text(&credentials->value, "Bearer ");
    gw_buf_append_str(&credentials->value, answer->token);
    if (credentials->value.has_failed) {
        drop_value(credentials);
        note_failure(credentials, "no memory");
        return;
    }
    count(credentials, &fetched);
    if (credentials->reason[0] != '\0')
        gw_log_info("worker %u: backend %.*s: a token was fetched for it again",
                    credentials->worker->index, GW_STR_ARG(credentials->backend));
    credentials->reason[0] = '\0';
    credentials->retry_ns = 0;
    credentials->number++;
    credentials->is_used = false;
    credentials->fetched_ns = now_ns(credentials);
    credentials->serves_until_ns = credentials->fetched_ns + lifetime_ns - slack_ns;
    gw_timer_start(credentials->worker->loop, &credentials->refresh, lifetime_ns - 2 * slack_ns,
                   on_due);
}

static void on_answer(struct gw_form_post *post, const struct gw_form_result *result)
{
    struct gw_credentials *credentials = GW_CONTAINER_OF(post, struct gw_credentials, post);
    struct gw_token_answer answer;
    struct gw_arena arena;
    struct gw_error why;

    gw_arena_init(&arena, 8192, ARENA_MAX_BYTES);
    if (result->status == 0)
        note_failure(credentials, result->why);
    else if (gw_token_answer_read(&arena, result->status, result->body, &answer, &why) != 0)
        note_failure(credentials, why.text);
    else
        take_token(credentials, &answer);
    gw_arena_finish(&arena);
    tell_waiters(credentials);
}

static void start_fetch(struct gw_credentials *credentials)
{
    const struct gw_credentials_config *config = &credentials->config;
    const struct gw_form_field fields[] = {
        {GW_STR("grant_type"), GW_STR("client_credentials")},
        {GW_STR("scope"), config->scope},
        {GW_STR("audience"), config->audience},
        {GW_STR("resource"), config->resource},
    };
    struct gw_error why = {0};

    gw_timer_stop(&credentials->refresh);
    if (gw_form_post_start(&credentials->post, credentials->worker->http, credentials->worker->loop,
                           fields, GW_COUNT_OF(fields), config->timeout_ns, &why) != 0)
        note_failure(credentials, why.text);
}

/* --- for requests ----------------------------------------------------------------------------- */

static enum gw_credentials_state await(struct gw_credentials *credentials,
                                       struct gw_credentials_waiter *waiter)
{
    if (waiter->has_waited) /* one fetch has failed it */
        return GW_CREDENTIALS_ABSENT;
    if (credentials->waiter_count >= GW_CREDENTIALS_MAX_WAITERS)
        return GW_CREDENTIALS_CROWDED;
    if (!gw_form_post_is_running(&credentials->post)) {
        if (credentials->retry_ns != 0 && now_ns(credentials) < credentials->retry_at_ns)
            return GW_CREDENTIALS_ABSENT;
        start_fetch(credentials);
        if (!gw_form_post_is_running(&credentials->post))
            return GW_CREDENTIALS_ABSENT;
    }
    waiter->credentials = credentials;
    waiter->has_waited = true;
    gw_list_append(&credentials->waiters, &waiter->node);
    credentials->waiter_count++;
    return GW_CREDENTIALS_WAIT;
}

enum gw_credentials_state gw_credentials_get(struct gw_credentials *credentials,
                                             struct gw_credentials_waiter *waiter,
                                             struct gw_credentials_value *out_value)
{
    if (!credentials->config.is_fetched) {
        *out_value = (struct gw_credentials_value){.text = credentials->config.fixed};
        return GW_CREDENTIALS_READY;
    }
    if (credentials->worker == NULL)
        return GW_CREDENTIALS_ABSENT;
    if (credentials->value.len == 0 || now_ns(credentials) >= credentials->serves_until_ns)
        return await(credentials, waiter);
    credentials->is_used = true;
    *out_value = (struct gw_credentials_value){.text = gw_buf_str(&credentials->value),
                                               .number = credentials->number};
    return GW_CREDENTIALS_READY;
}

uint64_t gw_credentials_retry_ns(const struct gw_credentials *credentials)
{
    uint64_t now = credentials->worker == NULL ? 0 : now_ns(credentials);

    if (credentials->retry_at_ns <= now + GW_NS_PER_SECOND || credentials->worker == NULL)
        return GW_NS_PER_SECOND;
    return credentials->retry_at_ns - now;
}

void gw_credentials_refused(struct gw_credentials *credentials, uint64_t number)
{
    if (credentials->worker == NULL || number == 0 || number != credentials->number ||
        credentials->value.len == 0 ||
        now_ns(credentials) - credentials->fetched_ns < SHORTEST_LIFE_NS)
        return;
    count(credentials, &refused);
    drop_value(credentials);
}

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(struct gw_credentials *credentials)
{
    if (credentials == NULL)
        return;
    gw_form_post_finish(&credentials->post);
    drop_value(credentials);
    gw_buf_finish(&credentials->value);
    gw_arena_finish(&credentials->arena);
    free(credentials);
}

static void leave_loop(struct gw_credentials *credentials)
{
    gw_form_post_stop(&credentials->post);
    if (credentials->origin != NULL)
        gw_http_origin_put(credentials->origin);
    credentials->origin = NULL;
    gw_timer_stop(&credentials->refresh);
    gw_list_remove(&credentials->tenant.node);
    credentials->worker = NULL;
}

static void on_worker_end(struct gw_worker_tenant *tenant)
{
    leave_loop(GW_CONTAINER_OF(tenant, struct gw_credentials, tenant));
}

/* All texts of a configuration, for comparing and copying. */
#define TEXTS 13
static void list_texts(struct gw_credentials_config *config, struct gw_str *out[TEXTS])
{
    struct gw_form_place *place = &config->place;
    struct gw_str *const texts[TEXTS] = {
        &config->fixed,
        &config->scope,
        &config->audience,
        &config->resource,
        &place->origin.host,
        &place->origin.ca_pem,
        &place->origin.client_cert_pem,
        &place->origin.client_key_pem,
        &place->origin.server_name,
        &place->authority,
        &place->target,
        &place->client_id,
        &place->client_secret,
    };

    memcpy(out, texts, sizeof(texts));
}

static bool is_equal(struct gw_credentials_config *a, struct gw_credentials_config *b)
{
    struct gw_str *of_a[TEXTS], *of_b[TEXTS];

    list_texts(a, of_a);
    list_texts(b, of_b);
    for (size_t i = 0; i < TEXTS; i++) {
        if (!gw_str_equal(*of_a[i], *of_b[i]))
            return false;
    }
    return a->is_fetched == b->is_fetched && a->timeout_ns == b->timeout_ns &&
           a->place.auth == b->place.auth && a->place.origin.port == b->place.origin.port &&
           a->place.origin.is_tls == b->place.origin.is_tls;
}

static struct gw_credentials *find(const struct gw_credentials_config *config,
                                   struct gw_str backend, struct gw_worker *worker)
{
    struct gw_credentials_config wanted = *config;

    for (struct gw_list *node = worker->tenants.next; node != &worker->tenants; node = node->next) {
        struct gw_worker_tenant *tenant = GW_LIST_ITEM(node, struct gw_worker_tenant, node);
        if (tenant->leave != on_worker_end)
            continue;
        struct gw_credentials *credentials = GW_CONTAINER_OF(tenant, struct gw_credentials, tenant);
        if (gw_str_equal(credentials->backend, backend) && is_equal(&credentials->config, &wanted))
            return credentials;
    }
    return NULL;
}

/* The snapshot that the texts came from may go before the last view that shares them. */
static bool copy_texts(struct gw_credentials *credentials, struct gw_str backend)
{
    struct gw_str *texts[TEXTS];
    bool is_whole = true;

    list_texts(&credentials->config, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i]->len == 0)
            continue;
        *texts[i] = gw_arena_copy(&credentials->arena, *texts[i]);
        is_whole = is_whole && texts[i]->ptr != NULL;
    }
    credentials->backend = gw_arena_copy(&credentials->arena, backend);
    return is_whole && credentials->backend.ptr != NULL;
}

static int create(const struct gw_credentials_config *config, struct gw_str backend,
                  struct gw_worker *worker, struct gw_credentials **out_credentials,
                  struct gw_error *error)
{
    struct gw_credentials *credentials = calloc(1, sizeof(*credentials));

    if (credentials == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    gw_arena_init(&credentials->arena, 4096, 16 * ARENA_MAX_BYTES);
    gw_list_init(&credentials->waiters);
    credentials->config = *config;
    int rc = copy_texts(credentials, backend) ? 0 : gw_error_set(error, -ENOMEM, "no memory");
    gw_form_post_init(&credentials->post, &credentials->config.place, on_answer);
    gw_buf_init(&credentials->value, GW_TOKEN_ANSWER_MAX_TOKEN_BYTES + sizeof("Bearer "));
    if (rc == 0 && config->is_fetched)
        rc = gw_http_origin_get(worker->http, &config->place.origin, &credentials->origin, error);
    if (rc != 0) {
        destroy(credentials);
        return rc;
    }
    credentials->worker = worker;
    credentials->tenant.leave = on_worker_end;
    gw_list_append(&worker->tenants, &credentials->tenant.node);
    *out_credentials = credentials;
    return 0;
}

int gw_credentials_open(const struct gw_credentials_config *config, struct gw_str backend,
                        struct gw_worker *worker, struct gw_credentials **out_credentials,
                        struct gw_error *error)
{
    struct gw_credentials *credentials = find(config, backend, worker);
    int rc = credentials != NULL ? 0 : create(config, backend, worker, &credentials, error);

    if (rc != 0)
        return rc;
    credentials->users++;
    *out_credentials = credentials;
    return 0;
}

void gw_credentials_close(struct gw_credentials *credentials)
{
    if (credentials == NULL || --credentials->users > 0)
        return;
    if (credentials->worker != NULL)
        leave_loop(credentials);
    destroy(credentials);
}
