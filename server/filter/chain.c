#include "server/filter/chain.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "server/core/clock.h"

struct tap {
    struct tap *next;
    gw_exchange_tap_fn *fn;
    void *self;
};

enum direction { TO_UPSTREAM, TO_CLIENT };

struct gw_response_room {
    char *bytes;
    size_t len, capacity, max_bytes;
    bool may_stay_streamed;
    /* Then, of a body that was too large: the rest, behind what is here from `at` on. */
    size_t at;
    const struct gw_body_source *rest;
    void *rest_self;
};

struct gw_chain_run {
    const struct gw_chain *chain;
    size_t at;  /* the filter that runs or waits */
    size_t ran; /* how many on_request were called */
    enum direction direction;
    bool is_waiting;  /* a filter returned GW_WAIT and has not been resumed */
    bool is_stepping; /* the loop below is active: resume only notes the verdict */
    bool has_verdict; /* resumed while the loop was active */
    enum gw_verdict verdict;
    enum gw_verdict (*then)(void *self, struct gw_exchange *ex); /* waiting for the body */
    struct gw_response_room room;                                /* a response's body, collected */
    void *slots[GW_MAX_FILTERS];
    struct tap *request_taps, *response_taps;
};

static void step(struct gw_exchange *ex, enum gw_verdict verdict);

void gw_chain_run(const struct gw_chain *chain, struct gw_exchange *ex)
{
    struct gw_chain_run *run = gw_arena_calloc(&ex->arena, 1, sizeof(*run));

    if (run == NULL) {
        gw_problem_set(ex, "overloaded", NULL);
        gw_exchange_respond(ex);
        return;
    }
    run->chain = chain;
    ex->chain_run = run;
    run->is_stepping = true;
    run->at = SIZE_MAX; /* so that the first step goes to 0 */
    step(ex, GW_NEXT);
}

static enum gw_verdict call_request(struct gw_chain_run *run, struct gw_exchange *ex)
{
    const struct gw_chain_link *link = &run->chain->links[run->at];

    run->ran = run->at + 1;
    return link->type->on_request == NULL ? GW_NEXT : link->type->on_request(link->self, ex);
}

static enum gw_verdict call_response(struct gw_chain_run *run, struct gw_exchange *ex)
{
    const struct gw_chain_link *link = &run->chain->links[run->at];
    return link->type->on_response == NULL ? GW_NEXT : link->type->on_response(link->self, ex);
}

static void fail(struct gw_exchange *ex)
{
    if (ex->response.status < 500)
        gw_problem_set(ex, "internal-error", NULL);
}

/* From the request's way to the response's: the last filter that ran comes first. */
static void turn_back(struct gw_chain_run *run)
{
    run->direction = TO_CLIENT;
    run->at = run->ran;
}

/* A body that is not streamed passes the taps when its head is final, as a streamed one does. */
static void tap_whole_body(struct gw_exchange *ex)
{
    if (ex->response.source != NULL || ex->chain_run->response_taps == NULL)
        return;
    if (ex->response.body.len > 0)
        gw_chain_tap_response(ex, ex->response.body);
    gw_chain_tap_response(ex, GW_STR(""));
}

/* Runs filters until one waits or the chain ends. `verdict` is that of filter `run->at`. */
static void step(struct gw_exchange *ex, enum gw_verdict verdict)
{
    struct gw_chain_run *run = ex->chain_run;

    run->is_stepping = true;
    for (;;) {
        if (verdict == GW_WAIT && run->has_verdict) {
            run->has_verdict = false;
            run->is_waiting = false;
            verdict = run->verdict;
        }
        if (verdict == GW_WAIT) {
            run->is_waiting = true;
            break;
        }
        ex->cancel = NULL;
        if (verdict == GW_FAIL)
            fail(ex);
        if (run->direction == TO_UPSTREAM && verdict != GW_NEXT)
            turn_back(run);
        if (run->direction == TO_UPSTREAM) {
            if (++run->at == run->chain->count) {
                run->is_stepping = false;
                ex->record.policies_ns = gw_clock_monotonic_ns();
                run->chain->end(ex);
                return;
            }
            verdict = call_request(run, ex);
        } else {
            if (run->at == 0) {
                run->is_stepping = false;
                tap_whole_body(ex);
                gw_exchange_respond(ex);
                return;
            }
            run->at--;
            verdict = call_response(run, ex);
        }
    }
    run->is_stepping = false;
}

void gw_chain_response_set(struct gw_exchange *ex)
{
    struct gw_chain_run *run = ex->chain_run;

    if (run == NULL) { /* refused before any chain */
        gw_exchange_respond(ex);
        return;
    }
    if (ex->state == GW_EXCHANGE_GONE)
        return; /* what a filter starts now, nobody would cancel */
    turn_back(run);
    step(ex, GW_NEXT);
}

