/* Whose a certificate is, by what stands in it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/client_certificate/mapping.h"

static struct mapping mapping;
static json_t *config;

static int make(const char *yaml, struct gw_error *error)
{
    if (gw_option_parse(yaml, mapping_options, &config, error) != 0)
        fail_msg("%s: %s", error->where, error->text);
    return mapping_init(&mapping, "edi", config, error);
}

static void drop(void)
{
    mapping_finish(&mapping);
    json_decref(config);
    config = NULL;
}

static struct gw_str names[] = {GW_STR_INIT("a.test"), GW_STR_INIT("b.test")};

static void assert_consumer(const char *yaml, const struct gw_x509 *x509, const char *expected)
{
    struct gw_error error;

    if (make(yaml, &error) != 0)
        fail_msg("%s: %s", error.where, error.text);
    struct gw_str consumer = mapping_find(&mapping, x509);
    if (!gw_str_equal(consumer, gw_str_of(expected)))
        fail_msg("%s: \"%.*s\"", yaml, GW_STR_ARG(consumer));
    drop();
}

static void one_name(void **state)
{
    const struct gw_x509 x509 = {.subject = GW_STR("CN=a,O=b"),
                                 .common_name = GW_STR("a"),
                                 .dns = {names, 1},
                                 .uris = {names, 1},
                                 .emails = {names, 1},
                                 .thumbprint = {0xab, 0xcd}};

    (void)state;
    assert_consumer("map: {'CN=a,O=b': x}", &x509, "x");
    assert_consumer("map: {'O=b,CN=a': x}", &x509, "");
    assert_consumer("map: {'cn=a,O=b': x}", &x509, "");
    assert_consumer("any: true", &x509, "CN=a,O=b");
    assert_consumer("{consumer: cn, map: {a: x}}", &x509, "x");
    assert_consumer("{consumer: cn, map: {b: x}}", &x509, "");
    assert_consumer("{consumer: cn, map: {b: x}, any: true}", &x509, "a");
    assert_consumer("{consumer: san_dns, map: {A.Test: x}}", &x509, "x");
    assert_consumer("{consumer: san_uri, map: {A.Test: x}}", &x509, "");
    assert_consumer("{consumer: san_uri, map: {a.test: x}}", &x509, "x");
    assert_consumer("{consumer: san_email, any: true}", &x509, "a.test");
    assert_consumer("{consumer: fingerprint, map: {'AB:CD:00:00:00:00:00:00:00:00:00:00:00:00:00:00"
                    ":00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00': x}}",
                    &x509, "x");
    assert_consumer("{consumer: fingerprint, map: "
                    "{abce000000000000000000000000000000000000000000000000000000000000: x}}",
                    &x509, "");
}

static void no_name(void **state)
{
    static const char *const sources[] = {"subject", "cn", "san_dns", "san_uri", "san_email"};
    const struct gw_x509 x509 = {0};
    char yaml[64];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(sources); i++) {
        snprintf(yaml, sizeof(yaml), "{consumer: %s, any: true}", sources[i]);
        assert_consumer(yaml, &x509, "");
    }
}

static void several_names(void **state)
{
    const struct gw_x509 x509 = {.dns = {names, 2}};

    (void)state;
    assert_consumer("{consumer: san_dns, map: {b.test: x}}", &x509, "x");
    assert_consumer("{consumer: san_dns, map: {a.test: x, b.test: x}}", &x509, "x");
    assert_consumer("{consumer: san_dns, map: {a.test: x, b.test: y}}", &x509, "");
    assert_consumer("{consumer: san_dns, any: true}", &x509, "");
    assert_consumer("{consumer: san_dns, map: {a.test: x}, any: true}", &x509, "x");
}

static void a_name_that_cannot_be_a_consumers(void **state)
{
    static char text[MAPPING_VALUE_MAX_BYTES + 1];
    struct gw_x509 x509 = {.common_name = {text, sizeof(text)}};

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_consumer("{consumer: cn, any: true}", &x509, "");
    x509.common_name = GW_STR("a\nb");
    assert_consumer("{consumer: cn, any: true}", &x509, "");
}

static void scopes_are_joined(void **state)
{
    struct gw_error error;

    (void)state;
    assert_int_equal(make("{any: true, scopes: [a, b.c]}", &error), 0);
    assert_string_equal(mapping.scopes, "a b.c");
    drop();
    assert_int_equal(make("{any: true}", &error), 0);
    assert_string_equal(mapping.scopes, "");
    drop();
}

static void what_makes_no_sense(void **state)
{
    static const struct {
        const char *yaml, *where;
    } cases[] = {
        {"{}", ""},
        {"{consumer: fingerprint, map: {ab: x}}", "/map"},
        {"{consumer: fingerprint, map: {zz: x}}", "/map"},
        {"{consumer: fingerprint, any: true, map: "
         "{abce000000000000000000000000000000000000000000000000000000000000: x}}",
         "/any"},
        {"{map: {a: ''}}", "/map"},
        {"{map: {'': a}}", "/map"},
        {"{map: {a: \"x\\ny\"}}", "/map"},
        {"{consumer: san_dns, map: {a.test: x, A.test: y}}", "/map"},
        {"{any: true, scopes: ['a b']}", "/scopes"},
        {"{any: true, scopes: ['']}", "/scopes"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_error error;
        if (make(cases[i].yaml, &error) != -EINVAL)
            fail_msg("%s is accepted", cases[i].yaml);
        assert_string_equal(error.where, cases[i].where);
        drop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_name),          cmocka_unit_test(no_name),
        cmocka_unit_test(several_names),     cmocka_unit_test(a_name_that_cannot_be_a_consumers),
        cmocka_unit_test(scopes_are_joined), cmocka_unit_test(what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
