#include "server/crypto/verify_key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "server/core/scope.h"
#include "server/crypto/random.h"

#define MAX_EXPONENT_BYTES 8
#define MAX_COORDINATE_BYTES 66
#define MIN_SECRET_BYTES 32
#define MAX_SECRET_BYTES 4096

static void scope_bn(BIGNUM **number)
{
    BN_free(*number);
}

static void scope_builder(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}

static void scope_params(OSSL_PARAM **parameters)
{
    OSSL_PARAM_free(*parameters);
}

void gw_scope_pkey_ctx(EVP_PKEY_CTX **state)
{
    EVP_PKEY_CTX_free(*state);
}

static struct gw_verify_key *new_key(enum gw_key_kind kind, size_t secret_len)
{
    struct gw_verify_key *key = calloc(1, sizeof(*key) + secret_len);

    if (key != NULL) {
        key->kind = kind;
        key->secret_len = secret_len;
    }
    return key;
}

/* Hands `pkey` over to a new key, also when it fails. */
static int adopt(enum gw_key_kind kind, EVP_PKEY *pkey, struct gw_verify_key **out_key)
{
    struct gw_verify_key *key = new_key(kind, 0);

    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return -ENOMEM;
    }
    key->pkey = pkey;
    *out_key = key;
    return 0;
}

static int import_public(const char *type, OSSL_PARAM *parameters, EVP_PKEY **out_pkey)
{
    GW_SCOPED(gw_scope_pkey_ctx)
    EVP_PKEY_CTX *import = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (import == NULL || EVP_PKEY_fromdata_init(import) != 1)
        return -ENOMEM;
    if (EVP_PKEY_fromdata(import, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return -EINVAL;
    *out_pkey = pkey;
    return 0;
}

/* Whether `residue` is a power of 65537 modulo `prime`. */
static bool is_power_of_f4(unsigned residue, unsigned prime)
{
    unsigned power = 1;

    do {
        if (power == residue)
            return true;
        power = power * (65537 % prime) % prime;
    } while (power != 1);
    return false;
}

/* Infineon's generator made primes of the form k * M + 65537^a mod M, M a product of small primes.
 * So the modulus is a power of 65537 modulo each of them; by chance, that happens to one key in
 * 2^27. */
static bool is_roca(const BIGNUM *modulus)
{
    static const uint8_t primes[] = {
        3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
        73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};

    for (size_t i = 0; i < GW_COUNT_OF(primes); i++) {
        unsigned residue = (unsigned)BN_mod_word(modulus, primes[i]);

        if (!is_power_of_f4(residue, primes[i]))
            return false;
    }
    return true;
}

static int check_rsa(const BIGNUM *modulus, const BIGNUM *exponent, unsigned min_bits)
{
    if (!BN_is_odd(modulus) || !BN_is_odd(exponent) || BN_is_one(exponent) ||
        BN_num_bits(modulus) > GW_RSA_MAX_BITS)
        return -EINVAL;
    if (BN_num_bits(modulus) < (int)min_bits)
        return -ERANGE;
    return is_roca(modulus) ? -EPERM : 0;
}

int gw_verify_key_from_rsa(struct gw_str modulus, struct gw_str exponent, unsigned min_bits,
                           struct gw_verify_key **out_key)
{
    if (modulus.len == 0 || modulus.len > GW_RSA_MAX_BITS / 8 || exponent.len == 0 ||
        exponent.len > MAX_EXPONENT_BYTES)
        return -EINVAL;

    GW_SCOPED(scope_bn) BIGNUM *n = BN_bin2bn((const uint8_t *)modulus.ptr, (int)modulus.len, NULL);
    GW_SCOPED(scope_bn)
    BIGNUM *e = BN_bin2bn((const uint8_t *)exponent.ptr, (int)exponent.len, NULL);
    if (n == NULL || e == NULL)
        return -ENOMEM;
    int rc = check_rsa(n, e, min_bits);
    if (rc != 0)
        return rc;

    GW_SCOPED(scope_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return -ENOMEM;
    GW_SCOPED(scope_params) OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *pkey = NULL;
    rc = parameters == NULL ? -ENOMEM : import_public("RSA", parameters, &pkey);
    return rc != 0 ? rc : adopt(GW_KEY_RSA, pkey, out_key);
}

static const struct {
    const char *group;
    size_t coordinate_bytes;
} curves[GW_KEY_KIND_COUNT] = {
    [GW_KEY_P256] = {"P-256", 32},
    [GW_KEY_P384] = {"P-384", 48},
    [GW_KEY_P521] = {"P-521", 66},
};

int gw_verify_key_from_ec(enum gw_key_kind kind, struct gw_str x, struct gw_str y,
                          struct gw_verify_key **out_key)
{
    size_t bytes = curves[kind].coordinate_bytes;
    uint8_t point[1 + 2 * MAX_COORDINATE_BYTES];

    if (bytes == 0 || x.len != bytes || y.len != bytes)
        return -EINVAL;
    point[0] = 0x04; /* uncompressed (SEC 1, section 2.3.3) */
    memcpy(point + 1, x.ptr, bytes);
    memcpy(point + 1 + bytes, y.ptr, bytes);

    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curves[kind].group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * bytes),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    int rc = import_public("EC", parameters, &pkey);
    if (rc != 0)
        return rc;

    GW_SCOPED(gw_scope_pkey_ctx) EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (check == NULL || EVP_PKEY_public_check(check) != 1) {
        EVP_PKEY_free(pkey);
        return -EINVAL;
    }
    return adopt(kind, pkey, out_key);
}

int gw_verify_key_from_ed25519(struct gw_str bytes, struct gw_verify_key **out_key)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL,
                                                    (const uint8_t *)bytes.ptr, bytes.len);

    return pkey == NULL ? -EINVAL : adopt(GW_KEY_ED25519, pkey, out_key);
}

int gw_verify_key_from_secret(struct gw_str secret, struct gw_verify_key **out_key)
{
    if (secret.len < MIN_SECRET_BYTES || secret.len > MAX_SECRET_BYTES)
        return -EINVAL;

    struct gw_verify_key *key = new_key(GW_KEY_SECRET, secret.len);
    if (key == NULL)
        return -ENOMEM;
    memcpy(key->secret, secret.ptr, secret.len);
    *out_key = key;
    return 0;
}

void gw_verify_key_destroy(struct gw_verify_key *key)
{
    if (key == NULL)
        return;
    for (int i = 0; i < GW_SIGNATURE_ALG_COUNT; i++)
        EVP_PKEY_CTX_free(key->prepared[i]);
    gw_digester_destroy(key->digester);
    EVP_MD_CTX_free(key->one_shot);
    EVP_PKEY_free(key->pkey);
    gw_secret_wipe(key->secret, key->secret_len);
    free(key);
}

enum gw_key_kind gw_verify_key_kind(const struct gw_verify_key *key)
{
    return key->kind;
}
