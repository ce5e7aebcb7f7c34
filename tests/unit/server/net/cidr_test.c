#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/net/address.h"
#include "server/net/cidr.h"

static bool has(const char *network, const char *address)
{
    struct gw_address parsed;
    struct gw_cidr cidr;

    if (gw_cidr_parse(gw_str_of(network), &cidr) != 0)
        fail_msg("%s is refused", network);
    assert_int_equal(gw_address_parse(gw_str_of(address), &parsed), 0);
    return gw_cidr_has(&cidr, &parsed.any);
}

static void addresses_within_and_without(void **state)
{
    static const struct {
        const char *network, *within, *without;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"},
        {"10.1.2.3", "10.1.2.3", "10.1.2.2"},
        {"10.1.2.2/31", "10.1.2.3", "10.1.2.4"},
        {"10.1.2.128/25", "10.1.2.200", "10.1.2.127"},
        {"0.0.0.0/0", "255.255.255.255", "::1"},
        {"192.168.0.0/13", "192.175.255.255", "192.176.0.0"},
        {"::/0", "2001:db8::1", "10.0.0.1"},
        {"::/0", "::1", "::ffff:10.0.0.1"},
        {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
        {"fe80::1", "fe80::1", "fe80::2"},
        {"::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"},
        {"::ffff:0:0/96", "1.2.3.4", "::1"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (!has(cases[i].network, cases[i].within))
            fail_msg("%s is not in %s", cases[i].within, cases[i].network);
        if (has(cases[i].network, cases[i].without))
            fail_msg("%s is in %s", cases[i].without, cases[i].network);
    }
}

static void what_is_no_network(void **state)
{
    static const char *const texts[] = {
        "",
        "/",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/08x",
        "10.0.0/8",
        "10.0.0.1/8",
        "10.0.0.0/8/8",
        "::/129",
        "2001:db8::1/32",
        "localhost",
        "10.0.0.0 ",
        "010.0.0.0/8",
        "*",
        "[::1]",
        "10.0.0.0/0000000000000008",
        "fe80::1%lo",
        "0.0.0.1/0",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        struct gw_cidr cidr = {.bits = 7};
        if (gw_cidr_parse(gw_str_of(texts[i]), &cidr) == 0)
            fail_msg("%s is accepted", texts[i]);
        assert_int_equal(cidr.bits, 7);
    }
}

static void a_list_has_what_one_of_it_has(void **state)
{
    struct gw_cidr list[2];
    struct gw_address address;
    const struct sockaddr local = {.sa_family = AF_UNIX};

    (void)state;
    assert_int_equal(gw_cidr_parse(GW_STR("10.0.0.0/8"), &list[0]), 0);
    assert_int_equal(gw_cidr_parse(GW_STR("::1"), &list[1]), 0);
    assert_int_equal(gw_address_parse(GW_STR("::1"), &address), 0);
    assert_true(gw_cidr_any_has(list, 2, &address.any));
    assert_false(gw_cidr_any_has(list, 1, &address.any));
    assert_false(gw_cidr_any_has(list, 0, &address.any));
    assert_false(gw_cidr_any_has(list, 2, &local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_within_and_without),
        cmocka_unit_test(what_is_no_network),
        cmocka_unit_test(a_list_has_what_one_of_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
