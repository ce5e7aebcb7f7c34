/* A listener behind proxies: arrivals that stay silent, a door that has to wait, and the end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/net/cidr.h"
#include "tests/unit/support/listener_rig.h"

#define HEADER "PROXY TCP4 192.0.2.7 10.0.0.1 1234 443\r\n"
#define REQUEST "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static struct gw_cidr loopback;
static const struct gw_listener_trust trust = {.proxies = &loopback, .proxy_count = 1};

static void start(void)
{
    assert_int_equal(gw_cidr_parse(GW_STR("127.0.0.0/8"), &loopback), 0);
    rig_config.trust = &trust;
    rig_config.needs_proxy_header = true;
    rig_start();
}

static size_t open_count(void)
{
    struct gw_listener_stats stats;
    gw_listener_get_stats(rig_listener, &stats);
    return stats.connections;
}

static bool has_two(void)
{
    return open_count() == 2;
}

static void turn_a_while(void)
{
    for (int i = 0; i < 20; i++)
        gw_loop_turn(rig_loop, 2);
}

static void the_peer_is_who_is_told(void **state)
{
    (void)state;
    start();
    int fd = rig_dial();
    rig_send_text(fd, HEADER "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_turn_until(rig_has_begun);
    assert_true(gw_str_equal(rig_held[0]->request.peer, GW_STR("192.0.2.7")));
    rig_forget_answer();
    rig_release_held();
    rig_read_until(fd, rig_has_answer);
    rig_assert_status("200");
    close(fd);
    rig_turn_until(rig_is_empty);
}

static void the_silent_are_closed_at_the_end(void **state)
{
    (void)state;
    start();
    int fds[2] = {rig_dial(), rig_dial()};
    rig_send_text(fds[1], "PROXY TCP4 19");
    rig_turn_until(has_two);
    assert_false(gw_listener_is_empty(rig_listener));
    gw_listener_destroy(rig_listener);
    rig_listener = NULL;
    for (int i = 0; i < 2; i++) {
        char byte;
        assert_true(read(fds[i], &byte, 1) <= 0);
        close(fds[i]);
    }
}

static void a_drain_gives_them_a_second(void **state)
{
    (void)state;
    start();
    int silent = rig_dial(), late = rig_dial();
    rig_turn_until(has_two);
    gw_listener_drain(rig_listener);
    assert_int_equal(open_count(), 2);
    rig_exchange_text(late, HEADER REQUEST, "200");
    assert_non_null(strstr(rig_got.text, "Connection: close"));
    rig_turn_until(rig_is_empty);
    close(silent);
    close(late);
}

static void at_its_limit_the_door_waits(void **state)
{
    (void)state;
    rig_config.max_connections = 2;
    start();
    int silent = rig_dial(), told = rig_dial();
    rig_exchange_text(told, HEADER REQUEST, "200");
    int next = rig_dial();
    rig_send_text(next, HEADER REQUEST);
    rig_turn_until(has_two);
    turn_a_while();
    assert_int_equal(rig_begun, 1);
    close(silent);
    rig_forget_answer();
    rig_read_until(next, rig_has_answer);
    rig_assert_status("200");
    int last = rig_dial();
    rig_send_text(last, HEADER REQUEST);
    turn_a_while();
    assert_int_equal(rig_begun, 2);
    close(told);
    rig_forget_answer();
    rig_read_until(last, rig_has_answer);
    rig_assert_status("200");
    close(next);
    close(last);
    rig_turn_until(rig_is_empty);
}

static void without_descriptors_the_door_waits(void **state)
{
    struct rlimit before, none;

    (void)state;
    start();
    int first = rig_dial();
    rig_exchange_text(first, HEADER REQUEST, "200");
    int fd = rig_dial();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    rig_send_text(fd, HEADER REQUEST);
    turn_a_while();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(rig_begun, 1);
    rig_forget_answer();
    rig_read_until(fd, rig_has_answer);
    rig_assert_status("200");
    close(first);
    close(fd);
}

static void strangers_are_closed(void **state)
{
    struct gw_cidr other;
    const struct gw_listener_trust narrow = {.proxies = &other, .proxy_count = 1};

    (void)state;
    assert_int_equal(gw_cidr_parse(GW_STR("10.0.0.0/8"), &other), 0);
    start();
    gw_listener_set_trust(rig_listener, NULL); /* waits for a restart: those of before stay */
    int fd = rig_dial();
    rig_exchange_text(fd, HEADER REQUEST, "200");
    gw_listener_set_trust(rig_listener, &narrow);
    rig_exchange_text(fd, REQUEST, "200");
    int stranger = rig_dial();
    rig_forget_answer();
    rig_read_until(stranger, NULL);
    assert_true(rig_got.is_closed);
    assert_int_equal(rig_got.len, 0);
    close(stranger);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_peer_is_who_is_told, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(the_silent_are_closed_at_the_end, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(a_drain_gives_them_a_second, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(at_its_limit_the_door_waits, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(without_descriptors_the_door_waits, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(strangers_are_closed, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests_name("acceptor", tests, NULL, NULL);
}
