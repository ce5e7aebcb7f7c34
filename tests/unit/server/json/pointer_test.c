/* RFC 6901: the examples of section 5, and back from tokens to pointers. */
#include "server/json/pointer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/core/arena.h"

static const char document[] =
    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
    "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"deep\":[[],[{\"x\":[0,{\"~1\":9}]}]]}";

static void test_find(void **state)
{
    (void)state;
    static const struct {
        const char *pointer;
        int64_t value; /* -1: not there */
    } cases[] = {
        {"/", 0},
        {"/a~1b", 1},
        {"/c%d", 2},
        {"/e^f", 3},
        {"/g|h", 4},
        {"/i\\j", 5},
        {"/k\"l", 6},
        {"/ ", 7},
        {"/m~0n", 8},
        {"/deep/1/0/x/1/~01", 9},
        {"/foo/2", -1},
        {"/foo/-", -1},
        {"/foo/01", -1},
        {"/foo/ 1", -1},
        {"/nothing", -1},
        {"foo", -1},
        {"/m~n", -1},
        {"/m~2n", -1},
        {"/a/b", -1},
        {"/foo/0/x", -1},
        {"/foo/99999999999999999999", -1},
    };
    struct gw_arena arena;
    struct gw_json_tape tape;
    struct gw_json_error error;

    gw_arena_init(&arena, 4096, 1 << 20);
    assert_int_equal(gw_json_read(&arena, GW_STR(document), NULL, &tape, &error), 0);
    assert_int_equal(gw_pointer_find(&tape, 0, GW_STR("")), 0);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        uint32_t at = gw_pointer_find(&tape, 0, gw_str_of(cases[i].pointer));
        int64_t value = -1;
        if (at != GW_JSON_NONE)
            assert_true(gw_json_to_i64(&tape, at, &value));
        if (value != cases[i].value)
            fail_msg("%s gave %lld", cases[i].pointer, (long long)value);
    }
    gw_arena_finish(&arena);
}

/* The pointer to each value leads to that value. */
static void test_there_and_back(void **state)
{
    (void)state;
    struct gw_arena arena;
    struct gw_json_tape tape;
    struct gw_json_error error;

    gw_arena_init(&arena, 4096, 1 << 20);
    assert_int_equal(gw_json_read(&arena, GW_STR(document), NULL, &tape, &error), 0);
    for (uint32_t at = 0; at < tape.count; at++) {
        struct gw_str pointer = gw_pointer_to(&tape, 0, at, &arena);
        bool is_name =
            (tape.tokens[at].flags & GW_JSON_NAME) != 0 && tape.tokens[at].type == GW_JSON_STRING;
        assert_non_null(pointer.ptr);
        assert_int_equal(gw_pointer_find(&tape, 0, pointer), at + is_name);
    }
    gw_arena_finish(&arena);
}

static void test_shift(void **state)
{
    (void)state;
    struct gw_str rest = GW_STR("/a~1b//c");
    char out[16];

    assert_int_equal(gw_pointer_shift(&rest, out), 3);
    assert_memory_equal(out, "a/b", 3);
    assert_int_equal(gw_pointer_shift(&rest, out), 0);
    assert_int_equal(gw_pointer_shift(&rest, out), 1);
    assert_int_equal(gw_pointer_shift(&rest, out), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_shift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
