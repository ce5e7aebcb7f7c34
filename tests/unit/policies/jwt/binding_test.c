#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policies/jwt/binding.h"
#include "server/crypto/base64url.h"
#include "server/crypto/x509.h"

/* Nothing but the digest of a certificate counts here, so any bytes can stand for one. */
static const struct gw_str certificate = GW_STR_INIT("certificate");
static const struct gw_str another = GW_STR_INIT("another");
static const struct gw_str none;

static char thumbprint[44]; /* of `certificate` */

static int setup(void **state)
{
    uint8_t digest[GW_SHA256_BYTES];

    (void)state;
    gw_x509_thumbprint(certificate, digest);
    gw_base64url_encode(digest, sizeof(digest), thumbprint);
    return 0;
}

static enum jose_verdict check(const char *payload, struct gw_str shown, bool is_required)
{
    const struct claims_form form = {.required_count = 0};
    const struct claims *claims;
    struct gw_arena arena;

    gw_arena_init(&arena, 4096, 65536);
    assert_int_equal(claims_read(&arena, gw_str_of(payload), JOSE_TYPE_NONE, &form, &claims),
                     JOSE_OK);
    enum jose_verdict verdict = binding_check(&arena, claims, shown, is_required);
    gw_arena_finish(&arena);
    return verdict;
}

static void a_bound_token_needs_its_certificate(void **state)
{
    char payload[256];

    (void)state;
    snprintf(payload, sizeof(payload), "{\"cnf\":{\"jkt\":\"k\",\"x5t#S256\":\"%s\"}}", thumbprint);
    for (int is_required = 0; is_required < 2; is_required++) {
        assert_int_equal(check(payload, certificate, is_required), JOSE_OK);
        assert_int_equal(check(payload, another, is_required), JOSE_OTHER_CERTIFICATE);
        assert_int_equal(check(payload, none, is_required), JOSE_OTHER_CERTIFICATE);
    }
}

static void a_token_that_is_not_bound(void **state)
{
    static const char *const payloads[] = {"{}", "{\"cnf\":{}}", "{\"cnf\":{\"jkt\":\"k\"}}",
                                           "{\"x5t#S256\":\"a\"}"};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(payloads); i++) {
        assert_int_equal(check(payloads[i], none, false), JOSE_OK);
        assert_int_equal(check(payloads[i], certificate, false), JOSE_OK);
        assert_int_equal(check(payloads[i], none, true), JOSE_NOT_BOUND);
        assert_int_equal(check(payloads[i], certificate, true), JOSE_NOT_BOUND);
    }
}

static void a_binding_that_cannot_be_read_is_none_that_holds(void **state)
{
    static const char *const values[] = {
        "1",
        "null",
        "\"\"",
        "[]",
        "\"AAAA\"",
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"",  /* bits that no byte needs */
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",  /* padding */
        "\"+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",  /* the other alphabet */
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", /* a byte more */
    };
    char payload[256];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(values); i++) {
        snprintf(payload, sizeof(payload), "{\"cnf\":{\"x5t#S256\":%s}}", values[i]);
        assert_int_equal(check(payload, certificate, false), JOSE_CLAIMS_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_token_needs_its_certificate),
        cmocka_unit_test(a_token_that_is_not_bound),
        cmocka_unit_test(a_binding_that_cannot_be_read_is_none_that_holds),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
