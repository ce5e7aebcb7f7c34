#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/net/address.h"

static void test_forbidden(void **state)
{
    static const struct {
        const char *text;
        bool is_forbidden;
    } cases[] = {
        {"127.0.0.1", false},
        {"10.1.2.3", false},
        {"192.0.2.1", false},
        {"169.253.255.255", false},
        {"169.254.0.0", true},
        {"169.254.169.254", true},
        {"169.254.255.255", true},
        {"169.255.0.0", false},
        {"0.0.0.0", true},
        {"0.1.2.3", true},
        {"223.255.255.255", false},
        {"224.0.0.1", true},
        {"239.255.255.255", true},
        {"255.255.255.255", true},
        {"100.100.100.200", true},
        {"100.100.100.201", false},
        {"::", true},
        {"::1", false},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", false},
        {"ff02::1", true},
        {"2001:db8::1", false},
        {"fd00:ec2::254", true},
        {"fd00:ec2::253", false},
        {"::ffff:169.254.169.254", true},
        {"::ffff:127.0.0.1", false},
        {"64:ff9b::a9fe:a9fe", true},
        {"64:ff9b::a00:1", false},
        {"2002:a9fe:a9fe::1", true},
        {"::169.254.169.254", true},
    };

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(cases); at++) {
        struct gw_address address;

        assert_int_equal(gw_address_parse(gw_str_of(cases[at].text), &address), 0);
        if (gw_address_is_forbidden(&address.any) != cases[at].is_forbidden)
            fail_msg("%s", cases[at].text);
    }
    assert_true(gw_address_is_forbidden(&(struct sockaddr){.sa_family = AF_UNIX}));
}

static void test_text(void **state)
{
    static const char *const broken[] = {"",      "1.2.3",  "1.2.3.4.5", "0x7f.1",  "2130706433",
                                         "[::1]", "::1%lo", "a",         "1.2.3.4 "};
    struct gw_address address;
    char text[GW_ADDRESS_TEXT_BYTES];

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(broken); at++)
        assert_int_equal(gw_address_parse(gw_str_of(broken[at]), &address), -EINVAL);
    assert_int_equal(gw_address_parse(GW_STR("1.2.3.4\0x"), &address), -EINVAL);
    assert_int_equal(gw_address_parse(GW_STR("192.0.2.7"), &address), 0);
    address.v4.sin_port = htons(80);
    gw_address_format(&address.any, text);
    assert_string_equal(text, "192.0.2.7:80");
    assert_true(gw_address_equal(&address.any, &address.any));
    assert_int_equal(gw_address_parse(GW_STR("2001:DB8::7"), &address), 0);
    address.v6.sin6_port = htons(443);
    gw_address_format(&address.any, text);
    assert_string_equal(text, "[2001:db8::7]:443");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
