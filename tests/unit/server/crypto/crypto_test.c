/* base64url, digests, HMAC, DER and comparing: known answers and what must be refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/crypto/base64url.h"
#include "server/crypto/ecdsa_der.h"
#include "server/crypto/mac.h"
#include "server/crypto/random.h"

static void test_base64url_round_trip(void **state)
{
    uint8_t bytes[100], decoded[100];
    char text[140];

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        gw_random_bytes(bytes, len);
        size_t text_len = gw_base64url_encoded_len(len);
        gw_base64url_encode(bytes, len, text);
        assert_int_equal(gw_base64url_decoded_bytes(text_len), len);
        assert_int_equal(gw_base64url_decode(gw_str_from(text, text_len), decoded), 0);
        assert_memory_equal(bytes, decoded, len);
    }
}

static void test_base64url_known(void **state)
{
    uint8_t out[16];
    char text[16];

    (void)state;
    assert_int_equal(gw_base64url_decode(GW_STR("-_8"), out), 0);
    assert_memory_equal(out, "\xfb\xff", 2);
    gw_base64url_encode((const uint8_t *)"foobar", 5, text);
    assert_memory_equal(text, "Zm9vYmE", 7);
}

static void test_base64url_refused(void **state)
{
    static const char *const cases[] = {
        "A",     "AAAAA", "AB",      "AAB",      "Zg==",   "Zm8=",        "Zm9v=",   "Zm 9",
        "Zm9\n", " Zm9v", "Zm9vYg ", "Zm+v",     "Zm/v",   "Zm9,",        "Zm9\x80", "\xffm9v",
        "AAA?",  "A?AA",  "====",    "Zm9v\r\n", "Zm9v.A", "Zm9vYmF\x7f",
    };
    uint8_t out[16];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (gw_base64url_decode(gw_str_of(cases[i]), out) != -EINVAL)
            fail_msg("\"%s\" was decoded", cases[i]);
    }
    assert_int_equal(gw_base64url_decode(GW_STR("AA\0A"), out), -EINVAL);
}

/* Exactly the 64 letters, at each place of a group. */
static void test_base64url_alphabet(void **state)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t out[3];

    (void)state;
    for (size_t place = 0; place < 4; place++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[4] = {'A', 'A', 'A', 'A'};
            text[place] = (char)byte;
            bool is_letter = byte != 0 && strchr(letters, byte) != NULL;
            assert_int_equal(gw_base64url_decode(gw_str_from(text, 4), out) == 0, is_letter);
        }
    }
}

static void test_digests(void **state)
{
    static const char *const of_abc[GW_DIGEST_COUNT] = {
        [GW_SHA1] = "a9993e364706816aba3e25717850c26c9cd0d89d",
        [GW_SHA256] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        [GW_SHA384] = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                      "8086072ba1e7cc2358baeca134c825a7",
        [GW_SHA512] = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    };
    char hex[2 * GW_DIGEST_MAX_BYTES + 1];

    (void)state;
    for (int i = 0; i < GW_DIGEST_COUNT; i++) {
        gw_digest_hex((enum gw_digest)i, GW_STR("abc"), hex);
        assert_string_equal(hex, of_abc[i]);
    }
    gw_digest_hex(GW_SHA1, gw_str_from(NULL, 0), hex);
    assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void test_macs(void **state)
{
    char hex[2 * GW_DIGEST_MAX_BYTES + 1];
    uint8_t mac[GW_DIGEST_MAX_BYTES];

    (void)state; /* RFC 4231, test case 2, and RFC 2104's empty key */
    assert_int_equal(
        gw_mac_compute(GW_SHA256, GW_STR("Jefe"), GW_STR("what do ya want for nothing?"), mac), 0);
    gw_hex_encode(mac, 32, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(gw_mac_compute(GW_SHA256, gw_str_from(NULL, 0), gw_str_from(NULL, 0), mac), 0);
    gw_hex_encode(mac, 32, hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_der_round_trip(void **state)
{
    static const size_t sizes[] = {32, 48, 66};
    uint8_t raw[GW_ECDSA_RAW_MAX_BYTES], back[GW_ECDSA_RAW_MAX_BYTES], der[GW_ECDSA_DER_MAX_BYTES];

    (void)state;
    for (int turn = 0; turn < 3000; turn++) {
        size_t half = sizes[turn % 3];
        gw_random_bytes(raw, 2 * half);
        memset(raw, 0, (size_t)turn / 3 % half); /* leading zeroes in r ... */
        memset(raw + half, turn % 2 == 0 ? 0xff : 0,
               (size_t)turn / 5 % half); /* ... and more in s */
        struct gw_str text = gw_ecdsa_to_der(gw_str_from((const char *)raw, 2 * half), der);
        assert_true(text.len <= sizeof(der));
        assert_int_equal(gw_ecdsa_from_der(text, half, back), 0);
        assert_memory_equal(raw, back, 2 * half);
        for (size_t cut = 0; cut < text.len; cut++)
            assert_int_equal(gw_ecdsa_from_der(gw_str_from(text.ptr, cut), half, back), -EINVAL);
    }
}

static void test_random_and_comparing(void **state)
{
    char a[2 * 100 + 1], b[2 * 100 + 1];

    (void)state;
    gw_random_hex(a, 100);
    gw_random_hex(b, 100);
    assert_int_equal(strlen(a), 200);
    assert_int_equal(strspn(a, "0123456789abcdef"), 200);
    assert_string_not_equal(a, b);
    assert_false(gw_secret_equal(gw_str_of(a), gw_str_of(b)));
    assert_true(gw_secret_equal(gw_str_of(a), gw_str_of(a)));
    assert_false(gw_secret_equal(GW_STR("ab"), GW_STR("abc")));
    assert_true(gw_secret_equal(gw_str_from(NULL, 0), GW_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64url_round_trip),
        cmocka_unit_test(test_base64url_known),
        cmocka_unit_test(test_base64url_refused),
        cmocka_unit_test(test_base64url_alphabet),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_der_round_trip),
        cmocka_unit_test(test_random_and_comparing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
