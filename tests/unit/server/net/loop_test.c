#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/net/loop.h"

#define MAX_TURNS 1000

static int set_up(void **state)
{
    struct gw_error error;

    return gw_loop_create((struct gw_loop **)state, &error);
}

static int tear_down(void **state)
{
    gw_loop_destroy(*state);
    return 0;
}

struct alarm {
    struct gw_timer timer;
    struct gw_loop *loop;
    unsigned calls;
    uint64_t called_ns;
};

static void on_alarm(struct gw_timer *timer)
{
    struct alarm *alarm = GW_CONTAINER_OF(timer, struct alarm, timer);

    alarm->calls++;
    alarm->called_ns = gw_loop_now_ns(alarm->loop);
}

static void test_timer_is_not_early(void **state)
{
    struct gw_loop *loop = *state;
    struct alarm alarm = {.loop = loop};
    uint64_t begun_ns = gw_loop_now_ns(loop);

    gw_timer_start(loop, &alarm.timer, 12 * GW_NS_PER_MS, on_alarm);
    for (int turn = 0; alarm.calls == 0 && turn < MAX_TURNS; turn++)
        gw_loop_turn(loop, 1000);
    assert_int_equal(alarm.calls, 1);
    assert_true(alarm.called_ns - begun_ns >= 12 * GW_NS_PER_MS);
}

static void test_earlier_timer_moves_the_alarm(void **state)
{
    struct gw_loop *loop = *state;
    struct alarm late = {.loop = loop}, soon = {.loop = loop}, stopped = {.loop = loop};

    gw_timer_start(loop, &late.timer, 3600 * GW_NS_PER_SECOND, on_alarm);
    gw_timer_start(loop, &soon.timer, 5 * GW_NS_PER_MS, on_alarm);
    gw_timer_start(loop, &stopped.timer, 1 * GW_NS_PER_MS, on_alarm);
    gw_timer_stop(&stopped.timer);
    for (int turn = 0; soon.calls == 0 && turn < MAX_TURNS; turn++)
        gw_loop_turn(loop, 10000);
    assert_int_equal(soon.calls, 1);
    assert_int_equal(late.calls, 0);
    assert_int_equal(stopped.calls, 0);
    gw_timer_stop(&late.timer);
    gw_timer_stop(&late.timer);
}

struct relay {
    struct alarm first, far;
};

static void start_far(struct gw_timer *timer)
{
    struct relay *relay = GW_CONTAINER_OF(timer, struct relay, first.timer);

    on_alarm(timer);
    gw_timer_start(relay->first.loop, &relay->far.timer, 3 * GW_NS_PER_SECOND, on_alarm);
}

/* What a timer starts when it goes off must not put off another one that waits already. */
static void test_timer_started_by_a_timer_puts_none_off(void **state)
{
    struct gw_loop *loop = *state;
    struct relay relay = {.first = {.loop = loop}, .far = {.loop = loop}};
    struct alarm near = {.loop = loop};

    gw_timer_start(loop, &relay.first.timer, 2 * GW_NS_PER_MS, start_far);
    gw_timer_start(loop, &near.timer, 100 * GW_NS_PER_MS, on_alarm);
    usleep(10000); /* so that the first is due before the loop waits */
    for (int turn = 0; near.calls == 0 && turn < MAX_TURNS; turn++)
        gw_loop_turn(loop, 60000);
    assert_int_equal(relay.first.calls, 1);
    assert_int_equal(near.calls, 1);
    assert_int_equal(relay.far.calls, 0);
    gw_timer_stop(&relay.far.timer);
}

struct endpoint {
    struct gw_poll *poll;
    int fd;
    int last_events;
    unsigned calls;
};

static void on_endpoint(void *self, int events)
{
    struct endpoint *endpoint = self;

    endpoint->last_events = events;
    endpoint->calls++;
}

