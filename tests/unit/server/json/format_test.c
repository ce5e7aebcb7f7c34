/* Formats by their grammars: what is just inside and what is just outside. */
#include "server/json/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct text_case {
    struct gw_str text;
    bool is_valid;
};

#define YES(literal)               \
    {                              \
        GW_STR_INIT(literal), true \
    }
#define NO(literal)                 \
    {                               \
        GW_STR_INIT(literal), false \
    }

static void check(const char *name, const struct text_case *cases, size_t count)
{
    gw_format_fn *format = gw_format_find(gw_str_of(name));

    assert_non_null(format);
    for (size_t i = 0; i < count; i++) {
        if (format(cases[i].text) != cases[i].is_valid)
            fail_msg("%s: \"%.*s\" should be %s", name, GW_STR_ARG(cases[i].text),
                     cases[i].is_valid ? "valid" : "invalid");
    }
}

#define CHECK(name, ...)                                       \
    do {                                                       \
        static const struct text_case cases[] = {__VA_ARGS__}; \
        check(name, cases, GW_COUNT_OF(cases));                \
    } while (0)

static void test_times(void **state)
{
    (void)state;
    CHECK("date", YES("2024-02-29"), NO("2023-02-29"), YES("2000-02-29"), NO("1900-02-29"),
          NO("2024-13-01"), NO("2024-00-01"), NO("2024-04-31"), NO("2024-4-3"), NO("20240403"),
          NO("2024-04-03 "), NO("2024-W01-1"),
          NO("\xe0\xa5\xa7"
             "963-06-19"),
          YES("0000-01-01"), NO(""));
    CHECK("time", YES("08:30:06Z"), YES("23:59:60Z"), YES("08:30:06.283185Z"), NO("08:30:06"),
          YES("01:29:60+01:30"), NO("22:59:60Z"), NO("23:58:60Z"), YES("15:59:60-08:00"),
          NO("23:59:60+00:30"), YES("08:30:06z"), NO("24:00:00Z"), NO("08:60:00Z"), NO("08:30:61Z"),
          NO("08:30:06.Z"), NO("8:30:06Z"), NO("08:30:06+24:00"), NO("08:30:06+01:60"),
          NO("08:30:06+0100"), NO("08:30:06Z+00:00"), NO("08:30:06 Z"), YES("00:29:60+00:30"));
    CHECK("date-time", YES("1963-06-19T08:30:06.283185Z"), YES("1998-12-31T23:59:60Z"),
          YES("1998-12-31T15:59:60.123-08:00"), YES("1999-01-01T00:59:60+01:00"),
          NO("1998-12-30T23:59:60Z"), NO("1998-12-31T23:58:60Z"), NO("1963-06-19T08:30:06"),
          NO("1963-06-19 08:30:06Z"), YES("1963-06-19t08:30:06z"), NO("2013-350T01:01:01Z"),
          NO("1990-02-31T15:59:59.123-08:00"), NO("1963-6-19T08:30:06.283185Z"), NO("2020-01-01T"));
    CHECK("duration", YES("P4DT12H30M5S"), YES("PT0S"), YES("P1Y2M3D"), YES("P2W"), YES("P1M"),
          YES("PT36H"), NO("P"), NO("PT"), NO("P1YT"), NO("P2D1Y"), NO("P1D2H"), NO("P1Y2W"),
          NO("P1Y3D"), NO("PT1H2S"), NO("P1"), NO("4DT12H30M5S"), NO("P0.5D"), NO("P1W2D"),
          NO("P\xe0\xa5\xa7Y"), YES("P1YT5S"));
}

