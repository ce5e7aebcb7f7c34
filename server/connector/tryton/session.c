#include "server/connector/tryton/session.h"

#include <inttypes.h>

#include "server/connector/tryton/answer.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/crypto/base64.h"
#include "server/crypto/random.h"
#include "server/net/loop.h"
#include "server/upstream/backend.h"
#include "server/upstream/call.h"
#include "server/upstream/upstreams.h"

#define LOGIN_NS (30 * GW_NS_PER_SECOND)
#define FIRST_PAUSE_NS GW_NS_PER_SECOND
#define MAX_PAUSE_NS (64 * GW_NS_PER_SECOND)
#define BLOCK_BYTES 4096
#define MAX_ARENA_BYTES ((size_t)1 << 20)
#define MAX_BODY_BYTES 16384
#define MAX_REASON_BYTES 256

static uint64_t now_ns(const struct tryton_session *session)
{
    return gw_loop_now_ns(session->backend->upstreams->loop);
}

/* --- the end of a login: all who wait are told ------------------------------------------------ */

/* The last of them may free whoever owns the session: it is not touched afterwards. */
static void tell_all(struct tryton_session *session, const struct gw_connector_failure *failure)
{
    struct gw_list leaving;
    struct gw_list *node;

    gw_list_init(&leaving);
    while ((node = gw_list_take(&session->waiting)) != NULL)
        gw_list_append(&leaving, node);
    while ((node = gw_list_take(&leaving)) != NULL) {
        struct tryton_waiter *waiter = GW_LIST_ITEM(node, struct tryton_waiter, node);
        waiter->done(waiter, failure);
    }
}

/* The door stays closed for 1 s, 2 s, 4 s, ... 64 s. */
static void close_door(struct tryton_session *session)
{
    uint64_t pause_ns = FIRST_PAUSE_NS << (session->refusals < 6 ? session->refusals : 6);

    session->refusals++;
    session->closed_until_ns =
        now_ns(session) + (pause_ns < MAX_PAUSE_NS ? pause_ns : MAX_PAUSE_NS);
}

static void fail_login(struct tryton_session *session, const struct gw_connector_failure *failure)
{
    struct gw_connector_failure told = *failure;
    char reason[MAX_REASON_BYTES]; /* whoever is told may start the next login, in the same arena */

    told.reason.len = failure->reason.len < sizeof(reason) ? failure->reason.len : sizeof(reason);
    if (told.reason.len > 0)
        memcpy(reason, failure->reason.ptr, told.reason.len);
    told.reason.ptr = reason;
    if (told.error == GW_CONNECTOR_DENIED || told.error == GW_CONNECTOR_WRONG) {
        told.error = GW_CONNECTOR_DENIED;
        told.code = GW_STR("login");
        close_door(session);
    } else if (told.error == GW_CONNECTOR_IN_DOUBT || told.error == GW_CONNECTOR_RUBBISH) {
        told.error = GW_CONNECTOR_UNAVAILABLE; /* what they want has not been sent yet */
    }
    tell_all(session, &told);
}

/* --- the two requests of a login -------------------------------------------------------------- */

static bool send(struct tryton_session *session, struct gw_str body, gw_call_done_fn *done)
{
    struct gw_field fields[2] = {{GW_STR("Content-Type"), GW_STR("application/json")}};
    struct gw_buf target;

    gw_buf_init(&target, 128);
    tryton_settings_write_target(&target, &session->settings);
    if (session->authorization.len > 0)
        fields[1] = (struct gw_field){GW_STR("Authorization"), session->authorization};
    const struct gw_call_request request = {
        .backend = session->backend,
        .method = GW_STR("POST"),
        .target = gw_buf_str(&target),
        .fields = fields,
        .field_count = session->authorization.len > 0 ? 2 : 1,
        .body = body,
        .has_body = true,
        .deadline_ns = now_ns(session) + LOGIN_NS,
        .is_repeatable = true, /* one session more harms nobody */
    };
    session->http = target.has_failed ? NULL : gw_call_start(&request, done, session);
    gw_buf_finish(&target);
    return session->http != NULL;
}

static void fail_start(struct tryton_session *session)
{
    fail_login(session, &(struct gw_connector_failure){.error = GW_CONNECTOR_UNAVAILABLE,
                                                       .reason = GW_STR("no login was begun")});
}

static void on_preferences(void *self, const struct gw_call_answer *answer)
{
    struct tryton_session *session = self;
    struct gw_connector_failure failure;
    struct gw_value result;

    session->http = NULL;
    if (tryton_answer_read(&session->arena, answer, false, &result, &failure) != GW_CONNECTOR_OK) {
        fail_login(session, &failure);
        return;
    }
    if (result.type != GW_JSON_OBJECT) {
        fail_login(session, &(struct gw_connector_failure){
                                .error = GW_CONNECTOR_RUBBISH,
                                .reason = GW_STR("the user's preferences are no object")});
        return;
    }
    session->preferences = result;
    session->is_there = true;
    session->generation++;
    session->refusals = 0;
    tell_all(session, NULL);
}

