#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/core/error.h"
#include "server/net/loop.h"
#include "server/net/resolver.h"
#include "server/net/stream.h"
#include "tests/unit/support/peer.h"

struct user {
    struct gw_loop *loop;
    struct gw_stream *stream;
    bool is_open, has_closed, has_end, closes_when_open;
    enum gw_stream_failure reason;
    char detail[256];
    size_t received;
    unsigned writable_calls;
    uint64_t sum; /* of what was received, in order */
};

static uint64_t sum_on(uint64_t sum, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at++)
        sum = sum * 31 + (unsigned char)bytes[at];
    return sum;
}

static void on_open(void *self)
{
    struct user *user = self;

    user->is_open = true;
    assert_true(gw_stream_is_open(user->stream));
    if (user->closes_when_open) {
        gw_stream_close(user->stream);
        user->stream = NULL;
    }
}

static void on_readable(void *self)
{
    struct user *user = self;
    char bytes[3000];
    ssize_t count;

    while ((count = gw_stream_read(user->stream, bytes, sizeof(bytes))) > 0) {
        user->received += (size_t)count;
        user->sum = sum_on(user->sum, bytes, (size_t)count);
    }
    if (count != -EAGAIN) {
        user->has_end = true;
        gw_stream_close(user->stream);
        user->stream = NULL;
    }
}

static void on_writable(void *self)
{
    ((struct user *)self)->writable_calls++;
}

static void on_closed(void *self, enum gw_stream_failure reason, const char *detail)
{
    struct user *user = self;

    user->has_closed = true;
    user->reason = reason;
    snprintf(user->detail, sizeof(user->detail), "%s", detail);
    gw_stream_close(user->stream);
    user->stream = NULL;
}

static const struct gw_stream_events events = {on_open, on_readable, on_writable, on_closed};

static void begin(struct user *user, const struct gw_stream_config *config)
{
    struct gw_error error;

    memset(user, 0, sizeof(*user));
    assert_int_equal(gw_loop_create(&user->loop, &error), 0);
    assert_int_equal(gw_stream_open(user->loop, config, &events, user, &user->stream), 0);
    assert_false(user->is_open || user->has_closed); /* never from within */
}

static void end(struct user *user)
{
    gw_stream_close(user->stream);
    gw_loop_destroy(user->loop);
}

#define WAIT_FOR(user, condition)              \
    for (int turn = 0; !(condition); turn++) { \
        assert_true(turn < 400);               \
        gw_loop_turn((user)->loop, 50);        \
    }

static void play_echo(struct peer *peer, int fd, unsigned index)
{
    char bytes[5000];
    ssize_t count;

    (void)peer, (void)index;
    while ((count = recv(fd, bytes, sizeof(bytes), 0)) > 0 && peer_send(fd, bytes, (size_t)count))
        continue;
}

enum { BIG = 8 << 20 };

static void test_echo_under_back_pressure(void **state)
{
    char *big = malloc(BIG);
    struct user user;
    struct peer peer;
    size_t given = 0;

    (void)state;
    for (size_t at = 0; at < BIG; at++)
        big[at] = (char)(at * 11 + at / 127);
    peer_start(&peer, play_echo, NULL);
    begin(&user, &(struct gw_stream_config){.host = GW_STR("127.0.0.1"), .port = peer.port});
    WAIT_FOR(&user, user.is_open);
    while (given < BIG) {
        struct iovec pieces[2] = {{big + given, (BIG - given) / 3}};
        unsigned seen = user.writable_calls;

        pieces[1] =
            (struct iovec){big + given + pieces[0].iov_len, BIG - given - pieces[0].iov_len};
        ssize_t taken = gw_stream_write(user.stream, pieces, 2);
        assert_true(taken >= 0);
        given += (size_t)taken;
        if (given < BIG)
            WAIT_FOR(&user, user.writable_calls > seen);
    }
    WAIT_FOR(&user, user.received == BIG);
    assert_true(user.sum == sum_on(0, big, BIG));
    end(&user);
    peer_stop(&peer);
    free(big);
}

