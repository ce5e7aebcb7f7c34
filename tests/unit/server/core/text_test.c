/* str, buf, utf8, error and hash: the small things under everything. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/hash.h"
#include "server/core/utf8.h"

/* --- str --- */

static void strings_compare(void **state)
{
    (void)state;
    const struct gw_str none = {NULL, 0};

    assert_true(gw_str_equal(none, GW_STR("")));
    assert_true(gw_str_equal_nocase(GW_STR("HoSt-1"), GW_STR("hOsT-1")));
    assert_false(gw_str_equal_nocase(GW_STR("a@"), GW_STR("a`"))); /* 0x20 apart, no letters */
    assert_false(gw_str_equal_nocase(GW_STR("[a"), GW_STR("{a")));
    assert_true(gw_str_has_prefix(GW_STR("abc"), none));
    assert_false(gw_str_has_prefix(GW_STR("ab"), GW_STR("abc")));
    assert_true(gw_str_has_prefix_nocase(GW_STR("BEARER x"), GW_STR("bearer ")));
    assert_true(gw_str_has_suffix(GW_STR("a.yaml"), GW_STR(".yaml")));
    assert_false(gw_str_has_suffix(GW_STR("yaml"), GW_STR(".yaml")));
    assert_true(gw_str_compare(GW_STR("a"), GW_STR("ab")) < 0);
    assert_true(gw_str_compare(GW_STR("b"), GW_STR("ab")) > 0);
    assert_true(gw_str_compare(GW_STR("\xff"), GW_STR("a")) > 0);
    assert_int_equal(gw_str_compare(none, GW_STR("")), 0);
    assert_int_equal(gw_str_find(GW_STR("abc"), 'c'), 2);
    assert_int_equal(gw_str_find(none, 'c'), 0);
    assert_true(gw_str_equal(gw_str_trim(GW_STR(" \t a b\t ")), GW_STR("a b")));
    assert_int_equal(gw_str_trim(GW_STR(" \t ")).len, 0);
}

static void lists_are_split(void **state)
{
    (void)state;
    struct gw_str rest = GW_STR("a,,b,");
    struct gw_str part;
    const char *const expected[] = {"a", "", "b", ""};

    for (size_t i = 0; i < 4; i++) {
        assert_true(gw_str_split(&rest, ',', &part));
        assert_true(gw_str_equal(part, gw_str_of(expected[i])));
    }
    assert_false(gw_str_split(&rest, ',', &part));
    rest = GW_STR("");
    assert_true(gw_str_split(&rest, ',', &part));
    assert_int_equal(part.len, 0);
    assert_false(gw_str_split(&rest, ',', &part));
}

static void numbers_are_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        uint64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"99999999999999999999999", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
    };
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        uint64_t value = 42;
        assert_int_equal(gw_str_to_u64(gw_str_of(cases[i].text), &value), cases[i].rc);
        assert_int_equal(value, cases[i].rc == 0 ? cases[i].value : 42);
    }
}

/* --- buf --- */

static void a_failure_sticks(void **state)
{
    (void)state;
    struct gw_buf buf;

    gw_buf_init(&buf, 10);
    assert_non_null(gw_buf_reserve(&buf, 0));
    gw_buf_append_text(&buf, "12345678");
    gw_buf_append_text(&buf, "9ab");
    assert_true(buf.has_failed);
    gw_buf_append_byte(&buf, 'x');
    gw_buf_printf(&buf, "%d", 1);
    assert_null(gw_buf_reserve(&buf, 1));
    assert_int_equal(buf.len, 8);
    gw_buf_clear(&buf);
    assert_false(buf.has_failed);
    gw_buf_append_text(&buf, "0123456789");
    assert_false(buf.has_failed);
    assert_memory_equal(buf.ptr, "0123456789", 10);
    gw_buf_consume(&buf, 4);
    assert_memory_equal(buf.ptr, "456789", 6);
    gw_buf_consume(&buf, 6);
    assert_int_equal(buf.len, 0);
    assert_null(gw_buf_reserve(&buf, SIZE_MAX));
    gw_buf_finish(&buf);
    gw_buf_finish(&buf);
}

static void a_buffer_grows(void **state)
{
    (void)state;
    struct gw_buf buf;

    gw_buf_init(&buf, 1 << 20);
    for (int i = 0; i < 10000; i++)
        gw_buf_printf(&buf, "%04d", i);
    assert_false(buf.has_failed);
    assert_int_equal(buf.len, 40000);
    assert_memory_equal(buf.ptr + 39996, "9999", 4);
    gw_buf_finish(&buf);
}

static void assert_json(struct gw_str text, const char *expected)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 1000);
    gw_buf_append_json(&buf, text);
    assert_true(gw_str_equal(gw_buf_str(&buf), gw_str_of(expected)));
    gw_buf_finish(&buf);
}

