/* The reader's own tables; each runs over the SSE2 and the portable path. */
#include "server/json/reader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/arena.h"

typedef int read_fn(struct gw_arena *arena, struct gw_str text, const struct gw_json_limits *limits,
                    struct gw_json_tape *out_tape, struct gw_json_error *out_error);

static read_fn *const paths[] = {gw_json_read, gw_json_read_portable};

static struct gw_arena arena;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 64 << 10, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

/* Reads a copy that lies at the very end of its block, so that a read past the end is seen by ASan.
 */
static int read_exact(read_fn *read, struct gw_str text, struct gw_json_tape *tape,
                      struct gw_json_error *error)
{
    char *exact = malloc(text.len > 0 ? text.len : 1);
    assert_non_null(exact);
    memcpy(exact, text.ptr, text.len);
    assert_int_equal(gw_arena_defer(&arena, free, exact), 0);
    return read(&arena, gw_str_from(exact, text.len), NULL, tape, error);
}

static struct gw_json_tape read_text(read_fn *read, const char *text)
{
    struct gw_json_tape tape = {0};
    struct gw_json_error error;
    int rc = read(&arena, gw_str_of(text), NULL, &tape, &error);
    if (rc != 0)
        print_message("%s: %zu: %s\n", text, error.byte, error.text);
    assert_int_equal(rc, 0);
    return tape;
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        struct gw_str text;
        size_t byte, line, column;
    } cases[] = {
        {GW_STR_INIT(""), 0, 1, 1},
        {GW_STR_INIT("  "), 2, 1, 3},
        {GW_STR_INIT("{"), 1, 1, 2},
        {GW_STR_INIT("["), 1, 1, 2},
        {GW_STR_INIT("[1,"), 3, 1, 4},
        {GW_STR_INIT("[1,]"), 3, 1, 4},
        {GW_STR_INIT("[,1]"), 1, 1, 2},
        {GW_STR_INIT("[1 2]"), 3, 1, 4},
        {GW_STR_INIT("{\"a\":1,}"), 7, 1, 8},
        {GW_STR_INIT("{\"a\" 1}"), 5, 1, 6},
        {GW_STR_INIT("{a:1}"), 1, 1, 2},
        {GW_STR_INIT("{\"a\":1]"), 6, 1, 7},
        {GW_STR_INIT("[1}"), 2, 1, 3},
        {GW_STR_INIT("1 1"), 2, 1, 3},
        {GW_STR_INIT("[\n \"\xc3\xa9\",\n  nul]"), 11, 3, 3},
        {GW_STR_INIT("\"\xc3\xa9\xff\""), 3, 1, 3},
        {GW_STR_INIT("\"abcdefghijklmnop\n\""), 17, 1, 18},
        {GW_STR_INIT("\"abc"), 4, 1, 5},
        {GW_STR_INIT("\"abc\\"), 5, 1, 6},
        {GW_STR_INIT("\"\\x\""), 1, 1, 2},
        {GW_STR_INIT("\"\\u12g4\""), 1, 1, 2},
        {GW_STR_INIT("\"\\ud800\""), 1, 1, 2},
        {GW_STR_INIT("\"\\udc00\\ud800\""), 1, 1, 2},
        {GW_STR_INIT("\"\\ud800\\u0041\""), 1, 1, 2},
        {GW_STR_INIT("\xef\xbb\xbf{}"), 0, 1, 1},
        {GW_STR_INIT("01"), 0, 1, 1},
        {GW_STR_INIT("1."), 0, 1, 1},
        {GW_STR_INIT(".5"), 0, 1, 1},
        {GW_STR_INIT("+1"), 0, 1, 1},
        {GW_STR_INIT("-"), 0, 1, 1},
        {GW_STR_INIT("1e"), 0, 1, 1},
        {GW_STR_INIT("1e+"), 0, 1, 1},
        {GW_STR_INIT("NaN"), 0, 1, 1},
        {GW_STR_INIT("tru"), 0, 1, 1},
        {GW_STR_INIT("\"a\0b\""), 2, 1, 3},
        {GW_STR_INIT("[1]\0"), 3, 1, 4},
        {GW_STR_INIT("1\f"), 1, 1, 2},
        {GW_STR_INIT("1e9999999999999999999"), 0, 1, 1},
    };

    for (size_t p = 0; p < GW_COUNT_OF(paths); p++) {
        for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
            struct gw_json_tape tape;
            struct gw_json_error error;
            int rc = read_exact(paths[p], cases[i].text, &tape, &error);
            if (rc >= 0 || error.byte != cases[i].byte || error.line != cases[i].line ||
                error.column != cases[i].column)
                fail_msg("%.*s: %d at %zu, %zu:%zu", GW_STR_ARG(cases[i].text), rc, error.byte,
                         error.line, error.column);
            assert_true(error.text[0] != '\0');
        }
    }
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct gw_str value;
    } cases[] = {
        {"\"\"", GW_STR_INIT("")},
        {"\"plain\"", GW_STR_INIT("plain")},
        {"\"a string that is longer than sixteen bytes\"",
         GW_STR_INIT("a string that is longer than sixteen bytes")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", GW_STR_INIT("\"\\/\b\f\n\r\t")},
        {"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"",
         GW_STR_INIT("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")},
        {"\"a\\u0000b\"", GW_STR_INIT("a\0b")},
        {"\"\xc3\xa9 and then \\n twice \xc3\xa9\xc3\xa9 in a long tail of text\"",
         GW_STR_INIT("\xc3\xa9 and then \n twice \xc3\xa9\xc3\xa9 in a long tail of text")},
        {"\"\xf4\x8f\xbf\xbf\x7f\"", GW_STR_INIT("\xf4\x8f\xbf\xbf\x7f")},
    };

    for (size_t p = 0; p < GW_COUNT_OF(paths); p++) {
        for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
            struct gw_json_tape tape = read_text(paths[p], cases[i].text);
            assert_int_equal(tape.count, 1);
            assert_int_equal(gw_json_type(&tape, 0), GW_JSON_STRING);
            assert_true(gw_str_equal(gw_json_string(&tape, 0), cases[i].value));
        }
    }
}

