/* A certification authority for tests, made anew in memory; and what it issues. */
#pragma once

#include <openssl/ssl.h>

#include "server/core/str.h"

struct ca_party { /* a certificate and its key */
    X509 *certificate;
    EVP_PKEY *key;
    char cert_pem[4096], key_pem[4096];
};

/* `issuer` NULL: self-signed, a CA. `alt_name` as OpenSSL writes it: "DNS:erp.test",
 * "IP:127.0.0.1"; NULL: none. Asserts success. */
void ca_issue(struct ca_party *party, const struct ca_party *issuer, const char *alt_name);
void ca_party_finish(struct ca_party *party);

/* A server's settings; asks for a client certificate of `client_ca` if that is not NULL. */
SSL_CTX *ca_server(const struct ca_party *party, const struct ca_party *client_ca);
