#include "server/crypto/x509_trust.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "server/core/scope.h"

struct gw_x509_trust {
    X509_STORE *store;
};

static void scope_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void scope_x509(X509 **certificate)
{
    X509_free(*certificate);
}

static void scope_store_ctx(X509_STORE_CTX **verification)
{
    X509_STORE_CTX_free(*verification);
}

static void scope_infos(STACK_OF(X509_INFO) * *infos)
{
    sk_X509_INFO_pop_free(*infos, X509_INFO_free);
}

/* Adds the certificates and revocation lists of a text; how many of each. */
static int add_pem(X509_STORE *store, struct gw_str pem, size_t *out_certificates,
                   size_t *out_lists)
{
    GW_SCOPED(scope_bio) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);

    if (bio == NULL)
        return -ENOMEM;
    GW_SCOPED(scope_infos)
    STACK_OF(X509_INFO) *infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
    if (infos == NULL)
        return -EINVAL;
    for (int i = 0; i < sk_X509_INFO_num(infos); i++) {
        X509_INFO *info = sk_X509_INFO_value(infos, i);
        if (info->x509 != NULL && X509_STORE_add_cert(store, info->x509) != 1)
            return -ENOMEM;
        if (info->crl != NULL && X509_STORE_add_crl(store, info->crl) != 1)
            return -ENOMEM;
        *out_certificates += info->x509 != NULL;
        *out_lists += info->crl != NULL;
    }
    return 0;
}

static int fill(X509_STORE *store, struct gw_str ca_pem, struct gw_str crl_pem,
                struct gw_error *error)
{
    size_t certificates = 0, lists = 0, more = 0;
    X509_VERIFY_PARAM *rules = X509_STORE_get0_param(store);
    int rc = add_pem(store, ca_pem, &certificates, &more);

    if (rc != -ENOMEM && certificates == 0)
        return gw_error_set(error, -EINVAL, "it has no certificate in PEM");
    if (rc == 0 && crl_pem.len > 0) {
        rc = add_pem(store, crl_pem, &more, &lists);
        if (rc != -ENOMEM && lists == 0)
            return gw_error_set(error, -EINVAL, "it has no revocation list in PEM");
    }
    if (rc != 0)
        return gw_error_set(error, rc, rc == -ENOMEM ? "out of memory" : "it is damaged PEM");
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    if (lists > 0)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    X509_VERIFY_PARAM_set_flags(rules, flags);
    X509_VERIFY_PARAM_set_auth_level(rules, 2); /* RSA of 2048 bits, no SHA-1 */
    return X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT) == 1 ? 0 : -ENOMEM;
}

int gw_x509_trust_create(struct gw_str ca_pem, struct gw_str crl_pem,
                         struct gw_x509_trust **out_trust, struct gw_error *error)
{
    struct gw_x509_trust *trust = calloc(1, sizeof(*trust));

    if (trust != NULL)
        trust->store = X509_STORE_new();
    if (trust == NULL || trust->store == NULL) {
        gw_x509_trust_destroy(trust);
        return gw_error_set(error, -ENOMEM, "out of memory");
    }
    int rc = fill(trust->store, ca_pem, crl_pem, error);
    ERR_clear_error();
    if (rc != 0) {
        gw_x509_trust_destroy(trust);
        return rc;
    }
    *out_trust = trust;
    return 0;
}

void gw_x509_trust_destroy(struct gw_x509_trust *trust)
{
    if (trust == NULL)
        return;
    X509_STORE_free(trust->store);
    free(trust);
}

int gw_x509_trust_verify(const struct gw_x509_trust *trust, struct gw_str der, int64_t now_s,
                         struct gw_error *error)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    GW_SCOPED(scope_x509) X509 *certificate = d2i_X509(NULL, &at, (long)der.len);

    if (certificate == NULL || at != (const unsigned char *)der.ptr + der.len) {
        ERR_clear_error();
        return gw_error_set(error, -EINVAL, "it is no certificate");
    }
    GW_SCOPED(scope_store_ctx) X509_STORE_CTX *verification = X509_STORE_CTX_new();
    if (verification == NULL ||
        X509_STORE_CTX_init(verification, trust->store, certificate, NULL) != 1)
        return gw_error_set(error, -ENOMEM, "out of memory");
    X509_STORE_CTX_set_time(verification, 0, (time_t)now_s);
    int is_good = X509_verify_cert(verification);
    ERR_clear_error();
    if (is_good == 1)
        return 0;
    return gw_error_set(error, -EINVAL, "%s",
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(verification)));
}
