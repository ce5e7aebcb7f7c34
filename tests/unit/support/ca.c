#include "tests/unit/support/ca.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void write_pem(struct ca_party *party)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_X509(bio, party->certificate), 1);
    int len = BIO_read(bio, party->cert_pem, sizeof(party->cert_pem) - 1);
    party->cert_pem[len] = '\0';
    assert_int_equal(PEM_write_bio_PrivateKey(bio, party->key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_read(bio, party->key_pem, sizeof(party->key_pem) - 1);
    party->key_pem[len] = '\0';
    BIO_free(bio);
}

static void extend(struct ca_party *party, const struct ca_party *issuer, int nid,
                   const char *value)
{
    X509V3_CTX parties;

    if (value == NULL)
        return;
    X509V3_set_ctx(&parties, issuer->certificate, party->certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &parties, nid, value);
    assert_non_null(extension);
    X509_add_ext(party->certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static void name(X509_NAME *subject, const char *const (*entries)[2])
{
    for (; entries != NULL && (*entries)[0] != NULL; entries++)
        assert_int_equal(X509_NAME_add_entry_by_txt(subject, (*entries)[0], MBSTRING_UTF8,
                                                    (const unsigned char *)(*entries)[1], -1, -1,
                                                    0),
                         1);
}

void ca_issue_as(struct ca_party *party, const struct ca_party *issuer, const struct ca_wish *wish)
{
    static long serial = 1000;
    X509 *certificate = X509_new();
    int64_t now_s = (int64_t)time(NULL);
    bool is_timed = wish->not_after_s != 0;

    party->certificate = certificate;
    party->key = EVP_EC_gen("P-256");
    assert_non_null(party->key);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(certificate), is_timed ? wish->not_before_s : now_s - 3600);
    ASN1_TIME_set(X509_getm_notAfter(certificate), is_timed ? wish->not_after_s : now_s + 3600);
    X509_set_pubkey(certificate, party->key);
    name(X509_get_subject_name(certificate), wish->subject);
    if (issuer == NULL)
        issuer = party;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
    extend(party, issuer, NID_basic_constraints, wish->is_ca ? "critical,CA:TRUE" : NULL);
    extend(party, issuer, NID_key_usage, wish->is_ca ? "keyCertSign,cRLSign" : NULL);
    extend(party, issuer, NID_subject_alt_name, wish->alternative);
    extend(party, issuer, NID_ext_key_usage, wish->usage);
    assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
    write_pem(party);
}

void ca_issue(struct ca_party *party, const struct ca_party *issuer, const char *alt_name)
{
    static const char *const authority[][2] = {{"CN", "Test CA"}, {NULL, NULL}};
    static const char *const leaf[][2] = {{"CN", "leaf"}, {NULL, NULL}};
    const struct ca_wish wish = {.subject = issuer == NULL ? authority : leaf,
                                 .alternative = alt_name,
                                 .is_ca = issuer == NULL};

    ca_issue_as(party, issuer, &wish);
}

struct gw_str ca_der(const struct ca_party *party)
{
    unsigned char *der = NULL;
    int len = i2d_X509(party->certificate, &der);

    assert_true(len > 0);
    char *copy = malloc((size_t)len); /* so that reading behind its end is noticed */
    assert_non_null(copy);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    return gw_str_from(copy, (size_t)len);
}

char *ca_crl(const struct ca_party *issuer, const struct ca_party *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *at = ASN1_TIME_set(NULL, time(NULL) - 60);

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate));
    X509_CRL_set1_lastUpdate(crl, at);
    ASN1_TIME_set(at, time(NULL) + 3600);
    X509_CRL_set1_nextUpdate(crl, at);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_TIME_set(at, time(NULL) - 60);
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate));
        X509_REVOKED_set_revocationDate(entry, at);
        X509_CRL_add0_revoked(crl, entry);
    }
    assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
    char *pem = calloc(1, 8192);
    assert_non_null(pem);
    assert_true(BIO_read(bio, pem, 8191) > 0);
    BIO_free(bio);
    ASN1_TIME_free(at);
    X509_CRL_free(crl);
    return pem;
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
