#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/crypto/base64.h"

static void assert_encoded(struct gw_str bytes, const char *expected)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 64);
    gw_buf_append_text(&buf, "");
    gw_base64_append(&buf, bytes);
    assert_false(buf.has_failed);
    assert_true(gw_str_equal(gw_buf_str(&buf), gw_str_of(expected)));
    gw_buf_finish(&buf);
}

static void the_examples_of_rfc_4648(void **state)
{
    (void)state;
    assert_encoded(GW_STR(""), "");
    assert_encoded(GW_STR("f"), "Zg==");
    assert_encoded(GW_STR("fo"), "Zm8=");
    assert_encoded(GW_STR("foo"), "Zm9v");
    assert_encoded(GW_STR("foob"), "Zm9vYg==");
    assert_encoded(GW_STR("fooba"), "Zm9vYmE=");
    assert_encoded(GW_STR("foobar"), "Zm9vYmFy");
    assert_encoded(GW_STR("\xfb\xff\xfe\x00\x80"), "+//+AIA=");
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct gw_buf buf;

    gw_buf_init(&buf, 6);
    gw_base64_append(&buf, GW_STR("foobar"));
    assert_true(buf.has_failed);
    gw_buf_finish(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc_4648),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