static void test_plain_strings_are_not_copied(void **state)
{
    (void)state;
    const char *text = "[\"plain\",\"\xc3\xa9\"]";
    struct gw_json_tape tape = read_text(gw_json_read, text);

    assert_ptr_equal(gw_json_string(&tape, 1).ptr, text + 2);
    assert_ptr_equal(gw_json_string(&tape, 2).ptr, text + 10);
    assert_int_equal(gw_json_offset(&tape, 2), 9);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"7", true, 7},
        {"-12", true, -12},
        {"999999999999999999", true, 999999999999999999},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"1.0", true, 1},
        {"1.5", false, 0},
        {"1e2", true, 100},
        {"12.50e1", true, 125},
        {"100E-2", true, 1},
        {"1e-1", false, 0},
        {"0e5", true, 0},
        {"0.00", true, 0},
        {"1e400", false, 0},
        {"100000000000000000000e-20", true, 1},
    };

    for (size_t p = 0; p < GW_COUNT_OF(paths); p++) {
        for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
            struct gw_json_tape tape = read_text(paths[p], cases[i].text);
            int64_t value = 0;
            assert_int_equal(gw_json_type(&tape, 0), GW_JSON_NUMBER);
            assert_true(gw_str_equal(gw_json_number(&tape, 0), gw_str_of(cases[i].text)));
            if (gw_json_to_i64(&tape, 0, &value) != cases[i].fits || value != cases[i].value)
                fail_msg("%s gave %lld", cases[i].text, (long long)value);
        }
    }
}

