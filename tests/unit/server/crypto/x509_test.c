#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "server/crypto/x509.h"
#include "server/crypto/x509_trust.h"
#include "tests/unit/support/ca.h"

static struct gw_arena arena;

static int setup(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static int read_one(const struct ca_wish *wish, struct gw_x509 *out)
{
    struct ca_party party = {0};

    ca_issue_as(&party, NULL, wish);
    struct gw_str der = ca_der(&party);
    int rc = gw_x509_read(&arena, der, out);
    free((char *)(uintptr_t)der.ptr);
    ca_party_finish(&party);
    return rc;
}

static void assert_str(struct gw_str text, const char *expected)
{
    if (!gw_str_equal(text, gw_str_of(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", GW_STR_ARG(text), expected);
}

/* --- what it says ----------------------------------------------------------------------------- */

static void names_of_a_certificate(void **state)
{
    static const char *const subject[][2] = {
        {"C", "DE"}, {"O", "Acme, Inc."}, {"CN", "Linie \"7\" \xc3\xa4"}, {NULL, NULL}};
    const struct ca_wish wish = {
        .subject = subject,
        .alternative = "DNS:EDI.Acme.Test,URI:urn:Acme:7,email:a@acme.test,DNS:b.test,IP:127.0.0.1",
        .not_before_s = 1700000000,
        .not_after_s = 4102444800, /* behind 2050: the other form of a date */
    };
    struct gw_x509 x509;

    (void)state;
    assert_int_equal(read_one(&wish, &x509), 0);
    assert_str(x509.subject, "CN=Linie \\\"7\\\" \xc3\xa4,O=Acme\\, Inc.,C=DE");
    assert_str(x509.common_name, "Linie \"7\" \xc3\xa4");
    assert_int_equal(x509.dns.count, 2);
    assert_str(x509.dns.items[0], "edi.acme.test");
    assert_str(x509.dns.items[1], "b.test");
    assert_int_equal(x509.uris.count, 1);
    assert_str(x509.uris.items[0], "urn:Acme:7");
    assert_int_equal(x509.emails.count, 1);
    assert_str(x509.emails.items[0], "a@acme.test");
    assert_int_equal(x509.not_before_s, 1700000000);
    assert_int_equal(x509.not_after_s, 4102444800);
}

static void names_that_are_not_there(void **state)
{
    static const char *const two[][2] = {{"CN", "a"}, {"CN", "b"}, {NULL, NULL}};
    const struct ca_wish none = {0}, ambiguous = {.subject = two};
    struct gw_x509 x509;

    (void)state;
    assert_int_equal(read_one(&none, &x509), 0);
    assert_int_equal(x509.subject.len, 0);
    assert_int_equal(x509.common_name.len, 0);
    assert_int_equal(x509.dns.count + x509.uris.count + x509.emails.count, 0);
    assert_int_equal(read_one(&ambiguous, &x509), 0);
    assert_str(x509.subject, "CN=b,CN=a");
    assert_int_equal(x509.common_name.len, 0);
}

static void names_with_controls_are_refused(void **state)
{
    static const char *const line[][2] = {{"CN", "admin\nx"}, {NULL, NULL}};
    static const char *const del[][2] = {{"O", "a\x7f"}, {"CN", "x"}, {NULL, NULL}};
    const struct ca_wish wishes[] = {{.subject = line}, {.subject = del}};
    struct gw_x509 x509 = {.not_after_s = 7};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(wishes); i++)
        assert_int_equal(read_one(&wishes[i], &x509), -EINVAL);
    assert_int_equal(x509.not_after_s, 7);
}

static void bytes_that_are_no_certificate(void **state)
{
    static const char *const subject[][2] = {{"CN", "x"}, {NULL, NULL}};
    const struct ca_wish wish = {.subject = subject};
    struct ca_party party = {0};
    struct gw_x509 x509;

    (void)state;
    ca_issue_as(&party, NULL, &wish);
    struct gw_str der = ca_der(&party);
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(gw_x509_read(&arena, gw_str_from(der.ptr, len), &x509), -EINVAL);
    char *longer = calloc(1, der.len + 1);
    memcpy(longer, der.ptr, der.len);
    assert_int_equal(gw_x509_read(&arena, gw_str_from(longer, der.len + 1), &x509), -EINVAL);
    assert_int_equal(gw_x509_read(&arena, gw_str_from(longer, der.len), &x509), 0);

    struct gw_arena full;
    gw_arena_init(&full, 64, 0);
    assert_int_equal(gw_x509_read(&full, der, &x509), -ENOMEM);
    gw_arena_finish(&full);
    free(longer);
    free((char *)(uintptr_t)der.ptr);
    ca_party_finish(&party);
}

/* --- whether it is trusted -------------------------------------------------------------------- */

static struct ca_party root, middle, stranger;

static int make_authorities(void **state)
{
    static const char *const root_name[][2] = {{"CN", "root"}, {NULL, NULL}};
    static const char *const middle_name[][2] = {{"CN", "middle"}, {NULL, NULL}};
    const struct ca_wish root_wish = {.subject = root_name, .is_ca = true};
    const struct ca_wish middle_wish = {.subject = middle_name, .is_ca = true};

    (void)state;
    ca_issue_as(&root, NULL, &root_wish);
    ca_issue_as(&stranger, NULL, &root_wish); /* of the same name */
    ca_issue_as(&middle, &root, &middle_wish);
    return 0;
}

static int drop_authorities(void **state)
{
    (void)state;
    ca_party_finish(&root);
    ca_party_finish(&middle);
    ca_party_finish(&stranger);
    return 0;
}

static int verify(const char *ca_pem, const char *crl_pem, const struct ca_party *leaf,
                  int64_t now_s)
{
    struct gw_error error = {0};
    struct gw_x509_trust *trust = NULL;

    if (gw_x509_trust_create(gw_str_of(ca_pem), gw_str_of(crl_pem), &trust, &error) != 0)
        fail_msg("%s", error.text);
    struct gw_str der = ca_der(leaf);
    int rc = gw_x509_trust_verify(trust, der, now_s, &error);
    assert_int_equal(rc != 0, error.text[0] != '\0');
    free((char *)(uintptr_t)der.ptr);
    gw_x509_trust_destroy(trust);
    return rc;
}

static void who_is_trusted(void **state)
{
    static const char *const subject[][2] = {{"CN", "leaf"}, {NULL, NULL}};
    const struct ca_wish plain = {.subject = subject};
    const struct ca_wish client = {.subject = subject, .usage = "clientAuth"};
    const struct ca_wish server = {.subject = subject, .usage = "serverAuth"};
    int64_t now_s = (int64_t)time(NULL);
    struct ca_party by_root = {0}, by_middle = {0}, by_stranger = {0}, for_servers = {0},
                    self = {0};

    (void)state;
    ca_issue_as(&by_root, &root, &plain);
    ca_issue_as(&by_middle, &middle, &client);
    ca_issue_as(&by_stranger, &stranger, &plain);
    ca_issue_as(&for_servers, &root, &server);
    ca_issue_as(&self, NULL, &plain);
    assert_int_equal(verify(root.cert_pem, "", &by_root, now_s), 0);
    assert_int_equal(verify(middle.cert_pem, "", &by_middle, now_s), 0);
    assert_int_equal(verify(root.cert_pem, "", &by_middle, now_s), -EINVAL);
    assert_int_equal(verify(middle.cert_pem, "", &by_root, now_s), -EINVAL);
    assert_int_equal(verify(root.cert_pem, "", &by_stranger, now_s), -EINVAL);
    assert_int_equal(verify(root.cert_pem, "", &for_servers, now_s), -EINVAL);
    assert_int_equal(verify(root.cert_pem, "", &self, now_s), -EINVAL);
    assert_int_equal(verify(root.cert_pem, "", &by_root, now_s + 7200), -EINVAL);
    assert_int_equal(verify(root.cert_pem, "", &by_root, now_s - 7200), -EINVAL);

    char *crl = ca_crl(&root, &by_root), *empty = ca_crl(&root, NULL);
    assert_int_equal(verify(root.cert_pem, crl, &by_root, now_s), -EINVAL);
    assert_int_equal(verify(root.cert_pem, empty, &by_root, now_s), 0);
    assert_int_equal(verify(root.cert_pem, empty, &by_root, now_s + 5400), -EINVAL); /* outdated */
    free(crl);
    free(empty);
    ca_party_finish(&by_root);
    ca_party_finish(&by_middle);
    ca_party_finish(&by_stranger);
    ca_party_finish(&for_servers);
    ca_party_finish(&self);
}

static void trust_that_cannot_be_made(void **state)
{
    struct gw_error error;
    struct gw_x509_trust *trust = NULL;
    struct gw_str garbage =
        GW_STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

    (void)state;
    assert_int_equal(gw_x509_trust_create(GW_STR(""), GW_STR(""), &trust, &error), -EINVAL);
    assert_int_equal(gw_x509_trust_create(GW_STR("text"), GW_STR(""), &trust, &error), -EINVAL);
    assert_int_equal(gw_x509_trust_create(garbage, GW_STR(""), &trust, &error), -EINVAL);
    assert_int_equal(gw_x509_trust_create(gw_str_of(root.cert_pem), GW_STR("text"), &trust, &error),
                     -EINVAL);
    assert_int_equal(
        gw_x509_trust_create(gw_str_of(root.cert_pem), gw_str_of(root.cert_pem), &trust, &error),
        -EINVAL);
    assert_null(trust);
    gw_x509_trust_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_of_a_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_are_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(names_with_controls_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_certificate, setup, teardown),
        cmocka_unit_test(who_is_trusted),
        cmocka_unit_test(trust_that_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, make_authorities, drop_authorities);
}
