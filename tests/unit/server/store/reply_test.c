#include "server/store/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct gw_reply_reader reader;

static int setup(void **state)
{
    (void)state;
    return gw_reply_reader_init(&reader, 64 * 1024);
}

static int teardown(void **state)
{
    (void)state;
    gw_reply_reader_finish(&reader);
    gw_reply_reader_finish(&reader); /* twice is safe */
    return 0;
}

static void feed(const char *text)
{
    assert_int_equal(gw_reply_reader_feed(&reader, text, strlen(text)), 0);
}

static const struct gw_reply *next(void)
{
    const struct gw_reply *reply = NULL;
    struct gw_error error;

    assert_int_equal(gw_reply_reader_next(&reader, &reply, &error), 0);
    return reply;
}

static void test_several_at_once(void **state)
{
    (void)state;
    feed("+OK\r\n:7\r\n$3\r\nabc\r\n$-1\r\n-ERR no\r\n*0\r\n:");
    const struct gw_reply *reply = next();
    assert_int_equal(reply->type, GW_REPLY_STATUS);
    assert_string_equal(reply->text.ptr, "OK");
    reply = next();
    assert_int_equal(reply->type, GW_REPLY_INTEGER);
    assert_int_equal(reply->integer, 7);
    assert_string_equal(next()->text.ptr, "abc");
    assert_int_equal(next()->type, GW_REPLY_NIL);
    reply = next();
    assert_int_equal(reply->type, GW_REPLY_ERROR);
    assert_string_equal(reply->text.ptr, "ERR no");
    reply = next();
    assert_int_equal(reply->type, GW_REPLY_ARRAY);
    assert_int_equal(reply->count, 0);
    assert_null(next());
    feed("-9\r\n");
    assert_int_equal(next()->integer, -9);
}

/* What was read of a reply must outlive the pieces that it came in. */
static void test_a_reply_in_pieces(void **state)
{
    char filler[3000];

    (void)state;
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    feed("*3\r\n$5\r\nfirst\r\n");
    assert_null(next());
    feed("$2999\r\n");
    feed(filler);
    feed("\r\n");
    assert_null(next());
    feed("*2\r\n:1\r\n");
    assert_null(next());
    feed("$4\r\nlast\r\n");
    const struct gw_reply *reply = next();
    assert_int_equal(reply->count, 3);
    assert_string_equal(reply->items[0].text.ptr, "first");
    assert_string_equal(reply->items[1].text.ptr, filler);
    assert_string_equal(reply->items[2].items[1].text.ptr, "last");
    assert_int_equal(gw_reply_integer_at(reply, 0), -1);
    assert_int_equal(gw_reply_integer_at(reply, 7), -1);
    assert_int_equal(gw_reply_integer_at(&reply->items[2], 0), 1);
}

static void test_no_memory_grows(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        feed("*2\r\n$10\r\n0123456789\r\n:1\r\n");
        assert_int_equal(next()->count, 2);
    }
    assert_true(reader.arena.used_bytes <= 8 * 1024);
}

static void test_too_large(void **state)
{
    char *bytes = calloc(1, 200 * 1024);
    const struct gw_reply *reply = NULL;
    struct gw_error error;

    (void)state;
    feed("*100000\r\n:1\r\n"); /* small so far, but it asks for a lot */
    assert_int_equal(gw_reply_reader_next(&reader, &reply, &error), -EMSGSIZE);
    gw_reply_reader_finish(&reader);
    assert_int_equal(gw_reply_reader_init(&reader, 64 * 1024), 0);
    feed("$200000\r\n");
    assert_null(next());
    assert_int_equal(gw_reply_reader_feed(&reader, bytes, 200 * 1024), -EMSGSIZE);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_several_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_reply_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
    };

    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
