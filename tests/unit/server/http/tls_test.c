/* What a listener shows, as it is checked when a configuration is loaded. The handshakes are those
 * of tests/http/tls.test.mjs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/http/tls.h"
#include "tests/unit/support/ca.h"

static struct ca_party authority, leaf, other;

static int setup(void **state)
{
    static const char *const subject[][2] = {{"CN", "old-style.test"}, {NULL, NULL}};
    const struct ca_wish wish = {
        .subject = subject, .not_before_s = 1700000000, .not_after_s = 1800000000};

    (void)state;
    ca_issue(&authority, NULL, NULL);
    ca_issue(&leaf, &authority, "DNS:A.test,IP:127.0.0.1,DNS:*.b.test");
    ca_issue_as(&other, &authority, &wish);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ca_party_finish(&authority);
    ca_party_finish(&leaf);
    ca_party_finish(&other);
    return 0;
}

static struct gw_server_tls_pair pair_of(const char *certificate, const char *key)
{
    return (struct gw_server_tls_pair){gw_str_of(certificate), gw_str_of(key)};
}

static void certificates_are_told(void **state)
{
    const struct gw_server_tls_pair pairs[] = {pair_of(leaf.cert_pem, leaf.key_pem),
                                               pair_of(other.cert_pem, other.key_pem)};
    const struct gw_server_tls_config config = {.pairs = pairs, .pair_count = 2};
    struct gw_server_tls *tls = NULL;
    struct gw_error error;

    (void)state;
    assert_int_equal(gw_server_tls_create(&config, &tls, &error), 0);
    assert_int_equal(gw_server_tls_count(tls), 2);
    const struct gw_server_certificate *first = gw_server_tls_certificate(tls, 0);
    const struct gw_server_certificate *second = gw_server_tls_certificate(tls, 1);
    assert_true(gw_str_equal(first->names, GW_STR("a.test, *.b.test")));
    assert_true(gw_str_equal(second->names, GW_STR("old-style.test")));
    assert_int_equal(second->not_before_s, 1700000000);
    assert_int_equal(second->not_after_s, 1800000000);
    assert_ptr_equal(gw_server_tls_retain(tls), tls);
    gw_server_tls_release(tls);
    assert_int_equal(gw_server_tls_count(tls), 2);
    gw_server_tls_release(tls);
    gw_server_tls_release(NULL);
}

static void a_chain_may_stand_in_any_order(void **state)
{
    char chain[3 * 4096];
    const char *orders[][2] = {{leaf.cert_pem, authority.cert_pem}};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(orders); i++) {
        snprintf(chain, sizeof(chain), "%s%s", orders[i][0], orders[i][1]);
        const struct gw_server_tls_pair pair = pair_of(chain, leaf.key_pem);
        const struct gw_server_tls_config config = {.pairs = &pair, .pair_count = 1};
        struct gw_server_tls *tls = NULL;
        struct gw_error error;
        assert_int_equal(gw_server_tls_create(&config, &tls, &error), 0);
        gw_server_tls_release(tls);
    }
}

static void what_cannot_be_used(void **state)
{
    const struct {
        struct gw_server_tls_pair second;
        const char *ca, *crl, *where;
    } cases[] = {
        {pair_of(leaf.cert_pem, other.key_pem), "", "", "/certificates/1/key"},
        {pair_of(leaf.cert_pem, "text"), "", "", "/certificates/1/key"},
        {pair_of(leaf.cert_pem, leaf.cert_pem), "", "", "/certificates/1/key"},
        {pair_of("text", leaf.key_pem), "", "", "/certificates/1/certificate"},
        {pair_of("", leaf.key_pem), "", "", "/certificates/1/certificate"},
        {pair_of(leaf.key_pem, leaf.key_pem), "", "", "/certificates/1/certificate"},
        {pair_of(leaf.cert_pem, leaf.key_pem), "text", "", "/client_ca"},
        {pair_of(leaf.cert_pem, leaf.key_pem), authority.cert_pem, "text", "/client_crl"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const struct gw_server_tls_pair pairs[] = {pair_of(leaf.cert_pem, leaf.key_pem),
                                                   cases[i].second};
        const struct gw_server_tls_config config = {
            .pairs = pairs,
            .pair_count = 2,
            .client_certificates = GW_CLIENT_CERTIFICATES_REQUIRED,
            .client_ca_pem = gw_str_of(cases[i].ca),
            .client_crl_pem = gw_str_of(cases[i].crl),
        };
        struct gw_server_tls *tls = NULL;
        struct gw_error error;
        assert_int_equal(gw_server_tls_create(&config, &tls, &error), -EINVAL);
        assert_string_equal(error.where, cases[i].where);
        assert_null(tls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_told),
        cmocka_unit_test(a_chain_may_stand_in_any_order),
        cmocka_unit_test(what_cannot_be_used),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
