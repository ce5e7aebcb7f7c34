#include "server/crypto/jwk.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "server/core/scope.h"
#include "server/crypto/base64url.h"
#include "server/crypto/random.h"

#define MAX_KID_BYTES 1024
#define MAX_VALUE_BYTES 4096 /* of one decoded member */
#define DEFAULT_MIN_RSA_BITS 2048

static void scope_json(json_t **value)
{
    json_decref(*value);
}

/* A decoded member; wiped, since it may be a secret. */
struct octets {
    size_t len;
    uint8_t bytes[MAX_VALUE_BYTES];
};

static void scope_octets(struct octets *octets)
{
    gw_secret_wipe(octets->bytes, octets->len);
}

static struct gw_str octets_str(const struct octets *octets)
{
    return gw_str_from((const char *)octets->bytes, octets->len);
}

/* Sets `out` to the member's text: 0; -ENOENT: it is not there; -EINVAL: it is no string. */
static int get_text(const json_t *jwk, const char *name, struct gw_str *out)
{
    const json_t *value = json_object_get(jwk, name);

    if (value == NULL)
        return -ENOENT;
    if (!json_is_string(value))
        return -EINVAL;
    *out = gw_str_from(json_string_value(value), json_string_length(value));
    return 0;
}

static int get_octets(const json_t *jwk, const char *name, struct octets *out,
                      struct gw_error *error)
{
    struct gw_str text;

    if (get_text(jwk, name, &text) != 0)
        return gw_error_set(error, -EINVAL, "\"%s\" is missing or no string", name);
    if (gw_base64url_decoded_bytes(text.len) > sizeof(out->bytes))
        return gw_error_set(error, -EINVAL, "\"%s\" is too long", name);
    if (gw_base64url_decode(text, out->bytes) != 0)
        return gw_error_set(error, -EINVAL, "\"%s\" is not base64url without padding", name);
    out->len = gw_base64url_decoded_bytes(text.len);
    return 0;
}

/* Base64urlUInt (RFC 7518, section 2): no leading zeroes. */
static int get_number(const json_t *jwk, const char *name, struct octets *out,
                      struct gw_error *error)
{
    int rc = get_octets(jwk, name, out, error);

    if (rc == 0 && (out->len == 0 || out->bytes[0] == 0))
        return gw_error_set(error, -EINVAL, "\"%s\" is not a positive number in its shortest form",
                            name);
    return rc;
}

static int read_rsa(const json_t *jwk, unsigned min_bits, struct gw_verify_key **out_key,
                    struct gw_error *error)
{
    struct octets n, e;
    int rc = get_number(jwk, "n", &n, error);

    if (rc == 0)
        rc = get_number(jwk, "e", &e, error);
    if (rc != 0)
        return rc;
    rc = gw_verify_key_from_rsa(octets_str(&n), octets_str(&e), min_bits, out_key);
    if (rc == -ERANGE)
        return gw_error_set(error, -EINVAL, "the RSA key has fewer than %u bits", min_bits);
    if (rc == -EPERM)
        return gw_error_set(error, -EINVAL,
                            "the RSA key can be factored (CVE-2017-15361); it must be replaced");
    if (rc == -EINVAL)
        return gw_error_set(error, rc,
                            "the RSA key has an even or too long modulus or a bad exponent");
    return rc;
}

static int read_ec(const json_t *jwk, struct gw_verify_key **out_key, struct gw_error *error)
{
    static const struct {
        const char *crv;
        enum gw_key_kind kind;
    } curves[] = {{"P-256", GW_KEY_P256}, {"P-384", GW_KEY_P384}, {"P-521", GW_KEY_P521}};
    struct gw_str crv;
    struct octets x, y;

    if (get_text(jwk, "crv", &crv) != 0)
        return gw_error_set(error, -EINVAL, "\"crv\" is missing or no string");
    for (size_t i = 0; i < GW_COUNT_OF(curves); i++) {
        if (!gw_str_equal(crv, gw_str_of(curves[i].crv)))
            continue;
        int rc = get_octets(jwk, "x", &x, error);
        if (rc == 0)
            rc = get_octets(jwk, "y", &y, error);
        if (rc != 0)
            return rc;
        rc = gw_verify_key_from_ec(curves[i].kind, octets_str(&x), octets_str(&y), out_key);
        return rc != -EINVAL
                   ? rc
                   : gw_error_set(error, rc, "x and y are not a point of %s", curves[i].crv);
    }
    return gw_error_set(error, -EINVAL, "the curve is not one of P-256, P-384 and P-521");
}

