#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policies/policies.h"
#include "server/filter/filter.h"
#include "server/gateway/config_tables.h"

static const struct gw_filter_type *find(const char *name)
{
    for (const struct gw_filter_type *const *type = gw_policies; *type != NULL; type++)
        if (strcmp((*type)->name, name) == 0)
            return *type;
    return NULL;
}

/* The gateway knows the chain by names alone, and passes over those that the table has not: a
 * policy that is missing would be a check that is not made. All are in it: one that is not
 * configured does nothing. */
static void the_default_chain_is_whole(void **state)
{
    size_t count = 0, known = 0;

    (void)state;
    while (gw_policies[known] != NULL)
        known++;
    for (; gw_config_default_chain[count] != NULL; count++)
        if (find(gw_config_default_chain[count]) == NULL)
            fail_msg("%s is not in the table", gw_config_default_chain[count]);
    assert_int_equal(count, known);
}

static void names_are_unique(void **state)
{
    (void)state;
    for (const struct gw_filter_type *const *type = gw_policies; *type != NULL; type++)
        assert_ptr_equal(find((*type)->name), *type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_chain_is_whole),
        cmocka_unit_test(names_are_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