static void test_poll_gives_only_what_is_asked(void **state)
{
    struct gw_loop *loop = *state;
    struct endpoint near = {0};
    int pair[2];
    char byte;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    near.fd = pair[0];
    assert_int_equal(gw_poll_create(loop, pair[0], on_endpoint, &near, &near.poll), 0);

    gw_poll_set(near.poll, GW_POLL_READ | GW_POLL_WRITE);
    gw_loop_turn(loop, 100);
    assert_int_equal(near.last_events, GW_POLL_WRITE);

    gw_poll_set(near.poll, GW_POLL_READ);
    near.calls = 0;
    gw_loop_turn(loop, 1);
    gw_loop_turn(loop, 1);
    assert_int_equal(near.calls, 0);

    assert_int_equal(write(pair[1], "x", 1), 1);
    gw_loop_turn(loop, 100);
    assert_int_equal(near.last_events, GW_POLL_READ);
    gw_loop_turn(loop, 100); /* level-triggered */
    assert_int_equal(near.calls, 2);

    gw_poll_set(near.poll, 0);
    gw_loop_turn(loop, 1);
    gw_loop_turn(loop, 1);
    assert_int_equal(near.calls, 2);

    assert_int_equal(read(pair[0], &byte, 1), 1);
    gw_poll_set(near.poll, GW_POLL_READ | GW_POLL_HANGUP);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    gw_loop_turn(loop, 100);
    assert_true((near.last_events & GW_POLL_HANGUP) != 0);

    gw_poll_destroy(near.poll);
    close(pair[0]);
    close(pair[1]);
}

struct hook {
    struct gw_check *check;
    struct hook *victim;
    char *trace;
    char letter;
};

static void on_hook(void *self)
{
    struct hook *hook = self;

    hook->trace[strlen(hook->trace)] = hook->letter;
    if (hook->victim != NULL) {
        gw_check_destroy(hook->victim->check);
        hook->victim->check = NULL;
        hook->victim = NULL;
    }
}

static void test_checks_run_in_order_and_may_vanish(void **state)
{
    struct gw_loop *loop = *state;
    char trace[64] = "";
    struct hook hooks[3];

    for (int i = 0; i < 3; i++) {
        hooks[i] = (struct hook){.trace = trace, .letter = (char)('a' + i)};
        assert_int_equal(gw_check_create(loop, on_hook, &hooks[i], &hooks[i].check), 0);
    }
    gw_loop_turn(loop, 0);
    assert_string_equal(trace, "abc");
    hooks[0].victim = &hooks[1];
    gw_loop_turn(loop, 0);
    assert_string_equal(trace, "abcac");
    hooks[2].victim = &hooks[2];
    gw_loop_turn(loop, 0);
    gw_loop_turn(loop, 0);
    assert_string_equal(trace, "abcacaca");
    gw_check_destroy(hooks[0].check);
}

static void test_check_follows_timer_without_waiting(void **state)
{
    struct gw_loop *loop = *state;
    char trace[256] = "";
    struct hook hook = {.trace = trace, .letter = 'x'};
    struct alarm alarm = {.loop = loop};

    assert_int_equal(gw_check_create(loop, on_hook, &hook, &hook.check), 0);
    gw_timer_start(loop, &alarm.timer, 3 * GW_NS_PER_MS, on_alarm);
    for (int turn = 0; alarm.calls == 0 && turn < MAX_TURNS; turn++) {
        trace[0] = '\0';
        memset(trace, 0, sizeof(trace));
        gw_loop_turn(loop, 1000);
    }
    assert_true(strlen(trace) >= 1); /* the turn that called the timer ran the hook too */
    gw_check_destroy(hook.check);
}

static void on_wake(void *self)
{
    ++*(unsigned *)self;
}

static void *send_wake(void *async)
{
    gw_async_send(async);
    return NULL;
}

static void test_async_from_a_thread(void **state)
{
    struct gw_loop *loop = *state;
    struct gw_async *async;
    unsigned wakes = 0;
    pthread_t thread;

    assert_int_equal(gw_async_create(loop, on_wake, &wakes, &async), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_wake, async), 0);
    for (int turn = 0; wakes == 0 && turn < MAX_TURNS; turn++)
        gw_loop_turn(loop, 1000);
    pthread_join(thread, NULL);
    assert_true(wakes >= 1);
    gw_async_destroy(async);
}

static void on_number(void *self, int number)
{
    *(int *)self = number;
}

static void test_signal(void **state)
{
    struct gw_loop *loop = *state;
    struct gw_signal *watch;
    int seen = 0;

    assert_int_equal(gw_signal_create(loop, SIGUSR1, on_number, &seen, &watch), 0);
    raise(SIGUSR1);
    for (int turn = 0; seen == 0 && turn < MAX_TURNS; turn++)
        gw_loop_turn(loop, 1000);
    assert_int_equal(seen, SIGUSR1);
    gw_signal_destroy(watch);
}