static void play_goodbye(struct peer *peer, int fd, unsigned index)
{
    (void)peer, (void)index;
    peer_send_text(fd, "bye");
}

static void test_last_words_and_end(void **state)
{
    struct user user;
    struct peer peer;

    (void)state;
    peer_start(&peer, play_goodbye, NULL);
    begin(&user, &(struct gw_stream_config){.host = GW_STR("127.0.0.1"), .port = peer.port});
    WAIT_FOR(&user, user.has_end);
    assert_int_equal(user.received, 3);
    end(&user);
    peer_stop(&peer);
}

static void test_unix_socket(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct user user;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/mg-stream-%d.sock", (int)getpid());
    unlink(address.sun_path);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    begin(&user, &(struct gw_stream_config){.unix_path = gw_str_of(address.sun_path)});
    WAIT_FOR(&user, user.is_open);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_true(peer_send_text(fd, "+OK\r\n"));
    WAIT_FOR(&user, user.received == 5);

    gw_stream_set_reading(user.stream, false);
    assert_true(peer_send_text(fd, "more"));
    for (int turn = 0; turn < 3; turn++)
        gw_loop_turn(user.loop, 5);
    assert_int_equal(user.received, 5);
    gw_stream_set_reading(user.stream, true);
    WAIT_FOR(&user, user.received == 9);
    close(fd);
    WAIT_FOR(&user, user.has_end);
    end(&user);
    close(listener);
    unlink(address.sun_path);

    begin(&user, &(struct gw_stream_config){.unix_path = gw_str_of(address.sun_path)});
    WAIT_FOR(&user, user.has_closed);
    assert_int_equal(user.reason, GW_STREAM_UNREACHABLE);
    assert_non_null(strstr(user.detail, address.sun_path));
    end(&user);
}

static bool forbid_all(void *self, const struct sockaddr *address)
{
    (void)self, (void)address;
    return true;
}

static void test_failures(void **state)
{
    struct gw_stream_config config = {.host = GW_STR("127.0.0.1")};
    char long_name[400];
    struct gw_stream *stream;
    struct user user;
    struct peer peer;

    (void)state;
    peer_start(&peer, play_goodbye, NULL);
    config.port = peer.port;
    config.is_forbidden = forbid_all;
    begin(&user, &config);
    WAIT_FOR(&user, user.has_closed);
    assert_int_equal(user.reason, GW_STREAM_UNREACHABLE);
    assert_non_null(strstr(user.detail, "forbidden"));
    end(&user);
    assert_int_equal(peer.accepted, 0);
    peer_stop(&peer);

    config.is_forbidden = NULL; /* and nobody listens any more */
    begin(&user, &config);
    WAIT_FOR(&user, user.has_closed);
    assert_int_equal(user.reason, GW_STREAM_UNREACHABLE);
    end(&user);

    begin(&user, &config);
    memset(long_name, 'a', sizeof(long_name));
    config.host = gw_str_from(long_name, sizeof(long_name));
    assert_int_equal(gw_stream_open(user.loop, &config, &events, &user, &stream), -EINVAL);
    config.unix_path = config.host;
    assert_int_equal(gw_stream_open(user.loop, &config, &events, &user, &stream), -EINVAL);
    end(&user); /* while connecting */
}

/* A listener whose queue is full lets a connection hang. */
static void test_connect_deadline(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[8];
    struct user user;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    for (int at = 0; at < 8; at++) {
        fillers[at] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[at], (struct sockaddr *)&address, len);
    }
    begin(&user, &(struct gw_stream_config){.host = GW_STR("127.0.0.1"),
                                            .port = ntohs(address.sin_port),
                                            .connect_ns = 50 * GW_NS_PER_MS});
    WAIT_FOR(&user, user.has_closed);
    assert_int_equal(user.reason, GW_STREAM_UNREACHABLE);
    assert_non_null(strstr(user.detail, "in time"));
    end(&user);
    for (int at = 0; at < 8; at++)
        close(fillers[at]);
    close(listener);
}

