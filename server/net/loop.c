#include "server/net/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#include "server/core/clock.h"
#include "server/net/loop_uv.h"
#include "server/net/timer_wheel.h"

struct gw_loop {
    uv_loop_t uv;
    uint64_t now_ns;
    bool is_now_fresh; /* now_ns was read in this turn */

    uv_timer_t alarm;      /* wakes the loop for the wheel */
    uint64_t alarm_ms;     /* what it is set to; UINT64_MAX: not set; 0: it has just gone off */
    uv_timer_t turn_limit; /* for gw_loop_turn() */
    struct gw_timer_wheel wheel;

    struct gw_list soon;

    uv_check_t turn_end;
    struct gw_list checks;
    struct gw_list *next_check; /* while the hooks run: the one to go on with */
    unsigned requests;          /* libuv's own, still under way */
};

/* Any callback out of libuv begins with this: the first one after the wait reads the clock. */
static void refresh_now(struct gw_loop *loop)
{
    if (loop->is_now_fresh)
        return;
    loop->now_ns = gw_clock_monotonic_ns();
    loop->is_now_fresh = true;
}

/* Outside of a turn (at start, between two turns of a test) the last reading may be long ago. */
uint64_t gw_loop_now_ns(const struct gw_loop *loop)
{
    return loop->is_now_fresh ? loop->now_ns : gw_clock_monotonic_ns();
}

/* --- timers --- */

static void end_turn(struct gw_loop *loop);

static void on_alarm(uv_timer_t *alarm)
{
    struct gw_loop *loop = alarm->data;

    /* Past, not "not set": what the timers start must not set it over what waits already. */
    loop->alarm_ms = 0;
    loop->is_now_fresh = false;
    end_turn(loop); /* libuv calls timers before it waits: nothing may be left to be sent */
}

/* The wheel's scale is libuv's: whole milliseconds of CLOCK_MONOTONIC. */
static void set_alarm(struct gw_loop *loop, uint64_t due_ms)
{
    uint64_t uv_now_ms = uv_now(&loop->uv);
    uint64_t wait_ms = due_ms > uv_now_ms ? due_ms - uv_now_ms : 1;

    loop->alarm_ms = due_ms;
    uv_timer_start(&loop->alarm, on_alarm, wait_ms, 0);
}

void gw_timer_start(struct gw_loop *loop, struct gw_timer *timer, uint64_t after_ns,
                    void (*fn)(struct gw_timer *timer))
{
    uint64_t due_ns = gw_loop_now_ns(loop) + after_ns;

    if (due_ns < after_ns || due_ns > UINT64_MAX - GW_NS_PER_MS)
        due_ns = UINT64_MAX - GW_NS_PER_MS;
    timer->fn = fn;
    gw_timer_wheel_add(&loop->wheel, timer, (due_ns + GW_NS_PER_MS - 1) / GW_NS_PER_MS);
    if (timer->due_ms < loop->alarm_ms)
        set_alarm(loop, timer->due_ms);
}

void gw_timer_stop(struct gw_timer *timer)
{
    gw_list_remove(&timer->node);
    timer->due_ms = 0;
}

/* --- soon --- */

#define MAX_ROUNDS 16 /* of one turn: what goes on for longer waits for the next one, 1 ms */

void gw_loop_soon(struct gw_loop *loop, struct gw_soon *soon, void (*fn)(struct gw_soon *soon))
{
    soon->fn = fn;
    if (gw_list_is_linked(&soon->node))
        return;
    gw_list_append(&loop->soon, &soon->node);
    if (!loop->is_now_fresh) /* outside of a turn: the next wait must be a short one */
        set_alarm(loop, 0);
}

void gw_soon_stop(struct gw_soon *soon)
{
    gw_list_remove(&soon->node);
}

/* Those that are due now; what they make due has the next round. */
static void run_soon(struct gw_loop *loop)
{
    struct gw_list due;

    gw_list_init(&due);
    for (struct gw_list *node; (node = gw_list_take(&loop->soon)) != NULL;)
        gw_list_append(&due, node);
    for (struct gw_list *node; (node = gw_list_take(&due)) != NULL;) {
        struct gw_soon *soon = GW_LIST_ITEM(node, struct gw_soon, node);
        soon->fn(soon);
    }
}

/* --- the turn --- */

struct gw_check {
    struct gw_list node;
    struct gw_loop *loop;
    void (*fn)(void *self);
    void *self;
};

static void run_checks(struct gw_loop *loop)
{
    loop->next_check = loop->checks.next;
    while (loop->next_check != &loop->checks) {
        struct gw_check *check = GW_LIST_ITEM(loop->next_check, struct gw_check, node);

        loop->next_check = check->node.next;
        check->fn(check->self);
    }
    loop->next_check = NULL;
}