static void test_addresses(void **state)
{
    (void)state;
    CHECK("ipv4", YES("192.168.0.1"), YES("0.0.0.0"), YES("255.255.255.255"), NO("256.1.1.1"),
          NO("127.0.0"), NO("127.0.0.0.1"), NO("087.10.0.1"), NO("1.2.3.4 "), NO("1.2..4"),
          NO("0x7f.1.1.1"), NO("2130706433"), NO("1.2.3.4/24"), NO(""));
    CHECK("ipv6", YES("::1"), YES("::"), YES("1::"), YES("1:2:3:4:5:6:7:8"), YES("1:2:3:4:5:6:7::"),
          YES("::ffff:192.168.0.1"), YES("1:2:3:4:5:6:1.2.3.4"), YES("::2:3:4:5:6:7:8"),
          NO("1:2:3:4:5:6:7"), NO("1:2:3:4:5:6:7:8:9"), NO("1::2::3"), NO(":1:2:3:4:5:6:7"),
          NO("1:2:3:4:5:6:7:"), NO("::12345"), NO("fe80::1%eth0"), NO("::1/64"),
          NO("1:2:3:4:5:6:7:1.2.3.4"), NO("::1.2.3.256"), NO("1.2.3.4"), NO(":::"), NO("::g"),
          NO("12345::"), NO("1:2:3:4:5:6:7:8::"));
}

static void test_hosts(void **state)
{
    (void)state;
    CHECK("hostname", YES("www.example.com"), YES("localhost"), YES("a-b.c1"), YES("1.example"),
          YES("xn--ihqwcrb4cv8a8dqg056pqjye"), NO("xn--X"), NO("-a.b"), NO("a-.b"), NO("a..b"),
          NO("a.b."), NO(".a"), NO(""), NO("a_b.c"), NO("a b"), NO("\xc3\xa9.fr"),
          YES("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.com"),
          NO("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.com"));
    CHECK("idn-hostname", YES("\xec\x8b\xa4\xeb\xa1\x80.\xed\x85\x8c\xec\x8a\xa4\xed\x8a\xb8"),
          YES("hostname"),
          YES("a\xe3\x80\x82"
              "b"),
          NO("\xe3\x80\x82"), NO("a\xe3\x80\x82"),
          NO("\xe3\x80\xae\xed\x85\x8c"), /* a Hangul tone mark first */
          YES("\xc3\x9f\xcf\x82\xe0\xbc\x8b\xe3\x80\x87"), NO("\xd9\x80\xdf\xba"), NO("a\xc2\xb7l"),
          YES("l\xc2\xb7l"), NO("\xce\xb1\xcd\xb5"), YES("\xce\xb1\xcd\xb5\xce\xb2"),
          NO("A\xd7\xb3\xd7\x91"), YES("\xd7\x90\xd7\xb3\xd7\x91"),
          NO("def\xe3\x83\xbb"
             "abc"),
          YES("\xe3\x83\xbb\xe3\x81\x81"), NO("\xd8\xa8\xd9\xa0\xdb\xb0"),
          NO("\xe0\xa4\x95\xe2\x80\x8d\xe0\xa4\xb7"),
          YES("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7"), NO("-\xc3\xa9"), NO("\xc3\xa9-"),
          NO(""), NO("\xef\xbd\xa1"));
}

static void test_mailboxes(void **state)
{
    (void)state;
    CHECK("email", YES("joe.bloggs@example.com"), YES("te~st@example.com"),
          YES("~test@example.com"), YES("\"joe bloggs\"@example.com"),
          YES("\"joe..bloggs\"@example.com"), YES("\"joe@bloggs\"@example.com"),
          YES("joe.bloggs@[127.0.0.1]"), YES("joe.bloggs@[IPv6:::1]"), NO("2962"),
          NO(".test@example.com"), NO("test.@example.com"), NO("te..st@example.com"),
          NO("joe.bloggs@invalid=domain.com"), NO("joe.bloggs@[127.0.0.300]"), NO("joe@"),
          NO("@example.com"), NO("a@b@c"), NO("\"a@b.c"), NO("j\xc3\xb6@example.com"),
          NO("a b@example.com"), NO("a@[1.2.3.4"));
    CHECK("idn-email",
          YES("\xec\x8b\xa4\xeb\xa1\x80@\xec\x8b\xa4\xeb\xa1\x80."
              "\xed\x85\x8c\xec\x8a\xa4\xed\x8a\xb8"),
          YES("joe@example.com"), NO("2962"));
}

