#include "tests/unit/support/ca.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void write_pem(struct ca_party *party)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int len;

    assert_int_equal(PEM_write_bio_X509(bio, party->certificate), 1);
    len = BIO_read(bio, party->cert_pem, sizeof(party->cert_pem) - 1);
    party->cert_pem[len] = '\0';
    assert_int_equal(PEM_write_bio_PrivateKey(bio, party->key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_read(bio, party->key_pem, sizeof(party->key_pem) - 1);
    party->key_pem[len] = '\0';
    BIO_free(bio);
}

static void add_extension(struct ca_party *party, const struct ca_party *issuer, int nid,
                          const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer->certificate, party->certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    X509_add_ext(party->certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

void ca_issue(struct ca_party *party, const struct ca_party *issuer, const char *alt_name)
{
    static long serial;
    X509 *certificate = X509_new();
    const char *common_name = issuer == NULL ? "Test CA" : "leaf";

    party->certificate = certificate;
    party->key = EVP_EC_gen("P-256");
    assert_non_null(party->key);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, party->key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)common_name, -1, -1, 0);
    if (issuer == NULL)
        issuer = party;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
    if (issuer == party)
        add_extension(party, issuer, NID_basic_constraints, "critical,CA:TRUE");
    if (alt_name != NULL)
        add_extension(party, issuer, NID_subject_alt_name, alt_name);
    assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
    write_pem(party);
}

void ca_party_finish(struct ca_party *party)
{
    X509_free(party->certificate);
    EVP_PKEY_free(party->key);
}

SSL_CTX *ca_server(const struct ca_party *party, const struct ca_party *client_ca)
{
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());

    assert_int_equal(SSL_CTX_use_certificate(server, party->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server, party->key), 1);
    SSL_CTX_set_session_id_context(server, (const unsigned char *)"test", 4);
    if (client_ca != NULL) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(server), client_ca->certificate);
        SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return server;
}
