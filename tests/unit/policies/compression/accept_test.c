#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/compression/accept.h"

static const enum coding offered[] = {CODING_ZSTD, CODING_GZIP};

static void check(const char *accept, enum coding expected, bool is_identity_refused)
{
    struct gw_field field = {GW_STR("Accept-Encoding"), gw_str_of(accept)};
    struct coding_choice choice = coding_choose(&field, 1, offered, 2);

    if (choice.coding != expected || choice.is_identity_refused != is_identity_refused)
        fail_msg("\"%s\": %d, identity %s", accept, (int)choice.coding,
                 choice.is_identity_refused ? "refused" : "taken");
}

static void the_client_chooses(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum coding expected;
        bool is_identity_refused;
    } cases[] = {
        {"gzip", CODING_GZIP, false},
        {"x-gzip", CODING_GZIP, false},
        {"GZIP, deflate, br", CODING_GZIP, false},
        {"gzip, deflate, br, zstd", CODING_ZSTD, false},
        {"zstd;q=0.5, gzip;q=0.9", CODING_GZIP, false},
        {"zstd ; q=0.900 , gzip;q=0.9", CODING_ZSTD, false},
        {"*", CODING_ZSTD, false},
        {"zstd;q=0, *", CODING_GZIP, false},
        {"*;q=0", CODING_IDENTITY, true},
        {"identity;q=0", CODING_IDENTITY, true},
        {"identity;q=0, gzip;q=0.001", CODING_GZIP, true},
        {"gzip;q=0", CODING_IDENTITY, false},
        {"identity, gzip;q=0.5", CODING_IDENTITY, false},
        {"identity;q=0.5, gzip;q=0.5", CODING_GZIP, false},
        {"br", CODING_IDENTITY, false},
        {"", CODING_IDENTITY, false},
        {"gzip;q=2", CODING_IDENTITY, false},
        {"gzip;q=0.1234", CODING_IDENTITY, false},
        {"gzip;q=", CODING_IDENTITY, false},
        {"gzip;q=1.001", CODING_IDENTITY, false},
        {";q=1, ,,gzip", CODING_GZIP, false},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++)
        check(cases[i].accept, cases[i].expected, cases[i].is_identity_refused);
    assert_int_equal(coding_choose(NULL, 0, offered, 2).coding, CODING_IDENTITY);
}

static void several_fields_are_one_list(void **state)
{
    (void)state;
    struct gw_field fields[] = {{GW_STR("Accept-Encoding"), GW_STR("zstd;q=0")},
                                {GW_STR("Host"), GW_STR("gzip")},
                                {GW_STR("accept-encoding"), GW_STR("gzip;q=0.2")}};

    assert_int_equal(coding_choose(fields, 3, offered, 2).coding, CODING_GZIP);
    assert_int_equal(coding_choose(fields, 3, offered, 1).coding, CODING_IDENTITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_chooses),
        cmocka_unit_test(several_fields_are_one_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