static void test_references(void **state)
{
    (void)state;
    CHECK("uri", YES("http://foo.bar/?baz=qux#quux"),
          YES("http://u:p@[2001:db8::7]:80/a//b?c=d/?e#/?"),
          YES("urn:oasis:names:specification:docbook:dtd:xml:4.1.2"), YES("mailto:a@b.c"),
          YES("a:"), YES("http://[v1.a:b]/"), YES("file:///etc/x"), YES("http://a/%7e"),
          NO("http://a/%7"), NO("http://a/ b"), NO("//foo.bar/x"), NO("/abc"), NO("abc"),
          NO("\\\\WINDOWS\\x"), NO(":// fail"), NO("http://a:b/"), NO("http://[::1/"),
          NO("http://[1.2.3.4]/"), NO("1a:b"), NO("http://a/<b>"), NO("http://a/{b}"),
          NO("http://a/\xc3\xa9"), NO("http://a/#b#c"), NO("bar,baz:/x"), NO("http://a@b@c/"),
          NO(""), NO("http://[::1%25eth0]/"), NO("a:\"b\""));
    CHECK("uri-reference", YES("abc"), YES("//foo.bar/x"), YES(""), YES("#a"), YES("?a"),
          YES("./a:b"), NO("#a\\b"), NO("1:2"), NO("a b"), NO("\\\\W"), NO(":a"));
    CHECK("iri", YES("http://\xc6\x92\xc3\xb8\xc3\xb8.\xc3\x9f\xc3\xa5r/?\xe2\x88\x82=\xc3\xb6"),
          NO("http://2001:0db8:85a3::7334"), NO("/abc"), NO("http://a/\xee\x80\x80"),
          YES("http://a/?\xee\x80\x80"), NO("http://a/\xef\xbf\xbf"), NO("http://\xc2\xa0 a/"));
    CHECK("iri-reference", YES("/\xc3\xa2\xcf\x80"), YES("#\xc6\x92"), NO("#\xc6\x92\\a"),
          NO("\\\\WINDOWS\\f\xc3\xac"));
    CHECK("uri-template", YES("http://example.com/dictionary/{term:1}/{term}"), NO("{a*:3}"),
          YES("{+a*,b:3}"), YES("{?x,y*}"), YES("{%41.b}"), YES(""), YES("\xc3\xa9"), NO("{term"),
          NO("a}"), NO("{}"), NO("{a,}"), NO("{a:0}"), NO("{a:10000}"), NO("{a b}"), NO("a b"),
          NO("%4"), NO("{a**}"), NO("<a>"), NO("{.}"), NO("{a..b}"), YES("{;v.w}"));
}

static void test_small_ones(void **state)
{
    (void)state;
    CHECK("uuid", YES("2EB8AA08-aa98-11ea-b4aa-73b441d16380"),
          YES("00000000-0000-0000-0000-000000000000"), NO("2eb8aa08-aa98-11ea-b4aa-73b441d1638"),
          NO("2eb8aa08aa98-11ea-b4aa73b441d16380----"), NO("2eb8aa08-aa98-11ea-b4ga-73b441d16380"),
          NO("{eb8aa08-aa98-11ea-b4aa-73b441d1638}"));
    CHECK("json-pointer", YES(""), YES("/"), YES("/a~0b~1c"), YES("/\xc3\xa9 //"), NO("a"),
          NO("/~"), NO("/~2"), NO("#/a"));
    CHECK("relative-json-pointer", YES("0"), YES("1/a"), YES("0#"), YES("120/a/b"), YES("0-1"),
          YES("2+10#"), NO(""), NO("/a"), NO("-1/a"), NO("+1/a"), NO("0##"), NO("01/a"), NO("1a"),
          NO("0+0"), NO("0+"));
    CHECK("regex", YES("([abc])+\\s+$"), YES(""), NO("^(abc]"), NO("^\\S(|(.|\\n)*\\S)\\Z"),
          NO("\\a"), NO("a**"), NO("(?i)a"), NO("a)"), NO("(?<n>a)(?<n>b)"), YES("(?<n>a)\\k<n>"),
          NO("[b-a]"));
    CHECK("byte", YES(""), YES("YQ=="), NO("YQ="), NO("YQ"), NO("Y==="), NO("Y-=="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),      cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_hosts),      cmocka_unit_test(test_mailboxes),
        cmocka_unit_test(test_references), cmocka_unit_test(test_small_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
