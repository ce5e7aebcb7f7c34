#include "server/net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include <limits.h>
#include <stdio.h>

#include "server/core/scope.h"
#include "server/net/tls_wire.h"

static void scope_bio_free(BIO **bio)
{
    BIO_free(*bio);
}

static void scope_x509_free(X509 **certificate)
{
    X509_free(*certificate);
}

static void scope_key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static BIO *open_pem(struct gw_str pem)
{
    return pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
}

/* Whether reading PEM stopped at the end of the text, and not at something broken. */
static bool is_pem_end(void)
{
    unsigned long code = ERR_peek_last_error();

    ERR_clear_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static int trust(SSL_CTX *ssl, struct gw_str pem, struct gw_error *error)
{
    GW_SCOPED(scope_bio_free) BIO *bio = open_pem(pem);
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    unsigned count = 0;

    for (;;) {
        GW_SCOPED(scope_x509_free)
        X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

        if (certificate == NULL)
            break;
        if (X509_STORE_add_cert(store, certificate) != 1)
            return gw_error_set(error, -EINVAL, "a trusted certificate cannot be used");
        count++;
    }
    if (!is_pem_end())
        return gw_error_set(error, -EINVAL, "the trusted certificates are not valid PEM");
    if (count == 0)
        return gw_error_set(error, -EINVAL, "there is no certificate among the trusted ones");
    return 0;
}

/* A key under a pass phrase is refused; without this OpenSSL would ask for it on the terminal. */
static int no_pass_phrase(char *out, int capacity, int is_writing, void *self)
{
    (void)out, (void)capacity, (void)is_writing, (void)self;
    return -1;
}

static int use_chain(SSL_CTX *ssl, struct gw_str pem, struct gw_error *error)
{
    GW_SCOPED(scope_bio_free) BIO *bio = open_pem(pem);
    GW_SCOPED(scope_x509_free)
    X509 *own = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    if (own == NULL || SSL_CTX_use_certificate(ssl, own) != 1)
        return gw_error_set(error, -EINVAL, "the client certificate cannot be read");
    for (;;) {
        GW_SCOPED(scope_x509_free) X509 *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (issuer == NULL)
            break;
        if (SSL_CTX_add1_chain_cert(ssl, issuer) != 1)
            return gw_error_set(error, -EINVAL, "the client certificate's chain cannot be used");
    }
    if (!is_pem_end())
        return gw_error_set(error, -EINVAL, "the client certificate's chain is not valid PEM");
    return 0;
}

static int use_own_certificate(SSL_CTX *ssl, const struct gw_tls_config *config,
                               struct gw_error *error)
{
    if (config->client_cert_pem.len == 0 && config->client_key_pem.len == 0)
        return 0;
    if (config->client_cert_pem.len == 0 || config->client_key_pem.len == 0)
        return gw_error_set(error, -EINVAL,
                            "a client certificate needs its key, and a key its "
                            "certificate");
    int status = use_chain(ssl, config->client_cert_pem, error);
    if (status != 0)
        return status;

    GW_SCOPED(scope_bio_free) BIO *bio = open_pem(config->client_key_pem);
    GW_SCOPED(scope_key_free)
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;

    if (key == NULL)
        return gw_error_set(error, -EINVAL, "the client certificate's key cannot be read");
    if (SSL_CTX_use_PrivateKey(ssl, key) != 1 || SSL_CTX_check_private_key(ssl) != 1)
        return gw_error_set(error, -EINVAL, "the key does not belong to the client certificate");
    return 0;
}

/* Returns 1: the session is ours to free. With TLS 1.3 it comes after the handshake. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct gw_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *name = SSL_get_app_data(ssl);

    if (tls == NULL || name == NULL)
        return 0;
    SSL_SESSION_free(tls->session);
    tls->session = session;
    snprintf(tls->session_name, sizeof(tls->session_name), "%s", name);
    return 1;
}

static int configure(struct gw_tls *tls, const struct gw_tls_config *config, struct gw_error *error)
{
    SSL_CTX *ssl = tls->ssl;

    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, on_session);
    SSL_CTX_set_app_data(ssl, tls);
    SSL_CTX_set_default_passwd_cb(ssl, no_pass_phrase);
    if (config->ca_pem.len == 0 && SSL_CTX_set_default_verify_paths(ssl) != 1)
        return gw_error_set(error, -EINVAL, "the system's trusted certificates cannot be read");
    if (config->ca_pem.len > 0) {
        int status = trust(ssl, config->ca_pem, error);

        if (status != 0)
            return status;
    }
    return use_own_certificate(ssl, config, error);
}

int gw_tls_create(const struct gw_tls_config *config, struct gw_tls **out_tls,
                  struct gw_error *error)
{
    struct gw_tls *tls = calloc(1, sizeof(*tls));

    ERR_clear_error();
    if (tls == NULL || (tls->ssl = SSL_CTX_new(TLS_client_method())) == NULL) {
        free(tls);
        return gw_error_set(error, -ENOMEM, "no memory for TLS");
    }
    int status = configure(tls, config, error);

    ERR_clear_error();
    if (status != 0) {
        gw_tls_destroy(tls);
        return status;
    }
    *out_tls = tls;
    return 0;
}

void gw_tls_destroy(struct gw_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_SESSION_free(tls->session);
    SSL_CTX_set_app_data(tls->ssl, NULL); /* wires may hold on to the SSL_CTX */
    SSL_CTX_free(tls->ssl);
    free(tls);
}
