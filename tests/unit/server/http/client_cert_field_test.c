#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/http/client_cert_field.h"

static int read_value(struct gw_arena *arena, const char *value, struct gw_str *out)
{
    return gw_client_cert_field_read(arena, gw_str_of(value), out);
}

static void byte_sequences(void **state)
{
    static const struct {
        const char *value;
        struct gw_str bytes;
    } cases[] = {
        {":YQ==:", GW_STR_INIT("a")},       {":YQ:", GW_STR_INIT("a")},
        {":YWI=:", GW_STR_INIT("ab")},      {":YWJj:", GW_STR_INIT("abc")},
        {"  :YWJj:\t", GW_STR_INIT("abc")}, {":+/+/:", GW_STR_INIT("\xfb\xff\xbf")},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_arena arena;
        struct gw_str der;

        gw_arena_init(&arena, 4096, 65536);
        assert_int_equal(read_value(&arena, cases[i].value, &der), 0);
        assert_true(gw_str_equal(der, cases[i].bytes));
        gw_arena_finish(&arena);
    }
}

static void anything_else(void **state)
{
    static const char *const values[] = {
        "",        ":",        "::",       ":=:",          ":==:",    "YWJj",
        ":YWJj",   "YWJj:",    ":YWJj:a",  ":YWJj:;x",     ":YWJj:,", ":YW Jj:",
        ":Y:",     ":YQ=:",    ":YQ===:",  ":YR==:",       ":YWJj=:", ":-_-_:",
        ":YW=Jj:", "\"YWJj\"", ":YWJj\n:", ":YWJj::YWJj:",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(values); i++) {
        struct gw_arena arena;
        struct gw_str der = GW_STR("untouched");

        gw_arena_init(&arena, 4096, 65536);
        if (read_value(&arena, values[i], &der) != -EINVAL)
            fail_msg("\"%s\" is accepted", values[i]);
        assert_true(gw_str_equal(der, GW_STR("untouched")));
        gw_arena_finish(&arena);
    }
}

static void bounds(void **state)
{
    static char value[3 * GW_CLIENT_CERT_MAX_BYTES];
    struct gw_arena arena;
    struct gw_str der;

    (void)state;
    memset(value, 'A', sizeof(value) - 1);
    value[0] = value[sizeof(value) - 2] = ':';
    gw_arena_init(&arena, 4096, 1 << 20);
    assert_int_equal(read_value(&arena, value, &der), -EINVAL);
    gw_arena_finish(&arena);

    gw_arena_init(&arena, 64, 0);
    assert_int_equal(read_value(&arena, ":YWJj:", &der), -ENOMEM);
    gw_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_sequences),
        cmocka_unit_test(anything_else),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
