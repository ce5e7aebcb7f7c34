#include "server/upstream/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/buf.h"
#include "server/http/exchange.h"
#include "server/net/http_client.h"
#include "server/upstream/backend.h"
#include "server/upstream/balance.h"
#include "server/upstream/proxy_fields.h"
#include "server/upstream/target.h"
#include "server/upstream/upstreams.h"

#define MAX_MIRRORS 64 /* of one backend and worker, at the same time */

/* One of the two answers. */
struct answer {
    struct gw_buf body;
    int status;
    bool is_over;  /* nothing more comes */
    bool is_whole; /* and all of it has come */
};

/* Lives until both answers are over. */
struct gw_mirror {
    struct gw_list node;            /* in the worker's upstreams */
    struct gw_backend_state *state; /* of the backend that is mirrored */
    struct gw_http_call *call;
    struct answer given, copy;
};

/* --- the end --- */

static void destroy(struct gw_mirror *mirror)
{
    gw_list_remove(&mirror->node);
    gw_http_call_cancel(mirror->call);
    mirror->state->mirror_count--;
    gw_backend_state_put(mirror->state);
    gw_buf_finish(&mirror->given.body);
    gw_buf_finish(&mirror->copy.body);
    free(mirror);
}

static enum gw_mirror_result compare(const struct answer *given, const struct answer *copy)
{
    if (copy->status == 0)
        return GW_MIRROR_FAILED;
    if (given->status != 0 && given->status != copy->status)
        return GW_MIRROR_OTHER_STATUS;
    if (!given->is_whole || given->body.has_failed || copy->body.has_failed)
        return GW_MIRROR_UNCOMPARED;
    if (!copy->is_whole)
        return GW_MIRROR_FAILED;
    return gw_str_equal(gw_buf_str(&given->body), gw_buf_str(&copy->body)) ? GW_MIRROR_SAME
                                                                           : GW_MIRROR_OTHER_BODY;
}

static void finish_if_over(struct gw_mirror *mirror)
{
    if (!mirror->given.is_over || !mirror->copy.is_over)
        return;
    mirror->state->stats.mirrored[compare(&mirror->given, &mirror->copy)]++;
    destroy(mirror);
}

void gw_mirror_cancel_all(struct gw_upstreams *upstreams)
{
    while (!gw_list_is_empty(&upstreams->mirrors))
        destroy(GW_LIST_ITEM(upstreams->mirrors.next, struct gw_mirror, node));
}

/* --- the copy --- */

static void end_copy(struct gw_mirror *mirror, bool is_whole)
{
    mirror->call = NULL;
    mirror->copy.is_over = true;
    mirror->copy.is_whole = is_whole;
    finish_if_over(mirror);
}

static void on_readable(void *self)
{
    struct gw_mirror *mirror = self;
    char bytes[16384];
    ssize_t count;

    while ((count = gw_http_call_read(mirror->call, bytes, sizeof(bytes))) > 0) {
        gw_buf_append(&mirror->copy.body, bytes, (size_t)count);
        if (mirror->copy.body.has_failed) { /* it will not be compared: no more is read of it */
            gw_http_call_cancel(mirror->call);
            end_copy(mirror, true);
            return;
        }
    }
    if (count == 0)
        end_copy(mirror, true); /* at -EPIPE on_failure follows */
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct gw_mirror *mirror = self;

    mirror->copy.status = head->status;
    on_readable(mirror);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    (void)failure;
    (void)detail;
    end_copy(self, false);
}

static const struct gw_http_call_events events = {
    .on_head = on_head, .on_readable = on_readable, .on_failure = on_failure};

/* What is not at hand is not waited for. */
static void ignore_news(struct gw_credentials_waiter *waiter)
{
    (void)waiter;
}