static void end_turn(struct gw_loop *loop)
{
    refresh_now(loop);
    gw_timer_wheel_advance(&loop->wheel, loop->now_ns / GW_NS_PER_MS);
    unsigned rounds = 0;
    do {
        run_soon(loop);
        run_checks(loop); /* hooks send what was made, and make something due in their turn */
    } while (!gw_list_is_empty(&loop->soon) && ++rounds < MAX_ROUNDS);

    if (!gw_list_is_empty(&loop->soon)) {
        set_alarm(loop, 0);
    } else if (loop->alarm_ms <= loop->wheel.now_ms || loop->alarm_ms == UINT64_MAX) {
        uint64_t next_ms = gw_timer_wheel_next_ms(&loop->wheel);

        if (next_ms != UINT64_MAX) {
            set_alarm(loop, next_ms);
        } else {
            loop->alarm_ms = UINT64_MAX;
            uv_timer_stop(&loop->alarm);
        }
    }
    loop->is_now_fresh = false; /* the next thing is the wait */
}

static void on_turn_end(uv_check_t *turn_end)
{
    end_turn(turn_end->data);
}

int gw_check_create(struct gw_loop *loop, void (*fn)(void *self), void *self,
                    struct gw_check **out_check)
{
    struct gw_check *check = calloc(1, sizeof(*check));

    if (check == NULL)
        return -ENOMEM;
    *check = (struct gw_check){.loop = loop, .fn = fn, .self = self};
    gw_list_append(&loop->checks, &check->node);
    *out_check = check;
    return 0;
}

void gw_check_destroy(struct gw_check *check)
{
    if (check == NULL)
        return;
    if (check->loop->next_check == &check->node)
        check->loop->next_check = check->node.next;
    gw_list_remove(&check->node);
    free(check);
}

/* --- the loop itself --- */

int gw_loop_create(struct gw_loop **out_loop, struct gw_error *error)
{
    struct gw_loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for an event loop");
    int status = uv_loop_init(&loop->uv);
    if (status != 0) {
        free(loop);
        return gw_error_set(error, status, "cannot start an event loop: %s", uv_strerror(status));
    }
    loop->uv.data = loop;
    uv_timer_init(&loop->uv, &loop->alarm);
    uv_timer_init(&loop->uv, &loop->turn_limit);
    uv_check_init(&loop->uv, &loop->turn_end);
    uv_check_start(&loop->turn_end, on_turn_end);
    loop->alarm.data = loop->turn_end.data = loop;
    loop->alarm_ms = UINT64_MAX;
    gw_list_init(&loop->checks);
    gw_list_init(&loop->soon);
    loop->now_ns = gw_clock_monotonic_ns();
    gw_timer_wheel_init(&loop->wheel, loop->now_ns / GW_NS_PER_MS);
    *out_loop = loop;
    return 0;
}

void gw_loop_destroy(struct gw_loop *loop)
{
    if (loop == NULL)
        return;
    while (loop->requests > 0)
        uv_run(&loop->uv, UV_RUN_ONCE);
    assert(gw_list_is_empty(&loop->checks));
    assert(gw_list_is_empty(&loop->soon));
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->turn_limit, NULL);
    uv_close((uv_handle_t *)&loop->turn_end, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    int status = uv_loop_close(&loop->uv);
    assert(status == 0 && "a poll, async or signal outlives its loop");
    (void)status;
    free(loop);
}

void gw_loop_run(struct gw_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void gw_loop_stop(struct gw_loop *loop)
{
    uv_stop(&loop->uv);
}

static void on_turn_limit(uv_timer_t *turn_limit)
{
    (void)turn_limit;
}

void gw_loop_turn(struct gw_loop *loop, unsigned wait_ms)
{
    if (wait_ms == 0) {
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        return;
    }
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->turn_limit, on_turn_limit, wait_ms, 0);
    uv_run(&loop->uv, UV_RUN_ONCE);
    uv_timer_stop(&loop->turn_limit);
}

struct uv_loop_s *gw_loop_uv(struct gw_loop *loop)
{
    return &loop->uv;
}

void gw_loop_request_begins(struct gw_loop *loop)
{
    loop->requests++;
}

void gw_loop_request_ends(struct gw_loop *loop)
{
    loop->requests--;
    refresh_now(loop);
}

/* --- file descriptors --- */

struct gw_poll {
    uv_poll_t uv;
    gw_poll_fn *fn;
    void *self;
    int wanted;
    int armed; /* a superset of wanted: giving events up is put off until one of them comes */
};