static int read_okp(const json_t *jwk, struct gw_verify_key **out_key, struct gw_error *error)
{
    struct gw_str crv;
    struct octets x;

    if (get_text(jwk, "crv", &crv) != 0 || !gw_str_equal(crv, GW_STR("Ed25519")))
        return gw_error_set(error, -EINVAL, "the curve is not Ed25519");
    int rc = get_octets(jwk, "x", &x, error);
    if (rc != 0)
        return rc;
    rc = gw_verify_key_from_ed25519(octets_str(&x), out_key);
    return rc != -EINVAL ? rc : gw_error_set(error, rc, "\"x\" is not an Ed25519 key of 32 bytes");
}

static int read_secret(const json_t *jwk, struct gw_verify_key **out_key, struct gw_error *error)
{
    GW_SCOPED(scope_octets) struct octets k = {0};
    int rc = get_octets(jwk, "k", &k, error);

    if (rc != 0)
        return rc;
    rc = gw_verify_key_from_secret(octets_str(&k), out_key);
    return rc != -EINVAL
               ? rc
               : gw_error_set(error, rc, "the secret has fewer than 32 bytes or too many");
}

static int read_key(const json_t *jwk, const struct gw_jwk_rules *rules,
                    struct gw_verify_key **out_key, struct gw_error *error)
{
    unsigned min_bits = rules->min_rsa_bits > 0 ? rules->min_rsa_bits : DEFAULT_MIN_RSA_BITS;
    struct gw_str kty;

    if (get_text(jwk, "kty", &kty) != 0)
        return gw_error_set(error, -EINVAL, "\"kty\" is missing or no string");
    if (gw_str_equal(kty, GW_STR("RSA")))
        return read_rsa(jwk, min_bits, out_key, error);
    if (gw_str_equal(kty, GW_STR("EC")))
        return read_ec(jwk, out_key, error);
    if (gw_str_equal(kty, GW_STR("OKP")))
        return read_okp(jwk, out_key, error);
    if (!gw_str_equal(kty, GW_STR("oct")))
        return gw_error_set(error, -EINVAL, "keys of this \"kty\" are not used");
    if (!rules->accepts_secrets)
        return gw_error_set(error, -EINVAL, "no HS algorithm is allowed, so secrets are not used");
    return read_secret(jwk, out_key, error);
}

/* RFC 7517, sections 4.2 and 4.3. */
static int check_use(const json_t *jwk, struct gw_error *error)
{
    struct gw_str use;
    int rc = get_text(jwk, "use", &use);

    if (rc == -EINVAL || (rc == 0 && !gw_str_equal(use, GW_STR("sig"))))
        return gw_error_set(error, -EINVAL, "\"use\" is not \"sig\"");

    const json_t *key_ops = json_object_get(jwk, "key_ops");
    if (key_ops == NULL)
        return 0;
    bool can_verify = false;
    for (size_t i = 0; i < json_array_size(key_ops); i++) {
        const json_t *operation = json_array_get(key_ops, i);
        bool is_verify =
            json_is_string(operation) && strcmp(json_string_value(operation), "verify") == 0;
        if (!json_is_string(operation) || (is_verify && can_verify))
            return gw_error_set(error, -EINVAL, "\"key_ops\" is not a list of different strings");
        can_verify = can_verify || is_verify;
    }
    return can_verify ? 0 : gw_error_set(error, -EINVAL, "\"key_ops\" lacks \"verify\"");
}

