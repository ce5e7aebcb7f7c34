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
    static struct gw_client_told told;
    struct gw_str name =
        field == GW_CLIENT_ADDRESS_FORWARDED ? GW_STR("forwarded") : GW_STR("x-forwarded-for");
    struct gw_field fields[] = {{name, gw_str_of(first)}, {name, gw_str_of(second)}};
    struct gw_request request = {.fields = fields, .field_count = second[0] == '\0' ? 1 : 2};

    gw_client_address_find(&request, field, proxies, 2, &told);
    return told.address;
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
        {"for=1.1.1.1;host=\"a,for=2.2.2.2\"", "", "1.1.1.1"},
        {"for=1.1.1.1;host=\"a,for=2.2.2.2;x=\"", "", "1.1.1.1"},
        {"host=\"a;for=2.2.2.2;x\";for=1.1.1.1", "", "1.1.1.1"},
        {"host=\"a\\\";for=2.2.2.2;x\";for=1.1.1.1", "", "1.1.1.1"},
        {"host=\"a\\\",for=2.2.2.2;x\";for=1.1.1.1", "", "1.1.1.1"},
        {"host=\"a\\\\\";for=1.1.1.1", "", "1.1.1.1"},
        {"for=\"2.2.2.2, for=1.1.1.1", "", "1.1.1.1"},
        {"for=2.2.2.2;host=\"a, for=1.1.1.1;host=\"b\"", "", "1.1.1.1"},
        {"xfor=2.2.2.2;for=1.1.1.1", "", "1.1.1.1"},
        {"for=6.6.6.6, for=1.1.1.1:47011\";by=10.0.0.1", "", ""},
        {"for=6.6.6.6;x=\\\", for=1.1.1.1;y=\"", "", ""},
        {"for=6.6.6.6", "for=1.1.1.1;y=\"", ""},
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

static enum gw_client_scheme scheme(enum gw_client_address_field field, const char *list,
                                    const char *proto, const char *more_proto)
{
    bool is_standard = field == GW_CLIENT_ADDRESS_FORWARDED;
    struct gw_client_told told;
    struct gw_field fields[] = {
        {is_standard ? GW_STR("Forwarded") : GW_STR("X-Forwarded-For"), gw_str_of(list)},
        {GW_STR("x-forwarded-proto"), gw_str_of(proto)},
        {GW_STR("x-forwarded-proto"), gw_str_of(more_proto)},
    };
    struct gw_request request = {.fields = fields, .field_count = more_proto[0] == '\0' ? 2 : 3};

    gw_client_address_find(&request, field, proxies, 2, &told);
    return told.scheme;
}

static void the_scheme_is_told_by_whoever_tells_the_address(void **state)
{
    (void)state;
    static const struct {
        enum gw_client_address_field field;
        const char *list, *proto, *more_proto;
        enum gw_client_scheme expected;
    } cases[] = {
        {GW_CLIENT_ADDRESS_FORWARDED, "for=1.1.1.1;proto=https", "http", "",
         GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_FORWARDED, "for=1.1.1.1;Proto=\"HTTPS\"", "", "",
         GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_FORWARDED, "proto=https", "", "", GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_FORWARDED, "for=unknown;proto=http", "", "", GW_CLIENT_SCHEME_HTTP},
        {GW_CLIENT_ADDRESS_FORWARDED, "proto=https, for=1.1.1.1", "", "", GW_CLIENT_SCHEME_UNTOLD},
        {GW_CLIENT_ADDRESS_FORWARDED, "for=1.1.1.1;proto=https, for=10.0.0.7;proto=http", "", "",
         GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_FORWARDED, "for=9.9.9.9;proto=https, for=1.1.1.1;proto=http", "", "",
         GW_CLIENT_SCHEME_HTTP},
        {GW_CLIENT_ADDRESS_FORWARDED, "for=1.1.1.1;proto=http;host=\"a;proto=https;b\"", "", "",
         GW_CLIENT_SCHEME_HTTP},
        {GW_CLIENT_ADDRESS_FORWARDED, "for=1.1.1.1;proto=gopher", "", "", GW_CLIENT_SCHEME_UNTOLD},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "1.1.1.1", "https", "", GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "", "https", "", GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "1.1.1.1", "", "", GW_CLIENT_SCHEME_UNTOLD},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "1.1.1.1", "https, http", "", GW_CLIENT_SCHEME_HTTP},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "1.1.1.1", "https", "http", GW_CLIENT_SCHEME_HTTP},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "1.1.1.1, 10.0.0.7", "https, http", "",
         GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "1.1.1.1, 10.0.0.7", "https", "http",
         GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "1.1.1.1, 10.0.0.7", "wss", "", GW_CLIENT_SCHEME_HTTPS},
        {GW_CLIENT_ADDRESS_X_FORWARDED_FOR, "1.1.1.1", "gopher", "", GW_CLIENT_SCHEME_UNTOLD},
        {GW_CLIENT_ADDRESS_PEER, "1.1.1.1", "https", "", GW_CLIENT_SCHEME_UNTOLD},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (scheme(cases[i].field, cases[i].list, cases[i].proto, cases[i].more_proto) !=
            cases[i].expected)
            fail_msg("case %zu: %s | %s", i, cases[i].list, cases[i].proto);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x_forwarded_for_is_walked_from_the_right),
        cmocka_unit_test(forwarded_is_read_as_its_standard_has_it),
        cmocka_unit_test(a_list_without_end_is_given_up),
        cmocka_unit_test(the_scheme_is_told_by_whoever_tells_the_address),
    };

    if (gw_cidr_parse(GW_STR("10.0.0.0/8"), &proxies[0]) != 0 ||
        gw_cidr_parse(GW_STR("fd00::/8"), &proxies[1]) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
