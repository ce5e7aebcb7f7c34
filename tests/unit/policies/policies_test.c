#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policies/policies.h"
#include "server/filter/filter.h"

static const struct gw_filter_type *find(const char *name)
{
    for (const struct gw_filter_type *const *type = gw_policies; *type != NULL; type++)
        if (strcmp((*type)->name, name) == 0)
            return *type;
    return NULL;
}

static size_t place_of(const char *name)
{
    size_t at = 0;

    while (gw_policies[at] != NULL && strcmp(gw_policies[at]->name, name) != 0)
        at++;
    assert_non_null(gw_policies[at]);
    return at;
}

/* The table is the default chain, so its order is what keeps callers out. */
static void what_proves_comes_before_what_relies_on_it(void **state)
{
    (void)state;
    assert_true(place_of("compression") == 0); /* its answer is the last word on the bytes */
    assert_true(place_of("ip_filter") < place_of("jwt"));
    assert_true(place_of("cors") < place_of("jwt"));
    assert_true(place_of("jwt") < place_of("authorise"));
    assert_true(place_of("client_certificate") < place_of("authorise"));
    assert_true(place_of("authorise") < place_of("headers"));
    assert_true(place_of("authorise") < place_of("rate_limit"));
    assert_true(place_of("rate_limit") < place_of("schema"));
    assert_true(place_of("schema") < place_of("transform"));
    assert_true(place_of("rate_limit") < place_of("cache")); /* a hit counts */
    assert_true(place_of("transform") < place_of("cache"));  /* it keys what the backend gets */
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
        cmocka_unit_test(what_proves_comes_before_what_relies_on_it),
        cmocka_unit_test(names_are_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
