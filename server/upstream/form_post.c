#include "server/upstream/form_post.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/crypto/base64.h"
#include "server/crypto/random.h"
#include "server/net/loop.h"

#define READ_BYTES 8192
#define AUTHORIZATION_MAX_BYTES 16384

/* --- the form --------------------------------------------------------------------------------- */

static bool is_plain(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("*-._", byte) != NULL);
}

void gw_form_append(struct gw_buf *out, struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (is_plain(byte))
            gw_buf_append_byte(out, (char)byte);
        else if (byte == ' ')
            gw_buf_append_byte(out, '+');
        else
            gw_buf_printf(out, "%%%02X", byte);
    }
}

static void append_field(struct gw_buf *out, struct gw_str name, struct gw_str value)
{
    if (value.len == 0)
        return;
    if (out->len > 0)
        gw_buf_append_byte(out, '&');
    gw_form_append(out, name);
    gw_buf_append_byte(out, '=');
    gw_form_append(out, value);
}

/* RFC 6749, section 2.3.1: both are form-encoded before they are joined. */
static void write_basic(struct gw_form_post *post)
{
    struct gw_buf pair;

    gw_buf_init(&pair, AUTHORIZATION_MAX_BYTES);
    gw_form_append(&pair, post->place->client_id);
    gw_buf_append_byte(&pair, ':');
    gw_form_append(&pair, post->place->client_secret);
    gw_buf_append_text(&post->authorization, "Basic ");
    gw_base64_append(&post->authorization, gw_buf_str(&pair));
    post->authorization.has_failed |= pair.has_failed;
    if (pair.ptr != NULL)
        gw_secret_wipe(pair.ptr, pair.capacity);
    gw_buf_finish(&pair);
}

static void write_form(struct gw_form_post *post, const struct gw_form_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        append_field(&post->form, fields[i].name, fields[i].value);
    if (post->place->auth == GW_FORM_AUTH_BASIC) {
        write_basic(post);
        return;
    }
    append_field(&post->form, GW_STR("client_id"), post->place->client_id);
    append_field(&post->form, GW_STR("client_secret"), post->place->client_secret);
}

/* --- the answer ------------------------------------------------------------------------------- */

static int send_form(struct gw_form_post *post);

static void wipe(struct gw_buf *buf)
{
    if (buf->ptr != NULL)
        gw_secret_wipe(buf->ptr, buf->capacity);
    gw_buf_finish(buf);
}

static void end(struct gw_form_post *post)
{
    gw_http_call_cancel(post->call);
    if (post->origin != NULL)
        gw_http_origin_put(post->origin);
    post->call = NULL;
    post->origin = NULL;
    wipe(&post->form);
    wipe(&post->authorization);
}

static void done(struct gw_form_post *post, const struct gw_form_result *result)
{
    /* Taken along: on_done may start the next question, or be the end of all. */
    struct gw_buf answer = post->answer;

    gw_buf_init(&post->answer, GW_FORM_MAX_BYTES + READ_BYTES);
    end(post);
    post->on_done(post, result);
    wipe(&answer);
}

static void fail(struct gw_form_post *post, const char *why)
{
    const struct gw_form_result result = {.why = why};

    done(post, &result);
}

static void take(struct gw_form_post *post)
{
    const struct gw_form_result result = {.status = post->status,
                                          .body = gw_buf_str(&post->answer)};

    post->call = NULL;
    done(post, &result);
}

static void on_readable(void *self)
{
    struct gw_form_post *post = self;

    for (;;) {
        char *room = gw_buf_reserve(&post->answer, READ_BYTES);
        ssize_t got = room == NULL ? -ENOMEM : gw_http_call_read(post->call, room, READ_BYTES);
        if (got == 0) {
            take(post);
            return;
        }
        if (got == -EAGAIN || got == -EPIPE)
            return;
        if (got > 0)
            post->answer.len += (size_t)got;
        if (got < 0 || post->answer.len > GW_FORM_MAX_BYTES) {
            fail(post, "the answer is larger than 64 KiB");
            return;
        }
    }
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct gw_form_post *post = self;

    post->status = head->status;
    on_readable(post);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct gw_form_post *post = self;
    char text[256];

    post->call = NULL;
    /* A kept connection may have been closed at the very moment; what is asked here may be asked
     * again. */
    if (failure == GW_HTTP_DISCONNECTED && post->status == 0 && !post->is_second) {
        post->is_second = true;
        if (send_form(post) == 0)
            return;
    }
    snprintf(text, sizeof(text), "%s (%s)", gw_http_failure_name(failure), detail);
    fail(post, text);
}

/* --- life ------------------------------------------------------------------------------------- */

void gw_form_post_init(struct gw_form_post *post, const struct gw_form_place *place,
                       void (*on_done)(struct gw_form_post *post,
                                       const struct gw_form_result *result))
{
    *post = (struct gw_form_post){.place = place, .on_done = on_done};
    gw_buf_init(&post->form, GW_FORM_MAX_BYTES);
    gw_buf_init(&post->authorization, AUTHORIZATION_MAX_BYTES * 2);
    gw_buf_init(&post->answer, GW_FORM_MAX_BYTES + READ_BYTES);
}

static int send_form(struct gw_form_post *post)
{
    static const struct gw_http_call_events events = {
        .on_head = on_head, .on_readable = on_readable, .on_failure = on_failure};
    const struct gw_field fields[] = {
        {GW_STR("Accept"), GW_STR("application/json")},
        {GW_STR("Content-Type"), GW_STR("application/x-www-form-urlencoded")},
        {GW_STR("Authorization"), gw_buf_str(&post->authorization)},
    };
    uint64_t now_ns = gw_loop_now_ns(post->loop);
    const struct gw_http_request request = {
        .method = GW_STR("POST"),
        .target = post->place->target,
        .host = post->place->authority,
        .fields = fields,
        .field_count = post->authorization.len > 0 ? 3 : 2,
        .body_bytes = (int64_t)post->form.len,
        .body = gw_buf_str(&post->form),
        .total_ns = post->deadline_ns > now_ns ? post->deadline_ns - now_ns : 1,
    };

    post->status = 0;
    gw_buf_clear(&post->answer);
    return gw_http_call_start(post->origin, &request, &events, post, &post->call);
}

int gw_form_post_start(struct gw_form_post *post, struct gw_http_client *client,
                       struct gw_loop *loop, const struct gw_form_field *fields, size_t count,
                       uint64_t timeout_ns, struct gw_error *error)
{
    int rc = gw_http_origin_get(client, &post->place->origin, &post->origin, error);

    if (rc != 0)
        return rc;
    post->loop = loop;
    post->deadline_ns = gw_loop_now_ns(loop) + timeout_ns;
    post->is_second = false;
    write_form(post, fields, count);
    if (post->form.has_failed || post->authorization.has_failed)
        rc = gw_error_set(error, -EMSGSIZE, "the form is too long");
    else if ((rc = send_form(post)) != 0)
        gw_error_set(error, rc, "the request cannot be made");
    if (rc != 0)
        end(post);
    return rc;
}

void gw_form_post_stop(struct gw_form_post *post)
{
    end(post);
    wipe(&post->answer);
}

void gw_form_post_finish(struct gw_form_post *post)
{
    gw_form_post_stop(post);
}