void gw_exchange_resume(struct gw_exchange *ex, enum gw_verdict verdict)
{
    struct gw_chain_run *run = ex->chain_run;

    assert(verdict != GW_WAIT);
    if (run->is_stepping) { /* before the filter has even returned GW_WAIT */
        run->has_verdict = true;
        run->verdict = verdict;
        return;
    }
    assert(run->is_waiting);
    run->is_waiting = false;
    step(ex, verdict);
}

enum gw_verdict gw_exchange_reject(struct gw_exchange *ex, const char *problem, const char *detail,
                                   uint64_t retry_ns)
{
    return gw_exchange_reject_with(ex, problem, detail, GW_STR(""), retry_ns);
}

enum gw_verdict gw_exchange_reject_with(struct gw_exchange *ex, const char *problem,
                                        const char *detail, struct gw_str members,
                                        uint64_t retry_ns)
{
    gw_problem_set_with(ex, problem, detail, members);
    if (retry_ns > 0) {
        unsigned long long seconds = (retry_ns + GW_NS_PER_SECOND - 1) / GW_NS_PER_SECOND;
        struct gw_str text = gw_arena_printf(&ex->arena, "%llu", seconds);
        if (text.ptr == NULL || gw_response_add_field(ex, GW_STR("Retry-After"), text) != 0)
            return GW_STOP; /* the refusal matters more than its hint */
    }
    return GW_STOP;
}

/* --- the body --- */

static void on_body(struct gw_exchange *ex)
{
    struct gw_chain_run *run = ex->chain_run;
    enum gw_verdict (*then)(void *, struct gw_exchange *) = run->then;
    enum gw_verdict verdict;

    run->then = NULL;
    if (ex->is_body_over)
        verdict = gw_exchange_reject(ex, "body-too-large", NULL, 0);
    else
        verdict = then(run->chain->links[run->at].self, ex);
    if (verdict != GW_WAIT)
        gw_exchange_resume(ex, verdict);
}

enum gw_verdict gw_exchange_need_request_body(struct gw_exchange *ex, size_t max_bytes,
                                              enum gw_verdict (*then)(void *self,
                                                                      struct gw_exchange *ex))
{
    struct gw_chain_run *run = ex->chain_run;

    if (ex->body_max_bytes > 0 && ex->body_max_bytes < max_bytes)
        max_bytes = ex->body_max_bytes; /* the smallest bound holds */
    run->then = then;
    gw_exchange_collect_body(ex, max_bytes, on_body);
    return GW_WAIT;
}

/* --- the response's body --- */

/* Room for at least one byte more; false at the bound or without memory. */
static bool make_room(struct gw_exchange *ex, struct gw_response_room *room)
{
    size_t capacity = room->capacity * 2;

    if (room->len < room->capacity)
        return true;
    if (room->capacity > room->max_bytes)
        return false;
    if (room->capacity == 0)
        capacity = ex->response.body_bytes > 0 ? (size_t)ex->response.body_bytes + 1 : 16 * 1024;
    if (capacity > room->max_bytes + 1) /* one byte beyond tells a body that is too large */
        capacity = room->max_bytes + 1;
    char *bytes = gw_arena_alloc(&ex->arena, capacity);
    if (bytes == NULL)
        return false;
    if (room->len > 0)
        memcpy(bytes, room->bytes, room->len);
    room->bytes = bytes;
    room->capacity = capacity;
    return true;
}

/* Reads what is there: 0 at the end, -EAGAIN if more will come, -EMSGSIZE, or the source's error.
 */
static ssize_t read_response(struct gw_exchange *ex, struct gw_response_room *room)
{
    ssize_t count = 1;

    while (count > 0) {
        if (room->len > room->max_bytes || !make_room(ex, room))
            return -EMSGSIZE;
        count = ex->response.source->read(ex->response.source_self, room->bytes + room->len,
                                          room->capacity - room->len);
        if (count > 0)
            room->len += (size_t)count;
    }
    return count;
}

static ssize_t read_room_and_rest(void *self, char *out, size_t capacity)
{
    struct gw_response_room *room = self;
    size_t count = room->len - room->at;

    if (count == 0)
        return room->rest->read(room->rest_self, out, capacity);
    if (count > capacity)
        count = capacity;
    memcpy(out, room->bytes + room->at, count);
    room->at += count;
    return (ssize_t)count;
}

static const struct gw_body_source room_and_rest = {.read = read_room_and_rest};

/* What was collected in vain comes first; the source behind it is read as before. */
static void put_back(struct gw_exchange *ex, struct gw_response_room *room)
{
    room->rest = ex->response.source;
    room->rest_self = ex->response.source_self;
    ex->response.source = &room_and_rest;
    ex->response.source_self = room;
}

/* The body cannot be had whole. */
static enum gw_verdict give_up_collecting(struct gw_exchange *ex, ssize_t rc)
{
    struct gw_chain_run *run = ex->chain_run;

