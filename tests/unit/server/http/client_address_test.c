#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/client_address.h"
#include "server/net/cidr.h"

static struct gw_cidr proxies[2];

static const char *find(enum gw_client_address_field field, const char *first, const char *second)
{
    static char out[GW_CLIENT_ADDRESS_BYTES];
    struct gw_str name =
        field == GW_CLIENT_ADDRESS_FORWARDED ? GW_STR("forwarded") : GW_STR("x-forwarded-for");
    struct gw_field fields[] = {{name, gw_str_of(first)}, {name, gw_str_of(second)}};
    struct gw_request request = {.fields = fields, .field_count = second[0] == '\0' ? 1 : 2};

    return gw_client_address_find(&request, field, proxies, 2, out) ? out : "";
}

static void check(enum gw_client_address_field field, const char *first, const char *second,
                  const char *expected)
{
    const char *found = find(field, first, second);
    if (strcmp(found, expected) != 0)
        fail_msg("\"%s\" \"%s\": \"%s\", not \"%s\"", first, second, found, expected);
}

static void x_forwarded_for_is_walked_from_the_right(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"203.0.113.9", "", "203.0.113.9"},
        {"1.1.1.1, 203.0.113.9", "", "203.0.113.9"},
        {"1.1.1.1, 203.0.113.9, 10.0.0.7", "", "203.0.113.9"},
        {"1.1.1.1, 203.0.113.9", "10.0.0.7 , 10.0.0.8", "203.0.113.9"},
        {"10.0.0.7", "", "10.0.0.7"},
        {"10.0.0.9, 10.0.0.7", "", "10.0.0.9"},
        {"203.0.113.9:4711", "", "203.0.113.9"},
        {"[2001:db8::0:1]:4711", "", "2001:db8::1"},
        {"2001:db8::1", "", "2001:db8::1"},
        {"::ffff:203.0.113.9", "", "203.0.113.9"},
        {"203.0.113.9, fd00::7", "", "203.0.113.9"},
        {"unknown", "", ""},
        {"1.1.1.1, unknown, 10.0.0.7", "", "10.0.0.7"},
        {"1.1.1.1, nonsense", "", ""},
        {"1.1.1.1, [::1", "", ""},
        {"203.0.113.9,,", "", "203.0.113.9"},
        {"", "", ""},
        {"203.0.113.999", "", ""},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++)
        check(GW_CLIENT_ADDRESS_X_FORWARDED_FOR, cases[i][0], cases[i][1], cases[i][2]);
}

static void forwarded_is_read_as_its_standard_has_it(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"for=203.0.113.9", "", "203.0.113.9"},
        {"For=\"[2001:db8:cafe::17]:4711\"", "", "2001:db8:cafe::17"},
        {"for=1.1.1.1, proto=https;for=203.0.113.9;by=10.0.0.1", "", "203.0.113.9"},
        {"for=203.0.113.9", "host=x;for=10.0.0.7", "203.0.113.9"},
        {"for=1.1.1.1, for=_hidden", "", ""},
        {"for=1.1.1.1, for=unknown, for=10.0.0.7", "", "10.0.0.7"},
        {"for=1.1.1.1, proto=https", "", ""},
        {"for=\"203.0.113.9", "", ""},
        {"for=1.1.1.1;host=\"a,for=2.2.2.2\"", "", ""},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++)
        check(GW_CLIENT_ADDRESS_FORWARDED, cases[i][0], cases[i][1], cases[i][2]);
}

static void a_list_without_end_is_given_up(void **state)
{
    (void)state;
    char list[2000] = "203.0.113.9";
    for (unsigned i = 0; i < 100; i++)
        memcpy(list + 11 + i * 10, ", 10.0.0.7", 11);
    check(GW_CLIENT_ADDRESS_X_FORWARDED_FOR, list, "", "10.0.0.7");
    check(GW_CLIENT_ADDRESS_PEER, "203.0.113.9", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x_forwarded_for_is_walked_from_the_right),
        cmocka_unit_test(forwarded_is_read_as_its_standard_has_it),
        cmocka_unit_test(a_list_without_end_is_given_up),
    };

    if (gw_cidr_parse(GW_STR("10.0.0.0/8"), &proxies[0]) != 0 ||
        gw_cidr_parse(GW_STR("fd00::/8"), &proxies[1]) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
