/* Names of records: one for each scope, and within their room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/keyed_record.h"

static void name_of(const char *consumer, const char *operation, const char *key,
                    char out[GW_KEYED_NAME_BYTES])
{
    const struct gw_keyed_scope scope = {gw_str_of(consumer), gw_str_of(operation), gw_str_of(key)};
    uint8_t digest[GW_KEYED_DIGEST_BYTES];

    assert_int_equal(gw_keyed_digest(&scope, digest), 0);
    gw_keyed_name(digest, out);
}

static void each_scope_has_its_own(void **state)
{
    (void)state;
    char first[GW_KEYED_NAME_BYTES], other[GW_KEYED_NAME_BYTES];

    name_of("dev:me", "POST /a", "k", first);
    assert_int_equal(strlen(first), GW_KEYED_NAME_BYTES - 1);
    assert_memory_equal(first, "millgate:idem:{", 15);
    assert_int_equal(first[sizeof(first) - 2], '}');
    name_of("dev:me", "POST /a", "k", other);
    assert_string_equal(first, other);
    name_of("dev:you", "POST /a", "k", other);
    assert_string_not_equal(first, other);
    name_of("dev:me", "POST /b", "k", other);
    assert_string_not_equal(first, other);
    name_of("dev:me", "POST /a", "l", other);
    assert_string_not_equal(first, other);
    name_of("dev:mePOST /a", "", "k", other); /* the parts do not run together */
    assert_string_not_equal(first, other);
}

static void nothing_is_written_beyond_the_name(void **state)
{
    (void)state;
    struct {
        char name[GW_KEYED_NAME_BYTES];
        char behind;
    } room = {.behind = 'x'};

    name_of("c", "o", "k", room.name);
    assert_int_equal(room.behind, 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_scope_has_its_own),
        cmocka_unit_test(nothing_is_written_beyond_the_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