static bool show_credentials(struct gw_credentials *credentials, struct gw_field *fields,
                             size_t *count)
{
    struct gw_credentials_waiter waiter = {.on_news = ignore_news};
    struct gw_credentials_value value;

    if (gw_credentials_get(credentials, &waiter, &value) != GW_CREDENTIALS_READY) {
        gw_credentials_waiter_stop(&waiter);
        return false;
    }
    fields[(*count)++] = (struct gw_field){GW_STR("Authorization"), value.text};
    return true;
}

/* The fields are written anew: what the one backend is shown (a key, the caller's token) is not for
 * the other. */
static int send_copy(struct gw_mirror *mirror, const struct gw_backend *to, struct gw_exchange *ex,
                     struct gw_str path)
{
    const struct gw_backend_config *config = to->config;
    const struct gw_backend_scope scope = {0};
    struct gw_field *fields =
        gw_arena_alloc(&ex->arena, gw_proxy_fields_room(ex, config) * sizeof(*fields));
    struct gw_backend_choice choice =
        gw_backend_choose(to, scope, gw_loop_now_ns(to->upstreams->loop));

    if (choice.index == SIZE_MAX || fields == NULL)
        return -ENOMEM;
    const struct gw_target_config *target = &config->targets[choice.index];
    struct gw_http_request request = {
        .method = ex->request.method_name,
        .target = gw_arena_printf(&ex->arena, "%.*s%.*s", GW_STR_ARG(target->base_path),
                                  GW_STR_ARG(path)),
        .host = target->authority,
        .fields = fields,
        .first_byte_ns = config->first_byte_ns,
        .total_ns = config->total_ns,
        .idle_ns = config->idle_ns,
    };
    int rc = gw_proxy_request_fields(ex, config, fields, &request.field_count);
    if (rc != 0 || request.target.ptr == NULL)
        return -ENOMEM;
    if (to->credentials != NULL && !show_credentials(to->credentials, fields, &request.field_count))
        return -EACCES;
    return gw_http_call_start(to->targets[choice.index]->origin, &request, &events, mirror,
                              &mirror->call);
}

/* --- the start --- */

struct gw_mirror *gw_mirror_start(const struct gw_backend *backend, struct gw_exchange *ex,
                                  struct gw_str path)
{
    const struct gw_mirror_rule *rule = &backend->config->mirror;
    struct gw_backend_state *state = backend->state;

    if (backend->mirror == NULL || backend->mirror->upstreams == NULL ||
        ex->request.method != GW_METHOD_GET || ex->request.body_bytes != 0 ||
        gw_balance_below(&backend->upstreams->random, 100) >= rule->percent)
        return NULL;
    struct gw_mirror *mirror =
        state->mirror_count == MAX_MIRRORS ? NULL : calloc(1, sizeof(*mirror));
    if (mirror == NULL) {
        state->stats.mirrored[GW_MIRROR_DROPPED]++;
        return NULL;
    }
    gw_buf_init(&mirror->given.body, rule->max_body_bytes);
    gw_buf_init(&mirror->copy.body, rule->max_body_bytes);
    mirror->state = state;
    state->references++;
    state->mirror_count++;
    gw_list_append(&backend->upstreams->mirrors, &mirror->node);
    if (send_copy(mirror, backend->mirror, ex, path) != 0) {
        state->stats.mirrored[GW_MIRROR_FAILED]++;
        mirror->call = NULL;
        destroy(mirror);
        return NULL;
    }
    return mirror;
}

/* --- the caller's answer --- */

void gw_mirror_feed(struct gw_mirror *mirror, const char *bytes, size_t len)
{
    gw_buf_append(&mirror->given.body, bytes, len);
}

void gw_mirror_end(struct gw_mirror *mirror, int status)
{
    if (mirror == NULL)
        return;
    mirror->given.status = status;
    mirror->given.is_over = mirror->given.is_whole = true;
    finish_if_over(mirror);
}

void gw_mirror_give_up(struct gw_mirror *mirror)
{
    if (mirror == NULL)
        return;
    mirror->given.is_over = true;
    finish_if_over(mirror);
}
