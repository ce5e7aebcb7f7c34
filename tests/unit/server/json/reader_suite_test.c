/* A third party's JSON texts: every y_ must be accepted, every n_ refused, i_ may be either; and
 * both paths of the reader say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/json/reader.h"
#include "tests/unit/support/suite_files.h"

static int wrong;

static void try_file(const char *path, const char *name, void *self)
{
    struct gw_arena arena;
    struct gw_json_tape tape, portable_tape;
    struct gw_json_error error, portable_error;
    struct gw_str text = suite_read(path);

    (void)self;
    gw_arena_init(&arena, 64 << 10, 64 << 20);
    int rc = gw_json_read(&arena, text, NULL, &tape, &error);
    int portable_rc = gw_json_read_portable(&arena, text, NULL, &portable_tape, &portable_error);
    if ((name[0] == 'y' && rc != 0) || (name[0] == 'n' && rc == 0) || rc != portable_rc) {
        printf("%s: %d, portable %d\n", name, rc, portable_rc);
        wrong++;
    }
    if (rc == 0 && portable_rc == 0 && tape.count != portable_tape.count)
        wrong++;
    if (rc != 0 && portable_rc != 0 && error.byte != portable_error.byte)
        wrong++;
    gw_arena_finish(&arena);
    free((void *)(uintptr_t)text.ptr);
}

static void test_all(void **state)
{
    (void)state;
    int count = suite_each("json-parsing/test_parsing", ".json", try_file, NULL);
    printf("%d texts\n", count);
    assert_true(count > 200);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    suite_require("json-parsing");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
