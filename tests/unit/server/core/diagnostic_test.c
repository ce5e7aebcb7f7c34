#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/diagnostic.h"

static char *print(struct gw_diagnostics *list)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    gw_diagnostics_print(list, out);
    fclose(out);
    return text;
}

static void findings_are_sorted(void **state)
{
    struct gw_diagnostics list;
    struct gw_error error;

    (void)state;
    gw_diagnostics_init(&list);
    gw_diagnostics_add(&list, GW_SEVERITY_ERROR, "b", 1, 1, "last");
    gw_diagnostics_add(&list, GW_SEVERITY_ERROR, "a", 10, 2, "fourth, %d", 4);
    gw_diagnostics_add(&list, GW_SEVERITY_ERROR, "a", 10, 2, "fifth");
    gw_diagnostics_add(&list, GW_SEVERITY_ERROR, "a", 9, 0, "third");
    gw_diagnostics_add(&list, GW_SEVERITY_WARNING, "a", 0, 0, "second");
    gw_diagnostics_add(&list, GW_SEVERITY_WARNING, NULL, 0, 0, "first");
    char *text = print(&list);
    assert_string_equal(text, "warning: first\n"
                              "a: warning: second\n"
                              "a:9: error: third\n"
                              "a:10:2: error: fourth, 4\n"
                              "a:10:2: error: fifth\n"
                              "b:1:1: error: last\n");
    free(text);
    assert_int_equal(list.error_count, 4);
    assert_int_equal(gw_diagnostics_to_error(&list, -EINVAL, &error), -EINVAL);
    assert_string_equal(error.text, "a:9: third");
    gw_diagnostics_finish(&list);
}

static void the_list_is_bounded(void **state)
{
    struct gw_diagnostics list;

    (void)state;
    gw_diagnostics_init(&list);
    for (unsigned i = 0; i < GW_DIAGNOSTICS_MAX + 7; i++)
        gw_diagnostics_add(&list, GW_SEVERITY_ERROR, "f", i + 1, 1, "wrong");
    assert_int_equal(list.count, GW_DIAGNOSTICS_MAX);
    assert_int_equal(list.error_count, GW_DIAGNOSTICS_MAX + 7);
    char *text = print(&list);
    assert_non_null(strstr(text, "f:100:1: error: wrong\nand 7 more\n"));
    free(text);
    gw_diagnostics_finish(&list);
    assert_false(gw_diagnostics_has_errors(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_are_sorted),
        cmocka_unit_test(the_list_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
