#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/arena.h"

static void memory_is_aligned_and_apart(void **state)
{
    (void)state;
    struct gw_arena arena;
    char *last = NULL;

    gw_arena_init(&arena, 256, 1 << 20);
    for (size_t bytes = 0; bytes < 300; bytes++) {
        char *memory = gw_arena_alloc(&arena, bytes);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        memset(memory, (int)bytes, bytes);
        if (last != NULL && bytes > 1)
            assert_int_equal((unsigned char)last[0], (unsigned char)(bytes - 1));
        last = memory;
    }
    gw_arena_finish(&arena);
    gw_arena_finish(&arena); /* twice is safe */
}

static void the_ceiling_holds(void **state)
{
    (void)state;
    struct gw_arena arena;
    int defers = 0;

    gw_arena_init(&arena, 1024, 4096);
    assert_null(gw_arena_alloc(&arena, 5000));
    assert_null(gw_arena_alloc(&arena, SIZE_MAX));
    assert_null(gw_arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(gw_arena_calloc(&arena, SIZE_MAX / 2, 3));
    assert_null(gw_arena_copy(&arena, gw_str_from("", SIZE_MAX)).ptr);
    size_t got = 0;
    while (gw_arena_alloc(&arena, 512) != NULL)
        got++;
    assert_in_range(got, 4, 8);
    while (gw_arena_defer(&arena, free, NULL) == 0)
        assert_true(++defers < 1000);
    assert_int_equal(gw_arena_defer(&arena, free, NULL), -ENOMEM);
    assert_null(gw_arena_printf(&arena, "%600d", 1).ptr);
    gw_arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 1024);
    assert_non_null(gw_arena_alloc(&arena, 512));
    gw_arena_finish(&arena);
}

static void calloc_zeroes_recycled_memory(void **state)
{
    (void)state;
    struct gw_arena arena;

    gw_arena_init(&arena, 1024, 4096);
    memset(gw_arena_alloc(&arena, 900), 0xff, 900);
    gw_arena_reset(&arena);
    const char *memory = gw_arena_calloc(&arena, 90, 10);
    for (size_t i = 0; i < 900; i++)
        assert_int_equal(memory[i], 0);
    gw_arena_finish(&arena);
}

static void an_ordinary_block_survives_resets(void **state)
{
    (void)state;
    struct gw_arena arena;

    gw_arena_init(&arena, 1024, 1 << 20);
    char *first = gw_arena_alloc(&arena, 16);
    assert_non_null(gw_arena_alloc(&arena, 9000));
    assert_ptr_equal(arena.next > first ? first : NULL, first); /* the rest stays in use */
    gw_arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 1024);
    assert_ptr_equal(gw_arena_alloc(&arena, 16), first);
    gw_arena_finish(&arena);

    gw_arena_init(&arena, 1024, 1 << 20);
    assert_non_null(gw_arena_alloc(&arena, 9000));
    gw_arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    gw_arena_finish(&arena);
}

static char order[8];

static void note(void *ptr)
{
    order[strlen(order)] = *(char *)ptr;
}

static void defers_run_newest_first_and_once(void **state)
{
    (void)state;
    struct gw_arena arena;
    char names[] = "abc";

    gw_arena_init(&arena, 1024, 4096);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(gw_arena_defer(&arena, note, &names[i]), 0);
    gw_arena_reset(&arena);
    assert_string_equal(order, "cba");
    gw_arena_finish(&arena);
    assert_string_equal(order, "cba");
}

static void texts_end_in_nul(void **state)
{
    (void)state;
    struct gw_arena arena;

    gw_arena_init(&arena, 1024, 4096);
    struct gw_str copy = gw_arena_copy(&arena, gw_str_from("abcdef", 3));
    assert_string_equal(copy.ptr, "abc");
    assert_int_equal(copy.len, 3);
    assert_string_equal(gw_arena_copy(&arena, gw_str_from(NULL, 0)).ptr, "");
    struct gw_str text = gw_arena_printf(&arena, "%s-%d", "x", 7);
    assert_string_equal(text.ptr, "x-7");
    assert_int_equal(text.len, 3);
    const struct gw_str parts[] = {gw_str_from("a\0b", 3), gw_str_from(NULL, 0), GW_STR("c")};
    struct gw_str joined = gw_arena_join(&arena, parts, 3);
    assert_int_equal(joined.len, 4);
    assert_memory_equal(joined.ptr, "a\0bc", 5);
    assert_int_equal(gw_arena_join(&arena, parts, 0).len, 0);
    gw_arena_finish(&arena);
}

static void another_arena_is_adopted(void **state)
{
    (void)state;
    struct gw_arena arena, other, small;
    char *names[] = {"a", "b"};

    memset(order, 0, sizeof(order));
    gw_arena_init(&arena, 64, 4096);
    gw_arena_init(&other, 64, 4096);
    gw_arena_init(&small, 64, 1024);
    struct gw_str first = gw_arena_copy(&arena, GW_STR("first"));
    assert_int_equal(gw_arena_defer(&arena, note, names[0]), 0);
    struct gw_str text = gw_arena_copy(&other, GW_STR("moved"));
    assert_non_null(gw_arena_alloc(&other, 2000));
    assert_int_equal(gw_arena_defer(&other, note, names[1]), 0);
    size_t used = arena.used_bytes + other.used_bytes;
    assert_int_equal(gw_arena_adopt(&small, &other), -ENOMEM);
    assert_int_equal(gw_arena_adopt(&arena, &other), 0);
    assert_int_equal(arena.used_bytes, used);
    assert_int_equal(other.used_bytes, 0);
    gw_arena_finish(&other);
    assert_string_equal(text.ptr, "moved");
    assert_string_equal(first.ptr, "first");
    assert_string_equal(order, "");
    assert_null(gw_arena_alloc(&arena, 2000)); /* the ceiling counts what was adopted */
    assert_int_equal(gw_arena_adopt(&small, &arena), -ENOMEM);
    gw_arena_finish(&arena);
    assert_string_equal(order, "ba");
    gw_arena_init(&other, 64, 4096);
    text = gw_arena_copy(&other, GW_STR("into an empty one"));
    assert_int_equal(gw_arena_adopt(&small, &other), 0);
    assert_non_null(gw_arena_alloc(&small, 8));
    assert_string_equal(text.ptr, "into an empty one");
    gw_arena_finish(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_apart),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(calloc_zeroes_recycled_memory),
        cmocka_unit_test(an_ordinary_block_survives_resets),
        cmocka_unit_test(defers_run_newest_first_and_once),
        cmocka_unit_test(texts_end_in_nul),
        cmocka_unit_test(another_arena_is_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