static void json_is_escaped(void **state)
{
    (void)state;
    assert_json(GW_STR(""), "");
    assert_json(GW_STR("a\"b\\c"), "a\\\"b\\\\c");
    assert_json(GW_STR("\n\r\t\b\0\x1f\x7f"), "\\n\\r\\t\\u0008\\u0000\\u001f\\u007f");
    assert_json(GW_STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_json(GW_STR("x\xffy"), "x\xef\xbf\xbdy");
    assert_json(GW_STR("\xc3"), "\xef\xbf\xbd");
    assert_json(GW_STR("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void any_bytes_become_valid_json(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 3000; round++) {
        char bytes[40];
        struct gw_buf buf;
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(rand() >> 3);
        gw_buf_init(&buf, 1000);
        gw_buf_append_byte(&buf, '"');
        gw_buf_append_json(&buf, gw_str_from(bytes, (size_t)round % sizeof(bytes)));
        gw_buf_append_byte(&buf, '"');
        json_t *read = json_loadb(buf.ptr, buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        json_decref(read);
        gw_buf_finish(&buf);
    }
}

/* --- UTF-8 (RFC 3629) --- */

static void utf8_is_checked(void **state)
{
    (void)state;
    static const struct {
        struct gw_str text;
        size_t len;
    } cases[] = {
        {GW_STR_INIT(""), 0},
        {GW_STR_INIT("a"), 1},
        {GW_STR_INIT("\x7f"), 1},
        {GW_STR_INIT("\xc2\x80"), 2},
        {GW_STR_INIT("\xdf\xbf"), 2},
        {GW_STR_INIT("\xe0\xa0\x80"), 3},
        {GW_STR_INIT("\xed\x9f\xbf"), 3},
        {GW_STR_INIT("\xee\x80\x80"), 3},
        {GW_STR_INIT("\xef\xbf\xbf"), 3},
        {GW_STR_INIT("\xf0\x90\x80\x80"), 4},
        {GW_STR_INIT("\xf4\x8f\xbf\xbf"), 4},
        {GW_STR_INIT("\x80"), 0},
        {GW_STR_INIT("\xbf"), 0},
        {GW_STR_INIT("\xc0\x80"), 0},
        {GW_STR_INIT("\xc1\xbf"), 0},
        {GW_STR_INIT("\xc2"), 0},
        {GW_STR_INIT("\xc2\x41"), 0},
        {GW_STR_INIT("\xe0\x9f\xbf"), 0}, /* overlong */
        {GW_STR_INIT("\xed\xa0\x80"), 0}, /* surrogate */
        {GW_STR_INIT("\xed\xbf\xbf"), 0},
        {GW_STR_INIT("\xe2\x82"), 0},
        {GW_STR_INIT("\xe2\x82\x41"), 0},
        {GW_STR_INIT("\xf0\x8f\xbf\xbf"), 0}, /* overlong */
        {GW_STR_INIT("\xf4\x90\x80\x80"), 0}, /* above U+10FFFF */
        {GW_STR_INIT("\xf5\x80\x80\x80"), 0},
        {GW_STR_INIT("\xff"), 0},
    };
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        assert_int_equal(gw_utf8_length(cases[i].text), cases[i].len);
        assert_int_equal(gw_utf8_is_valid(cases[i].text),
                         cases[i].len > 0 || cases[i].text.len == 0);
    }
}

static void every_scalar_value_goes_round(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[4];
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        size_t len = gw_utf8_encode(code, bytes);
        assert_int_equal(gw_utf8_length(gw_str_from(bytes, len)), len);
        assert_int_equal(gw_utf8_length(gw_str_from(bytes, len - 1)), 0);
    }
}

/* --- SipHash-1-3: key 00..0f, input 00..n-1; from a second implementation,
 * itself checked with the published SipHash-2-4 vector --- */

static void siphash_has_its_known_values(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
        0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
        0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
        0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
        0xcc4fdd1a7d908b66,
    };
    unsigned char key_bytes[16];
    char text[64];
    struct gw_hash_key key;

    for (size_t i = 0; i < 16; i++)
        key_bytes[i] = (unsigned char)i;
    memcpy(&key, key_bytes, sizeof(key));
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)i;
    for (size_t i = 0; i < GW_COUNT_OF(expected); i++)
        assert_true(gw_hash(&key, gw_str_from(text, i)) == expected[i]);
    assert_true(gw_hash(&key, gw_str_from(NULL, 0)) == expected[0]);
    assert_ptr_equal(gw_hash_process_key(), gw_hash_process_key());
}

/* --- errors --- */

static void errors_are_prefixed_and_cut(void **state)
{
    (void)state;
    struct gw_error error;
    char longest[2000];

    assert_int_equal(gw_error_set_at(&error, -EINVAL, "/a/0", "bad %d", 7), -EINVAL);
    assert_string_equal(error.text, "bad 7");
    assert_string_equal(error.where, "/a/0");
    assert_int_equal(gw_error_prefix(&error, -EIO, "file %s", "x"), -EIO);
    assert_string_equal(error.text, "file x: bad 7");
    assert_string_equal(error.where, "/a/0");
    memset(longest, 'y', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (size_t len = 470; len < 490; len++) {
        gw_error_set(&error, -1, "%s", longest);
        gw_error_prefix(&error, -1, "%.*s", (int)len, longest);
        assert_true(strlen(error.text) < sizeof(error.text));
    }
    assert_string_equal(error.where, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(lists_are_split),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(a_failure_sticks),
        cmocka_unit_test(a_buffer_grows),
        cmocka_unit_test(json_is_escaped),
        cmocka_unit_test(any_bytes_become_valid_json),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(every_scalar_value_goes_round),
        cmocka_unit_test(siphash_has_its_known_values),
        cmocka_unit_test(errors_are_prefixed_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
