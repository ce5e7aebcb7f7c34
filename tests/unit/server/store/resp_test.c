#include "server/store/resp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

/* hiredis' own formatter is the judge. */
static void test_as_hiredis_writes_it(void **state)
{
    static const struct gw_str words[] = {GW_STR_INIT("SET"), GW_STR_INIT("key with spaces"),
                                          GW_STR_INIT(""),    GW_STR_INIT("a\r\nb\0c"),
                                          {NULL, 0},          GW_STR_INIT("12345678901234567890")};
    const char *texts[GW_COUNT_OF(words)];
    size_t lens[GW_COUNT_OF(words)];
    struct gw_buf buf;
    char *expected;

    (void)state;
    for (size_t count = 1; count <= GW_COUNT_OF(words); count++) {
        for (size_t i = 0; i < count; i++) {
            texts[i] = words[i].ptr != NULL ? words[i].ptr : "";
            lens[i] = words[i].len;
        }
        int len = redisFormatCommandArgv(&expected, (int)count, texts, lens);
        assert_true(len > 0);
        gw_buf_init(&buf, 4096);
        gw_resp_append_command(&buf, words, count);
        assert_false(buf.has_failed);
        assert_int_equal(buf.len, len);
        assert_memory_equal(buf.ptr, expected, (size_t)len);
        gw_buf_finish(&buf);
        redisFreeCommand(expected);
    }
}

static void test_numbers(void **state)
{
    struct gw_buf buf;

    (void)state;
    gw_buf_init(&buf, 4096);
    gw_resp_append_number(&buf, 0);
    gw_resp_append_number(&buf, UINT64_MAX);
    assert_true(
        gw_str_equal(gw_buf_str(&buf), GW_STR("$1\r\n0\r\n$20\r\n18446744073709551615\r\n")));
    gw_buf_finish(&buf);
}

static void test_at_the_bound(void **state)
{
    struct gw_str word = {calloc(1, 200), 200};
    struct gw_buf buf;

    (void)state;
    gw_buf_init(&buf, 100);
    gw_resp_append_command(&buf, &word, 1);
    assert_true(buf.has_failed);
    gw_buf_finish(&buf);
    free((char *)word.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_hiredis_writes_it),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_at_the_bound),
    };

    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
