/* Sockets that are kept for a last second. A pair of sockets stands for client and server. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/http/linger.h"

static struct gw_linger linger;

/* A client's end; the server's is kept, and closed as the library would. */
static int keep_one(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    gw_linger_keep(&linger, pair[1]);
    close(pair[1]);
    return pair[0];
}

static void test_client_sees_the_end_and_may_send_on(void **state)
{
    char byte;
    int client = keep_one();

    (void)state;
    assert_int_equal(recv(client, &byte, 1, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(client, "late", 4, MSG_NOSIGNAL), 4);
        gw_linger_sweep(&linger);
        assert_int_equal(linger.count, 1);
    }
    close(client);
    gw_linger_sweep(&linger);
    assert_int_equal(linger.count, 0);
}

static void test_time_is_bounded(void **state)
{
    int client = keep_one();
    unsigned sweeps = 0;

    (void)state;
    while (linger.count > 0 && sweeps < 100) {
        gw_linger_sweep(&linger);
        sweeps++;
    }
    assert_in_range(sweeps, 2, 10);
    assert_int_equal(send(client, "late", 4, MSG_NOSIGNAL), -1);
    close(client);
}

static void test_bytes_are_bounded(void **state)
{
    static char piece[64 * 1024];
    int client = keep_one();
    size_t sent = 0;

    (void)state;
    while (linger.count > 0 && sent < ((size_t)16 << 20)) {
        ssize_t count = send(client, piece, sizeof(piece), MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += count > 0 ? (size_t)count : 0;
        gw_linger_sweep(&linger);
    }
    assert_int_equal(linger.count, 0);
    assert_in_range(sent, 1, (size_t)4 << 20);
    close(client);
}

static void test_count_is_bounded(void **state)
{
    int clients[GW_LINGER_MAX + 3];
    char byte;

    (void)state;
    for (size_t i = 0; i < GW_LINGER_MAX + 3; i++)
        clients[i] = keep_one();
    assert_int_equal(linger.count, GW_LINGER_MAX);
    gw_linger_finish(&linger);
    assert_int_equal(linger.count, 0);
    for (size_t i = 0; i < GW_LINGER_MAX + 3; i++) {
        assert_int_equal(recv(clients[i], &byte, 1, 0), 0);
        close(clients[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_sees_the_end_and_may_send_on),
        cmocka_unit_test(test_time_is_bounded),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_count_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
