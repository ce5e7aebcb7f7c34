/* A listener and well-meaning clients: framing, expectations, streams in both directions. */
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

/* --- plain --- */

static void requests_are_answered_on_one_connection(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    rig_assert_body("hello");
    rig_exchange_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "200");
    rig_assert_body("3:abc");
    rig_exchange_text(fd,
                      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nT: t\r\n\r\n",
                      "200");
    rig_assert_body("5:abcde");
    rig_exchange_text(fd, "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
                      "403");
    rig_exchange_text(fd, "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    rig_exchange_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "200");
    rig_assert_body("0:");
    assert_int_equal(rig_begun, 6);
    close(fd);
    rig_turn_until(rig_is_empty);
    assert_int_equal(rig_finished, 6);
    assert_int_equal(rig_gone, 0);
}

static bool has_head(void)
{
    return strstr(rig_got.text, "\r\n\r\n") != NULL;
}

static void a_head_has_no_body(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_forget_answer();
    rig_send_text(fd, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_read_until(fd, has_head);
    rig_assert_status("200");
    rig_assert_body("");
    assert_non_null(strstr(rig_got.text, "Content-Length: 5"));
    rig_exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    close(fd);
}

static bool has_three(void)
{
    const char *at = rig_got.text;
    for (int i = 0; i < 3; i++) {
        at = strstr(at, "hello");
        if (at == NULL)
            return false;
        at += 5;
    }
    return true;
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_forget_answer();
    rig_send_text(fd, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                      "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_read_until(fd, has_three);
    assert_int_equal(rig_begun, 3);
    close(fd);
}

static void large_bodies_come_through(void **state)
{
    (void)state;
    static char body[150000];
    rig_start();
    int fd = rig_dial();
    memset(body, 'b', sizeof(body));
    rig_forget_answer();
    rig_send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 150000\r\n\r\n");
    rig_send_bytes(fd, gw_str_from(body, sizeof(body)));
    rig_read_until(fd, rig_has_answer);
    rig_assert_status("200");
    rig_assert_body("150000:");
    rig_exchange_text(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789",
                      "413");
    rig_exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200"); /* small: drained and kept */
    close(fd);
}

/* --- Expect --- */

static bool has_continue(void)
{
    return strstr(rig_got.text, "HTTP/1.1 100") != NULL;
}

static void an_expectation_is_met_when_the_body_is_wanted(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_forget_answer();
    rig_send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                      "Content-Length: 3\r\n\r\n");
    rig_read_until(fd, has_continue);
    rig_exchange_text(fd, "abc", "200");
    rig_assert_body("3:abc");
    close(fd);
}

static void a_refusal_comes_before_the_body(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_exchange_text(fd,
                      "POST /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                      "Content-Length: 3\r\n\r\n",
                      "403");
    assert_null(strstr(rig_got.text, "HTTP/1.1 100"));
    rig_read_until(fd, NULL);
    assert_non_null(strstr(rig_got.text, "Connection: close"));
    close(fd);
}

/* --- streams --- */

static void a_slow_source_is_waited_for(void **state)
{
    (void)state;
    rig_start();
    int fd = rig_dial();
    rig_source_left = 6;
    rig_source_burst = 2;
    rig_forget_answer();
    rig_send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_turn_until(rig_has_streaming);
    for (int i = 0; i < 2; i++) {
        for (int turn = 0; turn < 10; turn++)
            gw_loop_turn(rig_loop, 2);
        rig_source_burst = 2;
        gw_exchange_source_ready(rig_streaming);
    }
    rig_read_until(fd, rig_has_answer);
    rig_assert_status("200");
    assert_int_equal(rig_got.is_closed, false);
    rig_exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    close(fd);
}

static void a_source_that_fails_closes_the_connection(void **state)
{
    (void)state;
    rig_start();
    for (int is_known = 0; is_known < 2; is_known++) {
        int fd = rig_dial();
        rig_source_left = rig_source_burst = 4;
        rig_source_end = -EPIPE;
        rig_forget_answer();
        rig_send_text(fd, is_known ? "GET /stream10 HTTP/1.1\r\nHost: a\r\n\r\n"
                                   : "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
        rig_read_until(fd, NULL);
        rig_assert_status("200");
        assert_null(strstr(strstr(rig_got.text, "ssss"), "0\r\n\r\n")); /* no clean end */
        close(fd);
    }
    rig_turn_until(rig_all_finished);
    assert_int_equal(rig_gone, 2);
}

static bool has_sunk(void)
{
    return rig_sink_got == 5 || rig_sink_room > 0;
}

static void a_full_sink_holds_up_the_client(void **state)
{
    (void)state;
    static char body[200000];
    rig_start();
    int fd = rig_dial();
    rig_sink_room = 5;
    rig_forget_answer();
    rig_send_text(fd, "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    rig_send_bytes(fd, gw_str_from(body, 60000));
    rig_turn_until(has_sunk);
    for (int i = 0; i < 10; i++)
        gw_loop_turn(rig_loop, 2);
    assert_int_equal(rig_sink_got, 5);
    rig_sink_room = 1000000;
    gw_exchange_sink_ready(rig_held[0]);
    rig_send_bytes(fd, gw_str_from(body, 140000));
    rig_read_until(fd, rig_has_answer);
    rig_assert_status("200");
    rig_assert_body("sunk");
    assert_int_equal(rig_sink_got, 200000);
    assert_true(rig_sink_ended);
    close(fd);
}

static void the_limit_ends_an_upload(void **state)
{
    (void)state;
    static char chunk[65536];
    rig_start();
    int fd = rig_dial();
    rig_sink_room = SIZE_MAX / 2;
    rig_forget_answer();
    rig_send_text(fd, "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 17; i++) {
        rig_send_text(fd, "10000\r\n");
        rig_send_bytes(fd, gw_str_from(chunk, sizeof(chunk)));
        rig_send_text(fd, "\r\n");
    }
    rig_send_text(fd, "0\r\n\r\n");
    rig_read_until(fd, rig_has_answer);
    rig_assert_status("413");
    assert_false(rig_sink_ended);
    close(fd);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)
    const struct CMUnitTest tests[] = {
        T(requests_are_answered_on_one_connection),
        T(a_head_has_no_body),
        T(pipelined_requests_are_answered_in_order),
        T(large_bodies_come_through),
        T(an_expectation_is_met_when_the_body_is_wanted),
        T(a_refusal_comes_before_the_body),
        T(a_slow_source_is_waited_for),
        T(a_source_that_fails_closes_the_connection),
        T(a_full_sink_holds_up_the_client),
        T(the_limit_ends_an_upload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