static int read_alg(const json_t *jwk, struct gw_jwk *out, struct gw_error *error)
{
    struct gw_str name;
    int rc = get_text(jwk, "alg", &name);

    if (rc == -ENOENT)
        return 0;
    if (rc != 0 || gw_signature_alg_parse(name, &out->alg) != 0)
        return gw_error_set(error, -EINVAL, "\"alg\" is not a signature algorithm offered here");
    out->has_alg = true;
    if (!gw_verify_key_fits(out->key, out->alg))
        return gw_error_set(error, -EINVAL, "the key is not of the kind or length that %s takes",
                            gw_signature_alg_name(out->alg));
    return 0;
}

static int read_kid(const json_t *jwk, struct gw_jwk *out, struct gw_error *error)
{
    struct gw_str kid;
    int rc = get_text(jwk, "kid", &kid);

    if (rc == -ENOENT)
        return 0;
    if (rc != 0 || kid.len > MAX_KID_BYTES)
        return gw_error_set(error, -EINVAL, "\"kid\" is no string, or too long");
    char *copy = gw_str_duplicate(kid);
    if (copy == NULL)
        return -ENOMEM;
    out->kid = gw_str_from(copy, kid.len);
    return 0;
}

/* RFC 7638, section 3: the required members, by name, without white space. Their values were
 * checked by then, so nothing needs escaping. */
static int compute_thumbprint(const json_t *jwk, enum gw_key_kind kind, uint8_t *out)
{
    static const char *const members[GW_KEY_KIND_COUNT][5] = {
        [GW_KEY_RSA] = {"e", "kty", "n"},         [GW_KEY_P256] = {"crv", "kty", "x", "y"},
        [GW_KEY_P384] = {"crv", "kty", "x", "y"}, [GW_KEY_P521] = {"crv", "kty", "x", "y"},
        [GW_KEY_ED25519] = {"crv", "kty", "x"},   [GW_KEY_SECRET] = {"k", "kty"},
    };
    GW_SCOPED(scope_json) json_t *required = json_object();
    int failed = 0;

    for (size_t i = 0; members[kind][i] != NULL; i++)
        failed |=
            json_object_set(required, members[kind][i], json_object_get(jwk, members[kind][i]));
    char *text = failed != 0 ? NULL : json_dumps(required, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL)
        return -ENOMEM;
    gw_digest_compute(GW_SHA256, gw_str_of(text), out);
    gw_secret_wipe(text, strlen(text));
    free(text);
    return 0;
}

static void finish_jwk(struct gw_jwk *jwk)
{
    gw_verify_key_destroy(jwk->key);
    free((char *)jwk->kid.ptr);
    memset(jwk, 0, sizeof(*jwk));
}

static int init_jwk(const json_t *jwk, const struct gw_jwk_rules *rules, struct gw_jwk *out,
                    struct gw_error *error)
{
    memset(out, 0, sizeof(*out));
    if (!json_is_object(jwk))
        return gw_error_set(error, -EINVAL, "it is no object");

    int rc = check_use(jwk, error);
    if (rc == 0)
        rc = read_key(jwk, rules, &out->key, error);
    if (rc == 0)
        rc = read_alg(jwk, out, error);
    if (rc == 0)
        rc = read_kid(jwk, out, error);
    if (rc == 0)
        rc = compute_thumbprint(jwk, gw_verify_key_kind(out->key), out->thumbprint);
    if (rc != 0)
        finish_jwk(out);
    return rc;
}

static int check_set(const struct gw_jwk_set *set, struct gw_error *error)
{
    if (set->count == 0)
        return set->skipped == 0
                   ? gw_error_set(error, -EINVAL, "the key set is empty")
                   : gw_error_set_at(error, -EINVAL, set->first_skipped.where,
                                     "the key set has no usable key: %s", set->first_skipped.text);
    for (size_t i = 0; i < set->count; i++) {
        bool is_secret = gw_verify_key_kind(set->keys[i].key) == GW_KEY_SECRET;
        if (is_secret != (gw_verify_key_kind(set->keys[0].key) == GW_KEY_SECRET))
            return gw_error_set(error, -EINVAL, "the key set has secrets beside public keys");
    }
    return 0;
}