struct job {
    pthread_t worker;
    unsigned done;
};

static void job_work(void *self)
{
    ((struct job *)self)->worker = pthread_self();
}

static void job_done(void *self)
{
    ((struct job *)self)->done++;
}

static void test_offload(void **state)
{
    struct gw_loop *loop = *state;
    struct job job = {0}, unawaited = {0};

    assert_int_equal(gw_loop_offload(loop, job_work, job_done, &job), 0);
    for (int turn = 0; job.done == 0 && turn < MAX_TURNS; turn++)
        gw_loop_turn(loop, 1000);
    assert_int_equal(job.done, 1);
    assert_false(pthread_equal(job.worker, pthread_self()));

    assert_int_equal(gw_loop_offload(loop, job_work, job_done, &unawaited), 0);
    gw_loop_destroy(loop);
    assert_int_equal(unawaited.done, 1); /* destroy waits for what is under way */
    *state = NULL;
}

static void stop_loop(struct gw_timer *timer)
{
    struct alarm *alarm = GW_CONTAINER_OF(timer, struct alarm, timer);

    alarm->calls++;
    gw_loop_stop(alarm->loop);
}

static void test_run_until_stopped(void **state)
{
    struct alarm alarm = {.loop = *state};

    gw_timer_start(*state, &alarm.timer, 2 * GW_NS_PER_MS, stop_loop);
    gw_loop_run(*state);
    assert_int_equal(alarm.calls, 1);
}

struct echo {
    struct gw_soon soon;
    struct gw_loop *loop;
    unsigned calls, wanted, checks, checks_at_call;
};

static void on_soon(struct gw_soon *soon)
{
    struct echo *echo = GW_CONTAINER_OF(soon, struct echo, soon);

    echo->checks_at_call = echo->checks;
    if (++echo->calls < echo->wanted)
        gw_loop_soon(echo->loop, soon, on_soon);
}

static void count_check(void *self)
{
    ((struct echo *)self)->checks++;
}

static void test_soon_is_before_the_wait_and_the_last_check(void **state)
{
    struct gw_loop *loop = *state;
    struct echo echo = {.loop = loop, .wanted = 3};
    struct gw_check *check;

    assert_int_equal(gw_check_create(loop, count_check, &echo, &check), 0);
    gw_loop_soon(loop, &echo.soon, on_soon);
    gw_loop_soon(loop, &echo.soon, on_soon); /* it is due already */
    uint64_t begun_ns = gw_clock_monotonic_ns();
    for (int turn = 0; echo.calls == 0 && turn < MAX_TURNS; turn++)
        gw_loop_turn(loop, 10000);
    assert_int_equal(echo.calls, 3); /* what it made due has no turn to wait for */
    assert_true(gw_clock_monotonic_ns() - begun_ns < 5 * GW_NS_PER_SECOND);
    assert_true(echo.checks > echo.checks_at_call);

    echo.wanted = 1000; /* it goes on, with others having their turns */
    gw_loop_soon(loop, &echo.soon, on_soon);
    gw_loop_turn(loop, 10000);
    assert_true(echo.calls > 3 && echo.calls < 1000);
    for (int turn = 0; echo.calls < 1000 && turn < MAX_TURNS; turn++)
        gw_loop_turn(loop, 10000);
    assert_int_equal(echo.calls, 1000);

    gw_loop_soon(loop, &echo.soon, on_soon);
    gw_soon_stop(&echo.soon);
    gw_loop_turn(loop, 5);
    assert_int_equal(echo.calls, 1000);
    gw_check_destroy(check);
}

#define LOOP_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_timer_is_not_early),
        LOOP_TEST(test_earlier_timer_moves_the_alarm),
        LOOP_TEST(test_timer_started_by_a_timer_puts_none_off),
        LOOP_TEST(test_poll_gives_only_what_is_asked),
        LOOP_TEST(test_checks_run_in_order_and_may_vanish),
        LOOP_TEST(test_check_follows_timer_without_waiting),
        LOOP_TEST(test_soon_is_before_the_wait_and_the_last_check),
        LOOP_TEST(test_async_from_a_thread),
        LOOP_TEST(test_signal),
        LOOP_TEST(test_offload),
        LOOP_TEST(test_run_until_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
