#include "policies/jwt/key_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policies/jwt/freshness.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"

#define ARENA_BLOCK_BYTES 16384
#define ARENA_MAX_BYTES (8u << 20) /* a tape takes a multiple of its text */
#define DISCOVERED_FOR_NS (UINT64_C(3600) * GW_NS_PER_SECOND)
#define READ_BYTES 16384

static int start_stage(struct key_fetch *fetch, struct gw_error *error);

void key_fetch_init(struct key_fetch *fetch, const struct key_fetch_place *place,
                    struct gw_worker *worker,
                    void (*on_done)(struct key_fetch *fetch, const struct key_fetch_result *result))
{
    *fetch = (struct key_fetch){.place = place, .worker = worker, .on_done = on_done};
    gw_arena_init(&fetch->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    gw_buf_init(&fetch->body, KEY_FETCH_MAX_BYTES + READ_BYTES);
}

void key_fetch_stop(struct key_fetch *fetch)
{
    gw_http_call_cancel(fetch->call);
    fetch->call = NULL;
    fetch->stage = KEY_FETCH_IDLE;
}

void key_fetch_finish(struct key_fetch *fetch)
{
    key_fetch_stop(fetch);
    gw_buf_finish(&fetch->body);
    gw_arena_finish(&fetch->arena);
}

void key_fetch_forget(struct key_fetch *fetch)
{
    fetch->etag_len = 0;
    fetch->discovered_ns = 0;
}

static void finish(struct key_fetch *fetch, const struct key_fetch_result *result)
{
    fetch->stage = KEY_FETCH_IDLE;
    fetch->call = NULL;
    fetch->on_done(fetch, result);
}

static void fail(struct key_fetch *fetch, const char *why)
{
    const struct key_fetch_result result = {.outcome = KEY_FETCH_FAILED, .why = why};

    fetch->discovered_ns = 0;
    finish(fetch, &result);
}

/* --- an answer -------------------------------------------------------------------------------- */

static void take_metadata(struct key_fetch *fetch)
{
    struct gw_str uri;
    struct gw_error why;

    if (discovery_read(&fetch->arena, gw_buf_str(&fetch->body), fetch->place->issuer, &uri, &why) !=
        0) {
        fail(fetch, why.text);
        return;
    }
    fetch->jwks_uri = gw_arena_copy(&fetch->arena, uri); /* the body is used again */
    if (fetch->jwks_uri.ptr == NULL) {
        fail(fetch, "no memory");
        return;
    }
    fetch->discovered_ns = gw_loop_now_ns(fetch->worker->loop);
    fetch->etag_len = 0; /* it may be another's */
    fetch->stage = KEY_FETCH_KEYS;
    if (start_stage(fetch, &why) != 0)
        fail(fetch, why.text);
}

static void take_keys(struct key_fetch *fetch)
{
    const struct key_fetch_result result = {
        .outcome = fetch->status == 304 ? KEY_FETCH_UNCHANGED : KEY_FETCH_SET,
        .text = gw_buf_str(&fetch->body),
        .fresh_seconds = fetch->fresh_seconds,
    };

    finish(fetch, &result);
}

/* The whole answer is there. */
static void take(struct key_fetch *fetch)
{
    bool is_keys = fetch->stage == KEY_FETCH_KEYS;
    struct gw_error why;
    char text[64];

    fetch->call = NULL;
    if (is_keys && (fetch->status == 200 || (fetch->status == 304 && fetch->etag_len > 0))) {
        take_keys(fetch);
    } else if (!is_keys && fetch->status == 200) {
        take_metadata(fetch);
    } else if (fetch->stage == KEY_FETCH_OPENID && fetch->status == 404) {
        fetch->stage = KEY_FETCH_OAUTH;
        if (start_stage(fetch, &why) != 0)
            fail(fetch, why.text);
    } else {
        snprintf(text, sizeof(text), "%s answered with status %d",
                 is_keys ? "the key set's address" : "discovery", fetch->status);
        fail(fetch, text);
    }
}

static void on_readable(void *self)
{
    struct key_fetch *fetch = self;

    for (;;) {
        char *room = gw_buf_reserve(&fetch->body, READ_BYTES);
        ssize_t got = room == NULL ? -ENOMEM : gw_http_call_read(fetch->call, room, READ_BYTES);
        if (got == 0) {
            take(fetch);
            return;
        }
        if (got == -EAGAIN || got == -EPIPE)
            return;
        if (got > 0)
            fetch->body.len += (size_t)got;
        if (got < 0 || fetch->body.len > KEY_FETCH_MAX_BYTES) {
            gw_http_call_cancel(fetch->call);
            fail(fetch, "the answer is larger than 256 KiB");
            return;
        }
    }
}

static void keep_etag(struct key_fetch *fetch, const struct gw_http_answer_head *head)
{
    fetch->etag_len = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        struct gw_str value = head->fields[i].value;
        if (!gw_str_equal_nocase(head->fields[i].name, GW_STR("etag")) ||
            value.len > sizeof(fetch->etag))
            continue;
        memcpy(fetch->etag, value.ptr, value.len);
        fetch->etag_len = value.len;
        return;
    }
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct key_fetch *fetch = self;

    fetch->status = head->status;
    fetch->fresh_seconds = freshness_seconds(head->fields, head->field_count);
    if (fetch->stage == KEY_FETCH_KEYS && head->status == 200)
        keep_etag(fetch, head);
    on_readable(fetch);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    char text[256];

    snprintf(text, sizeof(text), "%s (%s)", gw_http_failure_name(failure), detail);
    fail(self, text);
}