static void free_handle(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_poll(uv_poll_t *uv, int status, int events);

static void arm(struct gw_poll *poll)
{
    poll->armed = poll->wanted;
    if (poll->armed != 0)
        uv_poll_start(&poll->uv, poll->armed, on_poll);
    else
        uv_poll_stop(&poll->uv);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct gw_poll *poll = uv->data;

    refresh_now(GW_CONTAINER_OF(uv->loop, struct gw_loop, uv));
    if (status < 0) { /* libuv has stopped it */
        events = poll->wanted;
        arm(poll);
    }
    if ((events & ~poll->wanted) != 0)
        arm(poll);
    if ((events & poll->wanted) != 0)
        poll->fn(poll->self, events & poll->wanted);
}

int gw_poll_create(struct gw_loop *loop, int fd, gw_poll_fn *fn, void *self,
                   struct gw_poll **out_poll)
{
    struct gw_poll *poll = calloc(1, sizeof(*poll));

    if (poll == NULL)
        return -ENOMEM;
    int status = uv_poll_init(&loop->uv, &poll->uv, fd);
    if (status != 0) {
        free(poll);
        return status;
    }
    poll->uv.data = poll;
    poll->fn = fn;
    poll->self = self;
    *out_poll = poll;
    return 0;
}

void gw_poll_set(struct gw_poll *poll, int events)
{
    poll->wanted = events;
    if ((events & ~poll->armed) != 0)
        arm(poll);
}

void gw_poll_destroy(struct gw_poll *poll)
{
    if (poll != NULL)
        uv_close((uv_handle_t *)&poll->uv, free_handle);
}

/* --- wake-ups and signals --- */

struct gw_async {
    uv_async_t uv;
    void (*fn)(void *self);
    void *self;
};

static void on_async(uv_async_t *uv)
{
    struct gw_async *async = uv->data;

    refresh_now(GW_CONTAINER_OF(uv->loop, struct gw_loop, uv));
    async->fn(async->self);
}

int gw_async_create(struct gw_loop *loop, void (*fn)(void *self), void *self,
                    struct gw_async **out_async)
{
    struct gw_async *async = calloc(1, sizeof(*async));

    if (async == NULL)
        return -ENOMEM;
    int status = uv_async_init(&loop->uv, &async->uv, on_async);
    if (status != 0) {
        free(async);
        return status;
    }
    async->uv.data = async;
    async->fn = fn;
    async->self = self;
    *out_async = async;
    return 0;
}

void gw_async_send(struct gw_async *async)
{
    uv_async_send(&async->uv);
}

void gw_async_destroy(struct gw_async *async)
{
    if (async != NULL)
        uv_close((uv_handle_t *)&async->uv, free_handle);
}

struct gw_signal {
    uv_signal_t uv;
    void (*fn)(void *self, int number);
    void *self;
};

static void on_signal(uv_signal_t *uv, int number)
{
    struct gw_signal *signal = uv->data;

    refresh_now(GW_CONTAINER_OF(uv->loop, struct gw_loop, uv));
    signal->fn(signal->self, number);
}

int gw_signal_create(struct gw_loop *loop, int number, void (*fn)(void *self, int number),
                     void *self, struct gw_signal **out_signal)
{
    struct gw_signal *signal = calloc(1, sizeof(*signal));

    if (signal == NULL)
        return -ENOMEM;
    uv_signal_init(&loop->uv, &signal->uv);
    signal->uv.data = signal;
    signal->fn = fn;
    signal->self = self;
    int status = uv_signal_start(&signal->uv, on_signal, number);
    if (status != 0) {
        gw_signal_destroy(signal);
        return status;
    }
    *out_signal = signal;
    return 0;
}

void gw_signal_destroy(struct gw_signal *signal)
{
    if (signal != NULL)
        uv_close((uv_handle_t *)&signal->uv, free_handle);
}

/* --- other threads' work --- */

struct offload {
    uv_work_t uv;
    void (*work)(void *self);
    void (*done)(void *self);
    void *self;
};

static void on_work(uv_work_t *uv)
{
    struct offload *offload = uv->data;

    offload->work(offload->self);
}

static void on_work_done(uv_work_t *uv, int status)
{
    struct offload *offload = uv->data;

    (void)status; /* never cancelled */
    gw_loop_request_ends(GW_CONTAINER_OF(uv->loop, struct gw_loop, uv));
    offload->done(offload->self);
    free(offload);
}

int gw_loop_offload(struct gw_loop *loop, void (*work)(void *self), void (*done)(void *self),
                    void *self)
{
    struct offload *offload = calloc(1, sizeof(*offload));

    if (offload == NULL)
        return -ENOMEM;
    *offload = (struct offload){.work = work, .done = done, .self = self};
    offload->uv.data = offload;
    int status = uv_queue_work(&loop->uv, &offload->uv, on_work, on_work_done);
    if (status != 0) {
        free(offload);
        return status;
    }
    gw_loop_request_begins(loop);
    return 0;
}