/* The kid of a signature key of a kind we know, or NULL. */
static const char *signature_kid(const json_t *jwk)
{
    static const char *const kinds[] = {"RSA", "EC", "OKP", "oct"};
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    struct gw_error unused;

    for (size_t i = 0; i < GW_COUNT_OF(kinds) && kty != NULL; i++) {
        if (strcmp(kty, kinds[i]) == 0 && check_use(jwk, &unused) == 0)
            return json_string_value(json_object_get(jwk, "kid"));
    }
    return NULL;
}

/* Also among keys that are skipped for a fault: a kid must not say this key today and, when the
 * fault is mended, another one tomorrow. */
static int check_kids(const json_t *keys, struct gw_error *error)
{
    const char *kids[GW_JWK_SET_MAX_KEYS];
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *kid = signature_kid(json_array_get(keys, i));
        if (kid == NULL)
            continue;
        for (size_t k = 0; k < count; k++) {
            if (strcmp(kids[k], kid) == 0)
                return gw_error_set(error, -EINVAL, "two keys have the kid \"%.100s\"", kid);
        }
        kids[count++] = kid;
    }
    return 0;
}

static int fill_set(const json_t *keys, const struct gw_jwk_rules *rules, struct gw_jwk_set *set)
{
    for (size_t i = 0; i < json_array_size(keys); i++) {
        struct gw_error why;
        int rc = init_jwk(json_array_get(keys, i), rules, &set->keys[set->count], &why);

        if (rc == -ENOMEM)
            return rc;
        if (rc == 0) {
            set->count++;
        } else if (set->skipped++ == 0) {
            char where[32];
            snprintf(where, sizeof(where), "/keys/%zu", i);
            (void)gw_error_set_at(&set->first_skipped, rc, where, "%s", why.text);
        }
    }
    return 0;
}

/* The array of keys, as a new reference; NULL if `document` has none. */
static json_t *find_keys(json_t *document)
{
    json_t *keys = json_object_get(document, "keys");

    if (keys != NULL)
        return json_is_array(keys) ? json_incref(keys) : NULL;
    if (json_object_get(document, "kty") == NULL)
        return NULL;
    keys = json_array();
    json_array_append(keys, document);
    return keys;
}

int gw_jwk_set_create(struct gw_str text, const struct gw_jwk_rules *rules,
                      struct gw_jwk_set **out_set, struct gw_error *error)
{
    json_error_t why;

    if (text.len > GW_JWK_SET_MAX_BYTES)
        return gw_error_set(error, -EINVAL, "the key set is longer than %d bytes",
                            GW_JWK_SET_MAX_BYTES);
    GW_SCOPED(scope_json)
    json_t *document =
        json_loadb(text.ptr != NULL ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &why);
    if (document == NULL)
        return gw_error_set(error, -EINVAL, "the key set is no JSON (line %d: %s)", why.line,
                            why.text);
    GW_SCOPED(scope_json) json_t *keys = find_keys(document);
    if (keys == NULL)
        return gw_error_set(error, -EINVAL, "this is neither a JWK Set nor a JWK");
    if (json_array_size(keys) > GW_JWK_SET_MAX_KEYS)
        return gw_error_set(error, -EINVAL, "the key set has more than %d keys",
                            GW_JWK_SET_MAX_KEYS);
    if (check_kids(keys, error) != 0)
        return -EINVAL;

    struct gw_jwk_set *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    /* One more than there are: a place for a key that is then skipped. */
    set->keys = calloc(json_array_size(keys) + 1, sizeof(*set->keys));
    int rc = set->keys == NULL ? -ENOMEM : fill_set(keys, rules, set);
    rc = rc != 0 ? gw_error_set(error, rc, "no memory") : check_set(set, error);
    if (rc != 0) {
        gw_jwk_set_destroy(set);
        return rc;
    }
    *out_set = set;
    return 0;
}

void gw_jwk_set_destroy(struct gw_jwk_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        finish_jwk(&set->keys[i]);
    free(set->keys);
    free(set);
}

bool gw_jwk_allows(const struct gw_jwk *jwk, enum gw_signature_alg alg)
{
    return gw_verify_key_fits(jwk->key, alg) && (!jwk->has_alg || jwk->alg == alg);
}
