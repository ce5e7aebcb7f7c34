#include "call_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/loop.h"

static bool read_request(int fd, char *head, size_t head_room, char *body, size_t body_room)
{
    if (peer_read_head(fd, head, head_room) <= 0)
        return false;
    const char *length = strstr(head, "Content-Length: ");
    size_t len = length == NULL ? 0 : (size_t)strtoul(length + 16, NULL, 10);
    if (len >= body_room || !peer_read_exactly(fd, body, len))
        return false;
    body[len] = '\0';
    return true;
}

void call_rig_play(struct peer *self, int fd, unsigned index)
{
    struct call_part *script = self->script;
    char head[sizeof(script->head)], body[sizeof(script->body)];

    while (read_request(fd, head, sizeof(head), body, sizeof(body))) {
        pthread_mutex_lock(&script->lock);
        memcpy(script->head, head, sizeof(head));
        memcpy(script->body, body, sizeof(body));
        const char *answer = index < script->closes ? NULL : script->answer;
        bool hangs = script->hangs;
        pthread_mutex_unlock(&script->lock);
        atomic_fetch_add(&self->requests, 1);
        if (hangs)
            peer_drain(fd);
        if (answer == NULL)
            return;
        peer_send_text(fd, answer);
    }
}

void call_rig_set_answer(struct call_rig *rig, const char *answer)
{
    pthread_mutex_lock(&rig->part.lock);
    rig->part.answer = answer;
    pthread_mutex_unlock(&rig->part.lock);
}

void call_rig_set_closes(struct call_rig *rig, unsigned closes)
{
    pthread_mutex_lock(&rig->part.lock);
    rig->part.closes = closes;
    pthread_mutex_unlock(&rig->part.lock);
}

void call_rig_set_hangs(struct call_rig *rig, bool hangs)
{
    pthread_mutex_lock(&rig->part.lock);
    rig->part.hangs = hangs;
    pthread_mutex_unlock(&rig->part.lock);
}

bool call_rig_saw(struct call_rig *rig, const char *text)
{
    pthread_mutex_lock(&rig->part.lock);
    bool has = strstr(rig->part.head, text) != NULL || strstr(rig->part.body, text) != NULL;
    pthread_mutex_unlock(&rig->part.lock);
    return has;
}

void call_rig_on_done(void *self, const struct gw_call_answer *answer)
{
    struct call_outcome *outcome = self;

    outcome->is_there = true;
    outcome->calls++;
    outcome->status = answer->status;
    outcome->backend_status = answer->backend_status;
    outcome->was_sent = answer->was_sent;
    outcome->retry_ns = answer->retry_ns;
    outcome->body_len = answer->body.len;
    snprintf(outcome->problem, sizeof(outcome->problem), "%s",
             answer->problem == NULL ? "" : answer->problem);
    snprintf(outcome->body, sizeof(outcome->body), "%.*s", GW_STR_ARG(answer->body));
}

struct gw_call_request call_rig_get(const struct call_rig *rig)
{
    return (struct gw_call_request){
        .backend = &rig->backend.backend,
        .method = GW_STR("GET"),
        .target = GW_STR("/things?a=b%20c"),
        .is_repeatable = true,
    };
}

struct gw_call_request call_rig_post(const struct call_rig *rig)
{
    struct gw_call_request request = call_rig_get(rig);

    request.method = GW_STR("POST");
    request.target = GW_STR("/things");
    request.body = GW_STR("{\"n\":1}");
    request.has_body = true;
    request.is_repeatable = false;
    return request;
}

struct call_outcome call_rig_run(struct call_rig *rig, const struct gw_call_request *request)
{
    struct call_outcome outcome = {0};

    assert_non_null(gw_call_start(request, call_rig_on_done, &outcome));
    assert_false(outcome.is_there); /* never from within */
    backend_rig_wait(&rig->backend, &outcome.is_there);
    gw_loop_turn(rig->backend.loop, 1);
    assert_int_equal(outcome.calls, 1);
    return outcome;
}

void call_rig_open(struct call_rig *rig)
{
    rig->part = (struct call_part){.lock = PTHREAD_MUTEX_INITIALIZER,
                                   .answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                             "Content-Length: 7\r\n\r\n{\"a\":1}"};
    peer_start(&rig->peer, call_rig_play, &rig->part);
    backend_rig_open(&rig->backend);
    backend_rig_add_target(&rig->backend, rig->peer.port);
}

void call_rig_close(struct call_rig *rig)
{
    backend_rig_close(&rig->backend);
    peer_stop(&rig->peer);
}
