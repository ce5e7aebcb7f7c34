#include "server/net/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#define MANY (300u * 1024)

static struct gw_buf plain, packed, out;

static int set_up(void **state)
{
    (void)state;
    gw_buf_init(&plain, MANY);
    gw_buf_init(&packed, 2 * MANY);
    gw_buf_init(&out, MANY);
    for (unsigned i = 0; plain.len + 16 < MANY; i++)
        gw_buf_printf(&plain, "%u,%u;", i, i * 7919 % 65521);
    assert_int_equal(gw_gzip(gw_buf_str(&plain), &packed), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_buf_finish(&plain);
    gw_buf_finish(&packed);
    gw_buf_finish(&out);
    return 0;
}

static void there_and_back(void **state)
{
    (void)state;
    assert_true(packed.len < plain.len);
    assert_int_equal(gw_gunzip(gw_buf_str(&packed), &out), 0);
    assert_true(gw_str_equal(gw_buf_str(&out), gw_buf_str(&plain)));
}

static void nothing_is_something(void **state)
{
    (void)state;
    gw_buf_clear(&packed);
    assert_int_equal(gw_gzip(GW_STR(""), &packed), 0);
    assert_true(packed.len > 0);
    assert_int_equal(gw_gunzip(gw_buf_str(&packed), &out), 0);
    assert_int_equal(out.len, 0);
}

static void what_is_cut_or_changed_or_followed_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < packed.len; len += 997) {
        gw_buf_clear(&out);
        assert_int_equal(gw_gunzip(gw_str_from(packed.ptr, len), &out), -EINVAL);
    }
    gw_buf_clear(&out);
    gw_buf_append_byte(&packed, 'x');
    assert_int_equal(gw_gunzip(gw_buf_str(&packed), &out), -EINVAL);
    packed.len--;
    packed.ptr[packed.len - 6] ^= 1; /* of the check sum */
    gw_buf_clear(&out);
    assert_int_equal(gw_gunzip(gw_buf_str(&packed), &out), -EINVAL);
}

static void more_than_the_bound_is_refused(void **state)
{
    struct gw_buf small;
    (void)state;

    gw_buf_init(&small, plain.len - 1);
    assert_int_equal(gw_gunzip(gw_buf_str(&packed), &small), -EMSGSIZE);
    gw_buf_finish(&small);
    gw_buf_init(&small, packed.len / 2);
    assert_int_equal(gw_gzip(gw_buf_str(&plain), &small), -ENOMEM);
    gw_buf_finish(&small);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_and_back),
        TEST(nothing_is_something),
        TEST(what_is_cut_or_changed_or_followed_is_refused),
        TEST(more_than_the_bound_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
