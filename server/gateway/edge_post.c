#include "server/gateway/edge_post.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/gateway/edge_config.h"
#include "server/net/http_client.h"

#define MAX_ANSWER_BYTES (256u << 10)

struct gw_edge_post {
    const struct gw_edge_config *config;
    struct gw_edge_post_events events;
    struct gw_http_origin *origin;
    struct gw_http_call *call;
    int status; /* of the answer that is being read */
    struct gw_buf answer;
};

static void take_answer(struct gw_edge_post *post)
{
    struct gw_str text = gw_buf_str(&post->answer);
    json_t *answer = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, 0, NULL);

    post->events.on_answer(post->events.self, post->status, answer);
    json_decref(answer);
}

static void on_readable(void *self)
{
    struct gw_edge_post *post = self;

    for (;;) {
        char *room = gw_buf_reserve(&post->answer, 4096);
        if (room == NULL) {
            gw_http_call_cancel(post->call);
            post->call = NULL;
            post->events.on_failure(post->events.self, "its answer is too long");
            return;
        }
        ssize_t len = gw_http_call_read(post->call, room, 4096);
        if (len == -EAGAIN || len == -EPIPE)
            return;
        if (len == 0)
            break;
        post->answer.len += (size_t)len;
    }
    post->call = NULL;
    take_answer(post);
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct gw_edge_post *post = self;

    post->status = head->status;
    on_readable(post);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct gw_edge_post *post = self;
    char why[160];

    post->call = NULL;
    snprintf(why, sizeof(why), "%s%s%s", gw_http_failure_name(failure), detail != NULL ? ": " : "",
             detail != NULL ? detail : "");
    post->events.on_failure(post->events.self, why);
}

int gw_edge_post_send(struct gw_edge_post *post, struct gw_str target, struct gw_str body)
{
    static const struct gw_http_call_events events = {
        .on_head = on_head, .on_readable = on_readable, .on_failure = on_failure};
    const struct gw_edge_config *config = post->config;
    const struct gw_field fields[] = {{GW_STR("Content-Type"), GW_STR("application/gzip")},
                                      {GW_STR("Accept"), GW_STR("application/json")}};
    char whole[2048];

    int len = snprintf(whole, sizeof(whole), "%.*s%.*s", GW_STR_ARG(config->centre.base_path),
                       GW_STR_ARG(target));
    if (len < 0 || (size_t)len >= sizeof(whole))
        return -EINVAL;
    const struct gw_http_request request = {
        .method = GW_STR("POST"),
        .target = gw_str_from(whole, (size_t)len),
        .host = config->centre.authority,
        .fields = fields,
        .field_count = 2,
        .body_bytes = (int64_t)body.len,
        .body = body,
        .first_byte_ns = config->centre_timeout_ns,
        .total_ns = config->centre_timeout_ns,
    };
    gw_buf_clear(&post->answer);
    return gw_http_call_start(post->origin, &request, &events, post, &post->call);
}

void gw_edge_post_describe(int status, const json_t *answer, char *out, size_t size)
{
    const char *detail = json_string_value(json_object_get(answer, "detail"));

    snprintf(out, size, "%d%s%s", status, detail != NULL ? ": " : "", detail != NULL ? detail : "");
}

int gw_edge_post_create(struct gw_http_client *http, const struct gw_edge_config *config,
                        const struct gw_edge_post_events *events, struct gw_edge_post **out_post,
                        struct gw_error *error)
{
    const struct gw_edge_target *centre = &config->centre;
    const struct gw_http_origin_config origin = {.host = centre->host,
                                                 .port = centre->port,
                                                 .is_tls = centre->is_tls,
                                                 .ca_pem = centre->ca_pem,
                                                 .client_cert_pem = centre->certificate_pem,
                                                 .client_key_pem = centre->key_pem,
                                                 .max_connections = 2};
    struct gw_edge_post *post = calloc(1, sizeof(*post));

    if (post == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    post->config = config;
    post->events = *events;
    gw_buf_init(&post->answer, MAX_ANSWER_BYTES);
    int rc = gw_http_origin_get(http, &origin, &post->origin, error);
    if (rc != 0) {
        gw_edge_post_destroy(post);
        return gw_error_prefix(error, rc, "edge.centre");
    }
    *out_post = post;
    return 0;
}

void gw_edge_post_destroy(struct gw_edge_post *post)
{
    if (post == NULL)
        return;
    gw_http_call_cancel(post->call);
    if (post->origin != NULL)
        gw_http_origin_put(post->origin);
    gw_buf_finish(&post->answer);
    free(post);
}