static void test_close_within_open(void **state)
{
    struct user user;
    struct peer peer;

    (void)state;
    peer_start(&peer, play_echo, NULL);
    begin(&user, &(struct gw_stream_config){.host = GW_STR("127.0.0.1"), .port = peer.port});
    user.closes_when_open = true;
    WAIT_FOR(&user, user.is_open);
    assert_null(user.stream);
    end(&user);
    peer_stop(&peer);
}

/* --- names --- */

struct asker {
    struct gw_lookup lookup;
    unsigned answers;
    struct gw_address_list addresses;
};

static void on_answer(struct gw_lookup *lookup, const struct gw_address_list *addresses,
                      const char *why)
{
    struct asker *asker = GW_CONTAINER_OF(lookup, struct asker, lookup);

    assert_true((addresses == NULL) == (why != NULL));
    asker->answers++;
    if (addresses != NULL)
        asker->addresses = *addresses;
}

static void test_names(void **state)
{
    struct asker askers[3] = {
        {.lookup.fn = on_answer}, {.lookup.fn = on_answer}, {.lookup.fn = on_answer}};
    struct user user = {0};
    struct gw_resolver *resolver;
    struct gw_address_list known;
    struct gw_error error;

    (void)state;
    assert_int_equal(gw_loop_create(&user.loop, &error), 0);
    assert_int_equal(gw_resolver_create(user.loop, &resolver), 0);
    assert_int_equal(gw_resolver_lookup(resolver, GW_STR("::1"), &askers[0].lookup, &known, &error),
                     0);
    assert_int_equal(known.count, 1);
    assert_int_equal(gw_resolver_lookup(resolver, GW_STR(""), &askers[0].lookup, &known, &error),
                     -EINVAL);
    for (int at = 0; at < 3; at++)
        assert_int_equal(
            gw_resolver_lookup(resolver, GW_STR("localhost"), &askers[at].lookup, &known, &error),
            -EINPROGRESS);
    gw_lookup_cancel(&askers[2].lookup);
    WAIT_FOR(&user, askers[0].answers == 1 && askers[1].answers == 1);
    assert_int_equal(askers[2].answers, 0);
    assert_true(askers[0].addresses.count >= 1);
    assert_int_equal(
        gw_resolver_lookup(resolver, GW_STR("localhost"), &askers[2].lookup, &known, &error), 0);
    assert_int_equal(known.count, askers[0].addresses.count);

    gw_resolver_destroy(resolver);

    /* One that is under way when all ends. */
    assert_int_equal(gw_resolver_create(user.loop, &resolver), 0);
    assert_int_equal(
        gw_resolver_lookup(resolver, GW_STR("localhost"), &askers[2].lookup, &known, &error),
        -EINPROGRESS);
    gw_resolver_destroy(resolver);
    gw_loop_destroy(user.loop);
    assert_int_equal(askers[2].answers, 0);
}

static void test_connects_by_name(void **state)
{
    struct gw_resolver *resolver;
    struct gw_stream_config config = {.host = GW_STR("localhost")};
    struct user user = {0};
    struct gw_error error;
    struct peer peer;

    (void)state;
    peer_start(&peer, play_goodbye, NULL);
    assert_int_equal(gw_loop_create(&user.loop, &error), 0);
    assert_int_equal(gw_resolver_create(user.loop, &resolver), 0);
    config.port = peer.port;
    config.resolver = resolver;
    /* Also when ::1 comes first, where nobody listens. */
    assert_int_equal(gw_stream_open(user.loop, &config, &events, &user, &user.stream), 0);
    WAIT_FOR(&user, user.has_end);
    assert_int_equal(user.received, 3);
    gw_resolver_destroy(resolver);
    end(&user);
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_under_back_pressure),
        cmocka_unit_test(test_last_words_and_end),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_connect_deadline),
        cmocka_unit_test(test_close_within_open),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_connects_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