static void test_structure(void **state)
{
    (void)state;
    for (size_t p = 0; p < GW_COUNT_OF(paths); p++) {
        struct gw_json_tape tape = read_text(
            paths[p], "\n{ \"a\" : [ 1 , [ ] , { } ] ,\r\n\t\"b\":{\"c\":null},                    "
                      "   \"d\":[true,false]}  ");
        assert_int_equal(gw_json_count(&tape, 0), 3);
        uint32_t a = gw_json_get(&tape, 0, GW_STR("a"));
        assert_int_equal(gw_json_count(&tape, a), 3);
        assert_int_equal(gw_json_type(&tape, gw_json_element(&tape, a, 2)), GW_JSON_OBJECT);
        assert_int_equal(gw_json_element(&tape, a, 3), GW_JSON_NONE);
        uint32_t c = gw_json_get(&tape, gw_json_get(&tape, 0, GW_STR("b")), GW_STR("c"));
        assert_int_equal(gw_json_type(&tape, c), GW_JSON_NULL);
        assert_int_equal(gw_json_get(&tape, 0, GW_STR("e")), GW_JSON_NONE);
        assert_int_equal(gw_json_get(&tape, a, GW_STR("e")), GW_JSON_NONE);

        struct gw_json_cursor cursor = gw_json_begin(&tape, gw_json_get(&tape, 0, GW_STR("d")));
        assert_true(gw_json_step(&tape, &cursor));
        assert_int_equal(gw_json_type(&tape, cursor.value), GW_JSON_TRUE);
        assert_true(gw_json_step(&tape, &cursor));
        assert_int_equal(gw_json_type(&tape, cursor.value), GW_JSON_FALSE);
        assert_false(gw_json_step(&tape, &cursor));
    }
}

static void test_duplicate_names(void **state)
{
    (void)state;
    struct gw_json_tape tape = read_text(gw_json_read, "{\"x\":{\"a\":1,\"b\":2,\"\\u0061\":3}}");

    assert_true(tape.has_duplicates);
    assert_false(tape.tokens[0].flags & GW_JSON_DUPLICATES);
    assert_true(tape.tokens[2].flags & GW_JSON_DUPLICATES);
    int64_t last = 0;
    assert_true(gw_json_to_i64(&tape, gw_json_get(&tape, 2, GW_STR("a")), &last));
    assert_int_equal(last, 3);
    tape = read_text(gw_json_read, "[{\"a\":1},{\"a\":1},{\"a\":{\"a\":{\"b\":\"a\"}}}]");
    assert_false(tape.has_duplicates);
}

/* A big object, with and without one name twice; the names share head and tail, so all hashes
 * collide. */
static void test_many_names(void **state)
{
    (void)state;
    enum { NAMES = 20000 };
    char *text = malloc(NAMES * 40 + 100);
    size_t len = 0;

    for (int twice = 0; twice < 2; twice++) {
        len = 0;
        text[len++] = '{';
        for (int i = 0; i < NAMES; i++)
            len += (size_t)snprintf(text + len, 40, "\"collided%06dcollided\":%d,", i, i);
        len += (size_t)snprintf(text + len, 40, "\"%s\":0}",
                                twice ? "collided000777collided" : "other");
        struct gw_json_tape tape;
        struct gw_json_error error;
        assert_int_equal(gw_json_read(&arena, gw_str_from(text, len), NULL, &tape, &error), 0);
        assert_int_equal(tape.has_duplicates, twice);
        assert_int_equal(gw_json_count(&tape, 0), NAMES + 1);
    }
    free(text);
}

/* Some dozens of names, of which two are the same, or only have the same hash. */
static void test_names_of_one_hash(void **state)
{
    (void)state;
    char first[16] = "", second[16] = "", text[1024];

    for (int i = 0; second[0] == '\0'; i++) { /* at most 65,536 hashes */
        static char names[65536][16];
        char name[16];
        snprintf(name, sizeof(name), "name-%d", i);
        uint16_t hash = gw_json_name_hash(gw_str_of(name));
        if (names[hash][0] != '\0') {
            memcpy(first, names[hash], sizeof(first));
            memcpy(second, name, sizeof(second));
        }
        memcpy(names[hash], name, sizeof(name));
    }
    for (int twice = 0; twice < 2; twice++) {
        int len = snprintf(text, sizeof(text), "{\"%s\":0", first);
        for (int i = 0; i < 40; i++)
            len += snprintf(text + len, sizeof(text) - (size_t)len, ",\"m%d\":%d", i, i);
        snprintf(text + len, sizeof(text) - (size_t)len, ",\"%s\":1}", twice ? first : second);
        for (size_t path = 0; path < GW_COUNT_OF(paths); path++)
            assert_int_equal(read_text(paths[path], text).has_duplicates, twice);
    }
}