static void ask_preferences(struct tryton_session *session)
{
    struct gw_buf body;

    gw_buf_init(&body, MAX_BODY_BYTES);
    gw_buf_printf(&body,
                  "{\"id\":%" PRIu64
                  ",\"method\":\"model.res.user.get_preferences\",\"params\":[true,{}]}",
                  ++session->next_id);
    bool is_sent = !body.has_failed && send(session, gw_buf_str(&body), on_preferences);
    gw_buf_finish(&body);
    if (!is_sent)
        fail_start(session);
}

/* [id, key] of the login. False: it is something else. */
static bool adopt_key(struct tryton_session *session, const struct gw_value *result)
{
    struct gw_buf plain, field;

    if (result->type != GW_JSON_ARRAY || result->count != 2 ||
        result->items[0].type != GW_JSON_NUMBER || result->items[1].type != GW_JSON_STRING)
        return false;
    gw_buf_init(&plain, 1024);
    gw_buf_init(&field, 2048);
    gw_buf_append_str(&plain, session->settings.user);
    gw_buf_printf(&plain, ":%.*s:%.*s", GW_STR_ARG(result->items[0].text),
                  GW_STR_ARG(result->items[1].text));
    gw_buf_append_text(&field, "Session ");
    gw_base64_append(&field, gw_buf_str(&plain));
    if (!plain.has_failed && !field.has_failed)
        session->authorization = gw_arena_copy(&session->arena, gw_buf_str(&field));
    gw_secret_wipe(plain.ptr, plain.len);
    gw_secret_wipe(field.ptr, field.len);
    gw_buf_finish(&plain);
    gw_buf_finish(&field);
    return session->authorization.len > 0;
}

static void on_login(void *self, const struct gw_call_answer *answer)
{
    struct tryton_session *session = self;
    struct gw_connector_failure failure;
    struct gw_value result;

    session->http = NULL;
    if (tryton_answer_read(&session->arena, answer, false, &result, &failure) != GW_CONNECTOR_OK)
        fail_login(session, &failure);
    else if (adopt_key(session, &result))
        ask_preferences(session);
    else
        fail_login(session, &(struct gw_connector_failure){
                                .error = GW_CONNECTOR_RUBBISH,
                                .reason = GW_STR("the login's answer is no session")});
}

static void start_login(struct tryton_session *session)
{
    const struct tryton_settings *settings = &session->settings;
    struct gw_str language = settings->language.len > 0 ? settings->language : GW_STR("en");
    struct gw_buf body;

    gw_arena_reset(&session->arena);
    session->authorization = GW_STR("");
    gw_buf_init(&body, MAX_BODY_BYTES);
    gw_buf_printf(&body, "{\"id\":%" PRIu64 ",\"method\":\"common.db.login\",\"params\":[\"",
                  ++session->next_id);
    gw_buf_append_json(&body, settings->user);
    gw_buf_append_text(&body, "\",{\"password\":\"");
    gw_buf_append_json(&body, settings->password);
    gw_buf_append_text(&body, "\"},\"");
    gw_buf_append_json(&body, language);
    gw_buf_append_text(&body, "\"]}");
    bool is_sent = !body.has_failed && send(session, gw_buf_str(&body), on_login);
    gw_secret_wipe(body.ptr, body.len);
    gw_buf_finish(&body);
    if (!is_sent)
        fail_start(session);
}

/* --- for others ------------------------------------------------------------------------------- */

void tryton_session_init(struct tryton_session *session, const struct gw_backend *backend,
                         const struct tryton_settings *settings)
{
    *session = (struct tryton_session){.backend = backend, .settings = *settings};
    gw_arena_init(&session->arena, BLOCK_BYTES, MAX_ARENA_BYTES);
    gw_list_init(&session->waiting);
}

void tryton_session_finish(struct tryton_session *session)
{
    gw_call_cancel(session->http);
    gw_arena_finish(&session->arena);
}

void tryton_session_want(struct tryton_session *session, struct tryton_waiter *waiter)
{
    if (session->is_there) {
        waiter->done(waiter, NULL);
        return;
    }
    uint64_t now = now_ns(session);
    if (session->http == NULL && now < session->closed_until_ns) {
        const struct gw_connector_failure closed = {
            .error = GW_CONNECTOR_DENIED,
            .code = GW_STR("login"),
            .reason = GW_STR("the last login was refused: none is tried for a while"),
            .retry_ns = session->closed_until_ns - now,
        };
        waiter->done(waiter, &closed);
        return;
    }
    gw_list_append(&session->waiting, &waiter->node);
    if (session->http == NULL)
        start_login(session);
}

void tryton_session_leave(struct tryton_waiter *waiter)
{
    gw_list_remove(&waiter->node);
}

void tryton_session_drop(struct tryton_session *session, uint64_t generation)
{
    if (session->is_there && session->generation == generation)
        session->is_there = false;
}