/* --- a question ------------------------------------------------------------------------------- */

static int start_call(struct key_fetch *fetch, const struct discovery_place *place,
                      struct gw_error *error)
{
    static const struct gw_http_call_events events = {
        .on_head = on_head, .on_readable = on_readable, .on_failure = on_failure};
    const struct gw_http_origin_config origin_config = {
        .host = place->host,
        .port = place->port,
        .is_tls = place->is_tls,
        .ca_pem = place->is_tls ? fetch->place->ca_pem : GW_STR(""),
    };
    const struct gw_field fields[] = {
        {.name = GW_STR("Accept"), .value = GW_STR("application/json")},
        {.name = GW_STR("If-None-Match"), .value = gw_str_from(fetch->etag, fetch->etag_len)},
    };
    uint64_t now_ns = gw_loop_now_ns(fetch->worker->loop);
    bool has_etag = fetch->stage == KEY_FETCH_KEYS && fetch->etag_len > 0;
    const struct gw_http_request request = {
        .method = GW_STR("GET"),
        .target = place->target,
        .host = place->authority,
        .fields = fields,
        .field_count = has_etag ? 2 : 1,
        .is_replayable = true,
        .total_ns = fetch->deadline_ns > now_ns ? fetch->deadline_ns - now_ns : 1,
    };
    struct gw_http_origin *origin;
    int rc = gw_http_origin_get(fetch->worker->http, &origin_config, &origin, error);

    if (rc != 0)
        return rc;
    gw_buf_clear(&fetch->body);
    rc = gw_http_call_start(origin, &request, &events, fetch, &fetch->call);
    gw_http_origin_put(origin);
    return rc == 0 ? 0 : gw_error_set(error, rc, "the request cannot be made");
}

static int start_stage(struct key_fetch *fetch, struct gw_error *error)
{
    struct discovery_place place;
    struct gw_str url = fetch->jwks_uri;
    struct gw_error why;
    int rc = 0;

    if (fetch->stage != KEY_FETCH_KEYS)
        rc = discovery_url(&fetch->arena, fetch->place->issuer,
                           fetch->stage == KEY_FETCH_OPENID ? DISCOVERY_OPENID : DISCOVERY_OAUTH,
                           &url);
    if (rc != 0)
        return gw_error_set(error, rc, "the issuer is no URL to ask");
    rc = discovery_place_parse(url, fetch->place->allows_http, &place, &why);
    if (rc != 0)
        return gw_error_set(error, rc, "%s %s",
                            fetch->stage == KEY_FETCH_KEYS ? "jwks_uri" : "the issuer", why.text);
    return start_call(fetch, &place, error);
}

int key_fetch_start(struct key_fetch *fetch, struct gw_error *error)
{
    uint64_t now_ns = gw_loop_now_ns(fetch->worker->loop);
    bool is_known = fetch->place->jwks_uri.len > 0;

    if (is_known)
        fetch->jwks_uri = fetch->place->jwks_uri;
    if (!is_known &&
        (fetch->discovered_ns == 0 || now_ns - fetch->discovered_ns > DISCOVERED_FOR_NS))
        gw_arena_reset(&fetch->arena);
    else
        is_known = true;
    fetch->stage = is_known ? KEY_FETCH_KEYS : KEY_FETCH_OPENID;
    fetch->deadline_ns = now_ns + KEY_FETCH_NS;
    int rc = start_stage(fetch, error);
    if (rc != 0)
        fetch->stage = KEY_FETCH_IDLE;
    return rc;
}
