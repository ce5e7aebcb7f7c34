/* A listener and the other clients: they leave, are slow, are many, are malformed; and its end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/support/listener_rig.h"

/* --- clients that leave --- */

static bool is_cancelled(void)
{
    return rig_cancelled > 0;
}

static void a_client_that_leaves_is_noticed(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_send_text(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_turn_until(rig_has_begun);
    close(fd);
    rig_turn_until(is_cancelled);
    rig_turn_until(rig_is_empty);
    assert_int_equal(rig_finished, 1);
    assert_int_equal(rig_gone, 1);
}

static void a_client_that_leaves_in_mid_upload_is_noticed(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc");
    rig_turn_until(rig_has_begun);
    close(fd);
    rig_turn_until(rig_is_empty);
    assert_int_equal(rig_finished, 1);
    assert_int_equal(rig_gone, 1);
}

static void a_client_that_leaves_in_mid_stream_is_noticed(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_source_left = 10;
    rig_source_burst = 5;
    rig_send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_turn_until(rig_has_streaming);
    close(fd);
    rig_turn_until(rig_is_empty);
    assert_int_equal(rig_gone, 1);
}

/* --- deadlines --- */

static void assert_closed_by_deadline(int fd)
{
    rig_forget_answer();
    rig_read_until(fd, NULL);
    assert_true(rig_got.is_closed);
    close(fd);
    rig_turn_until(rig_is_empty);
}

static void a_slow_head_is_cut(void **state)
{
    (void)state;
    rig_config.head_timeout_ns = 100 * GW_NS_PER_MS;
    rig_start();
    int fd = rig_dial();
    rig_send_text(fd, "GET / HTTP/1.1\r\nHost:");
    assert_closed_by_deadline(fd);
    assert_closed_by_deadline(rig_dial()); /* not a byte */
    assert_int_equal(rig_begun, 0);
}

static void an_idle_connection_is_closed(void **state)
{
    (void)state;
    rig_config.idle_timeout_ns = 100 * GW_NS_PER_MS;
    rig_start();
    int fd = rig_dial();
    rig_exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    assert_closed_by_deadline(fd);
}

static void a_slow_upload_is_cut(void **state)
{
    (void)state;
    rig_config.min_body_rate = 100;
    rig_start();
    int fd = rig_dial();
    rig_send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\nabc");
    assert_closed_by_deadline(fd);
    assert_int_equal(rig_gone, 1);
}

static void a_reader_that_takes_nothing_is_cut(void **state)
{
    (void)state;
    rig_config.write_timeout_ns = 200 * GW_NS_PER_MS;
    rig_start();
    int fd = rig_dial();
    rig_source_left = rig_source_burst = (size_t)64 << 20;
    rig_send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_turn_until(rig_has_streaming);
    rig_turn_until(rig_all_finished);
    assert_int_equal(rig_gone, 1);
    close(fd);
    rig_turn_until(rig_is_empty);
}

static void a_source_that_waits_is_no_slow_reader(void **state)
{
    (void)state;
    rig_config.write_timeout_ns = 60 * GW_NS_PER_MS;
    rig_start();
    int fd = rig_dial();
    rig_source_left = 2;
    rig_source_burst = 1;
    rig_forget_answer();
    rig_send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_turn_until(rig_has_streaming);
    uint64_t until_ns = gw_clock_monotonic_ns() + 300 * GW_NS_PER_MS;
    while (gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(rig_loop, 5);
    assert_non_null(rig_streaming);
    rig_source_burst = 1;
    gw_exchange_source_ready(rig_streaming);
    rig_read_until(fd, rig_has_answer);
    close(fd);
}

static void an_answered_upload_that_stops_is_cut(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_sink_room = 1000;
    rig_send_text(fd, "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\nabc");
    rig_turn_until(rig_has_begun);
    for (int i = 0; i < 10; i++)
        gw_loop_turn(rig_loop, 2);
    rig_answer(rig_held[0], GW_STR("early")); /* and the client sends no further byte */
    assert_closed_by_deadline(fd);
}

/* --- many --- */

static bool are_held(void)
{
    return rig_held_count == 250;
}

static bool are_finished(void)
{
    return rig_finished == 250;
}

static void many_may_wait_at_once(void **state)
{
    (void)state;
    static int fds[250];
    struct gw_listener_stats stats;

    rig_start();
    for (size_t i = 0; i < 250; i++) {
        fds[i] = rig_dial();
        rig_send_text(fds[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    rig_turn_until(are_held);
    gw_loop_turn(rig_loop, 20);
    gw_loop_turn(rig_loop, 20);
    gw_listener_get_stats(rig_listener, &stats);
    assert_int_equal(stats.exchanges, 250);
    assert_true(stats.suspended >= 150);
    assert_int_equal(stats.suspended + stats.waiting, 250);
    rig_release_held();
    rig_turn_until(are_finished);
    gw_listener_get_stats(rig_listener, &stats);
    assert_int_equal(stats.suspended + stats.waiting + stats.exchanges, 0);
    for (size_t i = 0; i < 250; i++) {
        rig_forget_answer();
        rig_read_until(fds[i], rig_has_answer);
        rig_assert_status("200");
        close(fds[i]);
    }
    rig_turn_until(rig_is_empty);
    assert_int_equal(rig_gone, 0);
}

static bool are_two(void)
{
    return rig_held_count == 2;
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct gw_listener_stats stats;

    rig_config.max_connections = 2;
    rig_start();
    int fds[3] = {rig_dial(), rig_dial(), rig_dial()};
    for (int i = 0; i < 3; i++)
        rig_send_text(fds[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_turn_until(are_two);
    for (int i = 0; i < 20; i++)
        gw_loop_turn(rig_loop, 2);
    gw_listener_get_stats(rig_listener, &stats);
    assert_int_equal(stats.connections, 2);
    assert_int_equal(rig_held_count, 2);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    rig_turn_until(rig_is_empty);
}

static void exchanges_are_bounded(void **state)
{
    (void)state;
    rig_pool.max_count = 1;
    rig_start();
    int fd = rig_dial();
    rig_send_text(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_turn_until(rig_has_begun);
    int other = rig_dial();
    rig_forget_answer();
    rig_send_text(other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_read_until(other, NULL);
    assert_int_equal(rig_got.len, 0);
    rig_release_held();
    rig_forget_answer();
    rig_read_until(fd, rig_has_answer);
    rig_assert_status("200");
    close(fd);
    close(other);
}

/* --- malformed --- */

static void malformed_heads_are_refused(void **state)
{
    (void)state;
    static const struct gw_str requests[] = {
        GW_STR_INIT("GET / HTTP/1.1\nHost: a\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: b\n\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n two\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\0002\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        GW_STR_INIT("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                    "Content-Length: 3\r\n\r\nabc"),
        GW_STR_INIT("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
        GW_STR_INIT("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n"
                    "\r\n0\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.9\r\nHost: a\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX(A): 1\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"),
        GW_STR_INIT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        GW_STR_INIT("GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    rig_start();
    for (size_t i = 0; i < GW_COUNT_OF(requests); i++) {
        int fd = rig_dial();
        rig_forget_answer();
        rig_send_bytes(fd, requests[i]);
        rig_read_until(fd, NULL);
        if (strncmp(rig_got.text, "HTTP/1.1 400", 12) != 0)
            print_error("%zu: %.200s\n", i, rig_got.text);
        rig_assert_status("400");
        close(fd);
    }
    assert_int_equal(rig_begun, 0);
}

/* --- the end --- */

static void draining_lets_requests_end(void **state)
{
    (void)state;
    rig_start();
    int idle = rig_dial();
    rig_exchange_text(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    int busy = rig_dial();
    rig_send_text(busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    int queued = rig_dial(); /* connected, but not yet accepted and without its request */
    gw_listener_drain(rig_listener);
    gw_listener_drain(rig_listener);
    rig_forget_answer();
    rig_read_until(idle, NULL);
    rig_exchange_text(queued, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    assert_non_null(strstr(rig_got.text, "Connection: close"));
    assert_false(gw_listener_is_empty(rig_listener));
    rig_release_held();
    rig_forget_answer();
    rig_read_until(busy, rig_has_answer);
    rig_assert_status("200");
    assert_non_null(strstr(rig_got.text, "Connection: close"));
    close(idle);
    close(busy);
    close(queued);
    rig_turn_until(rig_is_empty);
    assert_int_equal(rig_gone, 0);
}

static void destroying_ends_every_phase(void **state)
{
    (void)state;
    rig_start();
    static const char *const requests[] = {
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /hold HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc",
        "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nabc",
        "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc",
    };
    int fds[GW_COUNT_OF(requests)];
    rig_source_left = 10;
    rig_source_burst = 5;
    for (size_t i = 0; i < GW_COUNT_OF(requests); i++) {
        fds[i] = rig_dial();
        rig_send_text(fds[i], requests[i]);
    }
    for (int i = 0; i < 20; i++)
        gw_loop_turn(rig_loop, 2);
    assert_int_equal(rig_begun, 7);
    gw_listener_destroy(rig_listener);
    rig_listener = NULL;
    assert_int_equal(rig_finished, 7);
    for (size_t i = 0; i < GW_COUNT_OF(requests); i++)
        close(fds[i]);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_client_that_leaves_is_noticed),
        T(a_client_that_leaves_in_mid_upload_is_noticed),
        T(a_client_that_leaves_in_mid_stream_is_noticed),
        T(a_slow_head_is_cut),
        T(an_idle_connection_is_closed),
        T(a_slow_upload_is_cut),
        T(a_reader_that_takes_nothing_is_cut),
        T(a_source_that_waits_is_no_slow_reader),
        T(an_answered_upload_that_stops_is_cut),
        T(many_may_wait_at_once),
        T(connections_are_bounded),
        T(exchanges_are_bounded),
        T(malformed_heads_are_refused),
        T(draining_lets_requests_end),
        T(destroying_ends_every_phase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