/* Of each length, in the midst of a text and at its end: all ways to the hash give the same. */
static void test_hashes_of_names(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    (void)state;
    for (int len = 0; len <= 40; len++) {
        for (int behind = 0; behind < 40; behind++) {
            char text[128];
            struct gw_json_tape tape;
            struct gw_json_error error;
            int bytes = snprintf(text, sizeof(text), "{\"%.*s\":0%*s}", len, letters, behind, "");
            for (size_t path = 0; path < GW_COUNT_OF(paths); path++) {
                assert_int_equal(
                    read_exact(paths[path], gw_str_from(text, (size_t)bytes), &tape, &error), 0);
                assert_int_equal(tape.tokens[1].len, len);
                assert_int_equal(tape.tokens[1].hash,
                                 gw_json_name_hash(gw_str_from(letters, (size_t)len)));
            }
        }
        gw_arena_reset(&arena);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct gw_json_tape tape;
    struct gw_json_error error;
    struct gw_json_limits limits = {.max_bytes = 10, .max_depth = 2};

    assert_int_equal(gw_json_read(&arena, GW_STR("[[1]]"), &limits, &tape, &error), 0);
    assert_int_equal(gw_json_read(&arena, GW_STR("[[[]]]"), &limits, &tape, &error), -EMSGSIZE);
    assert_int_equal(error.byte, 2);
    assert_int_equal(gw_json_read(&arena, GW_STR("[1,2,3,4,5]"), &limits, &tape, &error),
                     -EMSGSIZE);
    limits = (struct gw_json_limits){.max_bytes = 1 << 20, .max_depth = 100000};
    char deep[GW_JSON_DEPTH_CEILING + 1];
    memset(deep, '[', sizeof(deep));
    assert_int_equal(gw_json_read(&arena, gw_str_from(deep, sizeof(deep)), &limits, &tape, &error),
                     -EMSGSIZE);

    struct gw_arena small;
    gw_arena_init(&small, 256, 256);
    assert_int_equal(gw_json_read(&small, GW_STR("[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]"), NULL,
                                  &tape, &error),
                     -ENOMEM);
    gw_arena_finish(&small);
}

static void test_scalar_tapes(void **state)
{
    (void)state;
    struct gw_json_token token;
    struct gw_json_tape tape = gw_json_tape_of_string(GW_STR("abc"), &token);

    assert_true(gw_str_equal(gw_json_string(&tape, 0), GW_STR("abc")));
    assert_int_equal(gw_json_tape_of_number(GW_STR("-1.50"), &token, &tape), 0);
    assert_true(gw_str_equal(gw_json_number(&tape, 0), GW_STR("-1.50")));
    assert_int_equal(gw_json_tape_of_number(GW_STR("1e5"), &token, &tape), 0);
    assert_int_equal(gw_json_tape_of_number(GW_STR("1 "), &token, &tape), -EINVAL);
    assert_int_equal(gw_json_tape_of_number(GW_STR(""), &token, &tape), -EINVAL);
    assert_int_equal(gw_json_tape_of_number(GW_STR("0x1"), &token, &tape), -EINVAL);
    tape = gw_json_tape_of_bool(true, &token);
    assert_int_equal(gw_json_type(&tape, 0), GW_JSON_TRUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain_strings_are_not_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_structure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_duplicate_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_of_one_hash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hashes_of_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scalar_tapes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
