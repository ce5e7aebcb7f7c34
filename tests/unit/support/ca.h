/* A certification authority for tests, made anew in memory; and what it issues. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/core/str.h"

struct ca_party { /* a certificate and its key */
    X509 *certificate;
    EVP_PKEY *key;
    char cert_pem[4096], key_pem[4096];
};

/* `issuer` NULL: self-signed, a CA. `alt_name` as OpenSSL writes it: "DNS:erp.test",
 * "IP:127.0.0.1"; NULL: none. Asserts success. */
void ca_issue(struct ca_party *party, const struct ca_party *issuer, const char *alt_name);

struct ca_wish {
    const char *const (*subject)[2]; /* {"CN", "line-7"}, in the order of the DER; ended by NULL */
    const char *alternative;         /* as OpenSSL writes it: "DNS:a,URI:b"; NULL: none */
    const char *usage;               /* extended key usage: "clientAuth"; NULL: none */
    int64_t not_before_s, not_after_s; /* since 1970; both 0: an hour before and after now */
    bool is_ca;
};

/* The same as one wishes. */
void ca_issue_as(struct ca_party *party, const struct ca_party *issuer, const struct ca_wish *wish);
void ca_party_finish(struct ca_party *party);

/* Its DER; to be freed. */
struct gw_str ca_der(const struct ca_party *party);

/* A revocation list of `issuer` with `revoked` (NULL: empty), PEM; to be freed. */
char *ca_crl(const struct ca_party *issuer, const struct ca_party *revoked);

/* A server's settings; asks for a client certificate of `client_ca` if that is not NULL. */
SSL_CTX *ca_server(const struct ca_party *party, const struct ca_party *client_ca);