    if (rc == -EMSGSIZE && run->room.may_stay_streamed)
        put_back(ex, &run->room);
    else
        gw_problem_set(ex, "bad-gateway",
                       rc == -EMSGSIZE ? "The backend's answer is too large to be checked."
                                       : "The backend's answer is not complete.");
    if (run->room.may_stay_streamed)
        return run->then(run->chain->links[run->at].self, ex);
    return GW_NEXT; /* with this response instead */
}

static enum gw_verdict collect_response(struct gw_exchange *ex)
{
    struct gw_chain_run *run = ex->chain_run;
    ssize_t rc = read_response(ex, &run->room);

    if (rc == -EAGAIN)
        return GW_WAIT;
    ex->on_source_ready = NULL;
    if (rc != 0)
        return give_up_collecting(ex, rc);
    ex->response.source = NULL;
    ex->response.source_self = NULL;
    ex->response.body = gw_str_from(run->room.bytes, run->room.len);
    return run->then(run->chain->links[run->at].self, ex);
}

static void on_source_ready(struct gw_exchange *ex)
{
    enum gw_verdict verdict = collect_response(ex);

    if (verdict != GW_WAIT)
        gw_exchange_resume(ex, verdict);
}

static enum gw_verdict collect(struct gw_exchange *ex, struct gw_response_room room,
                               enum gw_verdict (*then)(void *self, struct gw_exchange *ex))
{
    struct gw_chain_run *run = ex->chain_run;

    if (ex->response.source == NULL)
        return then(run->chain->links[run->at].self, ex);
    run->then = then;
    run->room = room;
    if (ex->response.body_bytes > 0 && (uint64_t)ex->response.body_bytes > room.max_bytes)
        return give_up_collecting(ex, -EMSGSIZE);
    ex->on_source_ready = on_source_ready;
    return collect_response(ex);
}

enum gw_verdict gw_exchange_need_response_body(struct gw_exchange *ex, size_t max_bytes,
                                               enum gw_verdict (*then)(void *self,
                                                                       struct gw_exchange *ex))
{
    return collect(ex, (struct gw_response_room){.max_bytes = max_bytes}, then);
}

enum gw_verdict gw_exchange_try_response_body(struct gw_exchange *ex, size_t max_bytes,
                                              enum gw_verdict (*then)(void *self,
                                                                      struct gw_exchange *ex))
{
    return collect(ex, (struct gw_response_room){.max_bytes = max_bytes, .may_stay_streamed = true},
                   then);
}

void gw_exchange_on_cancel(struct gw_exchange *ex,
                           void (*cancel)(void *self, struct gw_exchange *ex))
{
    struct gw_chain_run *run = ex->chain_run;

    ex->cancel = cancel;
    ex->cancel_self = run->chain->links[run->at].self;
}

void **gw_exchange_slot(struct gw_exchange *ex, const void *self)
{
    struct gw_chain_run *run = ex->chain_run;

    for (size_t i = 0; i < run->chain->count; i++) {
        if (run->chain->links[i].self == self)
            return &run->slots[i];
    }
    assert(false && "a filter asks for the slot of another chain");
    return &run->slots[0];
}

/* --- taps --- */

static int add_tap(struct gw_exchange *ex, struct tap **list, gw_exchange_tap_fn *fn, void *self)
{
    struct tap *tap = gw_arena_alloc(&ex->arena, sizeof(*tap));

    if (tap == NULL)
        return -ENOMEM;
    *tap = (struct tap){.fn = fn, .self = self};
    while (*list != NULL)
        list = &(*list)->next;
    *list = tap;
    return 0;
}

int gw_exchange_tap_request(struct gw_exchange *ex, gw_exchange_tap_fn *fn, void *self)
{
    return add_tap(ex, &ex->chain_run->request_taps, fn, self);
}

int gw_exchange_tap_response(struct gw_exchange *ex, gw_exchange_tap_fn *fn, void *self)
{
    return add_tap(ex, &ex->chain_run->response_taps, fn, self);
}

static void call_taps(struct gw_exchange *ex, struct tap *tap, struct gw_str bytes)
{
    for (; tap != NULL; tap = tap->next)
        tap->fn(tap->self, ex, bytes);
}

void gw_chain_tap_request(struct gw_exchange *ex, struct gw_str bytes)
{
    if (ex->chain_run != NULL)
        call_taps(ex, ex->chain_run->request_taps, bytes);
}

void gw_chain_tap_response(struct gw_exchange *ex, struct gw_str bytes)
{
    if (ex->chain_run != NULL)
        call_taps(ex, ex->chain_run->response_taps, bytes);
}

bool gw_chain_is_tapped(const struct gw_exchange *ex)
{
    const struct gw_chain_run *run = ex->chain_run;

    return run != NULL && (run->request_taps != NULL || run->response_taps != NULL);
}
