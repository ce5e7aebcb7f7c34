#include "server/http/tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHAIN 16
#define MAX_NAMES 256 /* of one certificate */
#define MAX_NAME_BYTES 253

/* Forward secrecy and authenticated encryption only; keys of 2048 bits (RSA) or their like. */
#define PRIORITIES(versions)                                                                 \
    "NORMAL:-VERS-ALL:" versions ":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-256-GCM" \
    ":+AES-128-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:%PROFILE_MEDIUM:%SERVER_PRECEDENCE"

static const char *const priorities[] = {
    [GW_TLS_1_2] = PRIORITIES("+VERS-TLS1.3:+VERS-TLS1.2"),
    [GW_TLS_1_3] = PRIORITIES("+VERS-TLS1.3"),
};

const char gw_tls_closed_priorities[] = PRIORITIES("+VERS-TLS1.3");

struct pair {
    gnutls_pcert_st chain[MAX_CHAIN];
    unsigned chain_count;
    gnutls_privkey_t key;
    gnutls_pk_algorithm_t algorithm;
    char **names; /* lower case */
    size_t name_count;
    char *names_text;
    struct gw_server_certificate about;
};

struct gw_server_tls {
    atomic_uint references;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    enum gw_client_certificates client_certificates;
    struct pair *pairs;
    size_t pair_count;
};

static gnutls_datum_t datum_of(struct gw_str text)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text.ptr, (unsigned)text.len};
}

/* --- choosing a certificate ------------------------------------------------------------------- */

static void to_lower(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
    }
}

/* A wildcard stands for exactly one label, the first (RFC 6125, section 6.4.3). */
static bool is_wildcard_match(const char *pattern, const char *name)
{
    const char *rest = strchr(name, '.');

    return pattern[0] == '*' && pattern[1] == '.' && rest != NULL && rest != name &&
           strcmp(pattern + 1, rest) == 0;
}

enum fit { FIT_EXACT, FIT_WILDCARD, FIT_DEFAULT, FIT_COUNT };

static bool fits(const struct pair *pair, const char *name, enum fit fit)
{
    for (size_t i = 0; i < pair->name_count; i++) {
        if (fit == FIT_EXACT ? strcmp(pair->names[i], name) == 0
                             : is_wildcard_match(pair->names[i], name))
            return true;
    }
    return false;
}

/* Whether the client said that it can verify signatures of such a key. */
static bool is_verifiable(gnutls_session_t session, gnutls_pk_algorithm_t algorithm)
{
    gnutls_sign_algorithm_t wanted;

    for (size_t i = 0; gnutls_sign_algorithm_get_requested(session, i, &wanted) == 0; i++) {
        if (gnutls_sign_supports_pk_algorithm(wanted, algorithm))
            return true;
    }
    return false;
}

static bool is_candidate(const struct gw_server_tls *tls, size_t index, const char *name,
                         enum fit fit)
{
    return fit == FIT_DEFAULT || fits(&tls->pairs[index], name, fit);
}

/* The first that fits best. Of an RSA and an elliptic one for a name, one that the client takes. */
static const struct pair *choose(const struct gw_server_tls *tls, gnutls_session_t session,
                                 const char *name)
{
    const struct pair *second_best = NULL;

    for (int fit = name[0] == '\0' ? FIT_DEFAULT : FIT_EXACT; fit < FIT_COUNT; fit++) {
        for (size_t i = 0; i < tls->pair_count; i++) {
            if (!is_candidate(tls, i, name, (enum fit)fit))
                continue;
            if (is_verifiable(session, tls->pairs[i].algorithm))
                return &tls->pairs[i];
            if (second_best == NULL)
                second_best = &tls->pairs[i];
        }
    }
    return second_best;
}

/* The session's own pointer is the library's; we keep ours where its session cache's would be,
 * which it does not have. */
static struct gw_tls_connection *connection_of(gnutls_session_t session)
{
    return gnutls_db_get_ptr(session);
}

static int on_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *about,
                          gnutls_pcert_st **out_chain, unsigned *out_count,
                          gnutls_ocsp_data_st **out_ocsp, unsigned *out_ocsp_count,
                          gnutls_privkey_t *out_key, unsigned *out_flags)
{
    const struct gw_tls_connection *connection = connection_of(session);
    char name[MAX_NAME_BYTES + 3] = "";
    size_t name_bytes = sizeof(name);
    unsigned type;

    (void)about;
    if (connection == NULL)
        return -1;
    if (gnutls_server_name_get(session, name, &name_bytes, &type, 0) != 0 ||
        type != GNUTLS_NAME_DNS)
        name[0] = '\0';
    to_lower(name);
    const struct pair *pair = choose(connection->tls, session, name);
    *out_chain = (gnutls_pcert_st *)(uintptr_t)pair->chain; /* read only: nothing is set free */
    *out_count = pair->chain_count;
    *out_ocsp = NULL;
    *out_ocsp_count = 0;
    *out_key = pair->key;
    *out_flags = 0;
    return 0;
}

void *gw_tls_no_certificate(void)
{
    /* Which has none for a session that was not begun here. */
    gnutls_certificate_retrieve_function3 *function = on_certificate;
    void *address;

    memcpy(&address, &function, sizeof(address)); /* libmicrohttpd's options are data pointers */
    return address;
}

/* --- the client's certificate ----------------------------------------------------------------- */

static enum gw_tls_refusal refusal_of(unsigned status)
{
    if ((status & GNUTLS_CERT_REVOKED) != 0)
        return GW_TLS_REFUSED_REVOKED;
    if ((status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) != 0)
        return GW_TLS_REFUSED_EXPIRED;
    if ((status & (GNUTLS_CERT_PURPOSE_MISMATCH | GNUTLS_CERT_INSECURE_ALGORITHM)) != 0)
        return GW_TLS_REFUSED_UNFIT;
    return GW_TLS_REFUSED_UNTRUSTED;
}

static const gnutls_alert_description_t alerts[GW_TLS_REFUSAL_COUNT] = {
    [GW_TLS_REFUSED_ABSENT] = GNUTLS_A_CERTIFICATE_REQUIRED,
    [GW_TLS_REFUSED_UNTRUSTED] = GNUTLS_A_UNKNOWN_CA,
    [GW_TLS_REFUSED_EXPIRED] = GNUTLS_A_CERTIFICATE_EXPIRED,
    [GW_TLS_REFUSED_REVOKED] = GNUTLS_A_CERTIFICATE_REVOKED,
    [GW_TLS_REFUSED_UNFIT] = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
};

/* libmicrohttpd closes without a word: we say why. */
static int refuse(gnutls_session_t session, enum gw_tls_refusal refusal)
{
    gnutls_alert_description_t alert = alerts[refusal];

    if (refusal == GW_TLS_REFUSED_ABSENT && gnutls_protocol_get_version(session) < GNUTLS_TLS1_3)
        alert = GNUTLS_A_HANDSHAKE_FAILURE; /* the other one is of TLS 1.3 */
    connection_of(session)->refusal = refusal;
    (void)gnutls_alert_send(session, GNUTLS_AL_FATAL, alert);
    return -1;
}

/* In the handshake, also when the client has shown no certificate. */
static int on_client_certificate(gnutls_session_t session)
{
    const struct gw_tls_connection *connection = connection_of(session);
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    unsigned count = 0, status = 0;

    if (connection == NULL)
        return -1;
    if (gnutls_certificate_get_peers(session, &count) == NULL || count == 0)
        return connection->tls->client_certificates == GW_CLIENT_CERTIFICATES_REQUIRED
                   ? refuse(session, GW_TLS_REFUSED_ABSENT)
                   : 0;
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) != 0)
        return refuse(session, GW_TLS_REFUSED_UNTRUSTED);
    return status == 0 ? 0 : refuse(session, refusal_of(status));
}

int gw_tls_connection_begin(struct gw_tls_connection *connection, struct gw_server_tls *tls,
                            void *session)
{
    bool asks = tls->client_certificates != GW_CLIENT_CERTIFICATES_NONE;

    if (gnutls_priority_set(session, tls->priorities) != 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) != 0)
        return -ENOMEM;
    connection->tls = gw_server_tls_retain(tls);
    gnutls_db_set_ptr(session, connection);
    /* Only asked for: whether it must be there is said by on_client_certificate(), which counts. */
    gnutls_certificate_server_set_request(session, asks ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
    return 0;
}

void gw_tls_connection_end(struct gw_tls_connection *connection)
{
    gw_server_tls_release(connection->tls);
    connection->tls = NULL;
}

struct gw_str gw_tls_connection_peer(const struct gw_tls_connection *connection, void *session)
{
    unsigned count = 0;

    if (connection->tls == NULL ||
        connection->tls->client_certificates == GW_CLIENT_CERTIFICATES_NONE)
        return GW_STR("");
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (chain == NULL || count == 0)
        return GW_STR("");
    return gw_str_from((const char *)chain[0].data, chain[0].size);
}

/* --- making ----------------------------------------------------------------------------------- */

static int add_name(struct pair *pair, const char *name)
{
    pair->names[pair->name_count] = strdup(name);
    if (pair->names[pair->name_count] == NULL)
        return -ENOMEM;
    to_lower(pair->names[pair->name_count++]);
    return 0;
}

/* The names it is for: those of DNS, or else the subject's common name. */
static int read_names(struct pair *pair, gnutls_x509_crt_t certificate)
{
    char name[MAX_NAME_BYTES + 3];
    size_t bytes = sizeof(name);
    int type, rc = 0;

    pair->names = calloc(MAX_NAMES, sizeof(*pair->names));
    if (pair->names == NULL)
        return -ENOMEM;
    for (unsigned i = 0; rc == 0 && pair->name_count < MAX_NAMES; i++, bytes = sizeof(name)) {
        type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &bytes, NULL);
        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (type < 0)
            break;
        if (type == GNUTLS_SAN_DNSNAME && bytes < sizeof(name)) {
            name[bytes] = '\0';
            rc = add_name(pair, name);
        }
    }
    bytes = sizeof(name);
    if (rc == 0 && pair->name_count == 0 &&
        gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name,
                                      &bytes) == 0)
        rc = add_name(pair, name);
    return rc;
}

static int join_names(struct pair *pair)
{
    size_t len = 1;

    for (size_t i = 0; i < pair->name_count; i++)
        len += strlen(pair->names[i]) + 2;
    pair->names_text = calloc(1, len);
    if (pair->names_text == NULL)
        return -ENOMEM;
    char *at = pair->names_text;
    for (size_t i = 0; i < pair->name_count; i++)
        at += snprintf(at, len - (size_t)(at - pair->names_text), "%s%s", i == 0 ? "" : ", ",
                       pair->names[i]);
    pair->about.names = gw_str_of(pair->names_text);
    return 0;
}

static int read_leaf(struct pair *pair, gnutls_x509_crt_t leaf)
{
    unsigned bits;

    pair->about.not_before_s = gnutls_x509_crt_get_activation_time(leaf);
    pair->about.not_after_s = gnutls_x509_crt_get_expiration_time(leaf);
    pair->algorithm = (gnutls_pk_algorithm_t)gnutls_x509_crt_get_pk_algorithm(leaf, &bits);
    int rc = read_names(pair, leaf);
    return rc != 0 ? rc : join_names(pair);
}

static int read_chain(struct pair *pair, struct gw_str pem, struct gw_error *error)
{
    gnutls_x509_crt_t chain[MAX_CHAIN];
    unsigned count = MAX_CHAIN;
    gnutls_datum_t data = datum_of(pem);
    int rc = gnutls_x509_crt_list_import(chain, &count, &data, GNUTLS_X509_FMT_PEM,
                                         GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

    if (rc <= 0)
        return gw_error_set(error, -EINVAL, "it is no certificate in PEM: %s",
                            rc == 0 ? "it is empty" : gnutls_strerror(rc));
    unsigned read = (unsigned)rc;
    pair->chain_count = read;
    rc = gnutls_pcert_import_x509_list(pair->chain, chain, &pair->chain_count,
                                       GNUTLS_X509_CRT_LIST_SORT);
    if (rc != 0) {
        pair->chain_count = 0;
        rc = gw_error_set(error, -EINVAL, "its chain does not hold together: %s",
                          gnutls_strerror(rc));
    } else if (read_leaf(pair, chain[0]) != 0) {
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    }
    for (unsigned i = 0; i < read; i++)
        gnutls_x509_crt_deinit(chain[i]);
    return rc;
}

static int read_key(struct pair *pair, struct gw_str pem, struct gw_error *error)
{
    gnutls_datum_t data = datum_of(pem);

    if (gnutls_privkey_init(&pair->key) != 0)
        return gw_error_set(error, -ENOMEM, "out of memory");
    int rc = gnutls_privkey_import_x509_raw(pair->key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc != 0)
        return gw_error_set(error, -EINVAL, "it is no private key in PEM without a password: %s",
                            gnutls_strerror(rc));
    return 0;
}

/* By what both say of the public key. */
static int check_fit(const struct pair *pair, struct gw_error *error)
{
    unsigned char ids[2][64];
    size_t bytes[2] = {sizeof(ids[0]), sizeof(ids[1])};
    gnutls_pubkey_t key;

    if (gnutls_pubkey_init(&key) != 0)
        return gw_error_set(error, -ENOMEM, "out of memory");
    bool is_known =
        gnutls_pubkey_import_privkey(key, pair->key, 0, 0) == 0 &&
        gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, ids[0], &bytes[0]) == 0 &&
        gnutls_pubkey_get_key_id(pair->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, ids[1],
                                 &bytes[1]) == 0;
    gnutls_pubkey_deinit(key);
    if (!is_known || bytes[0] != bytes[1] || memcmp(ids[0], ids[1], bytes[0]) != 0)
        return gw_error_set(error, -EINVAL, "the key does not belong to the certificate");
    return 0;
}

static int at_pair(struct gw_error *error, int rc, size_t index, const char *member)
{
    if (rc != 0)
        snprintf(error->where, sizeof(error->where), "/certificates/%zu/%s", index, member);
    return rc;
}

static int add_pair(struct gw_server_tls *tls, const struct gw_server_tls_pair *from,
                    struct gw_error *error)
{
    size_t index = tls->pair_count++;
    struct pair *pair = &tls->pairs[index];
    int rc = at_pair(error, read_chain(pair, from->certificate_pem, error), index, "certificate");

    if (rc == 0)
        rc = at_pair(error, read_key(pair, from->key_pem, error), index, "key");
    if (rc == 0)
        rc = at_pair(error, check_fit(pair, error), index, "key");
    return rc;
}

static int read_client_trust(struct gw_server_tls *tls, const struct gw_server_tls_config *config,
                             struct gw_error *error)
{
    gnutls_datum_t ca = datum_of(config->client_ca_pem), crl = datum_of(config->client_crl_pem);

    if (config->client_certificates == GW_CLIENT_CERTIFICATES_NONE)
        return 0;
    int count = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca, GNUTLS_X509_FMT_PEM);
    if (count <= 0)
        return gw_error_set_at(error, -EINVAL, "/client_ca", "it has no certificate in PEM: %s",
                               count == 0 ? "it is empty" : gnutls_strerror(count));
    if (config->client_crl_pem.len == 0)
        return 0;
    count = gnutls_certificate_set_x509_crl_mem(tls->credentials, &crl, GNUTLS_X509_FMT_PEM);
    if (count <= 0)
        return gw_error_set_at(error, -EINVAL, "/client_crl",
                               "it has no revocation list in PEM: %s",
                               count == 0 ? "it is empty" : gnutls_strerror(count));
    return 0;
}

static int fill(struct gw_server_tls *tls, const struct gw_server_tls_config *config,
                struct gw_error *error)
{
    tls->client_certificates = config->client_certificates;
    tls->pairs = calloc(config->pair_count, sizeof(*tls->pairs));
    if (tls->pairs == NULL || gnutls_certificate_allocate_credentials(&tls->credentials) != 0 ||
        gnutls_priority_init(&tls->priorities, priorities[config->min_version], NULL) != 0)
        return gw_error_set(error, -ENOMEM, "out of memory");
    gnutls_certificate_set_retrieve_function3(tls->credentials, on_certificate);
    gnutls_certificate_set_verify_function(tls->credentials, on_client_certificate);
    for (size_t i = 0; i < config->pair_count; i++) {
        int rc = add_pair(tls, &config->pairs[i], error);
        if (rc != 0)
            return rc;
    }
    return read_client_trust(tls, config, error);
}

int gw_server_tls_create(const struct gw_server_tls_config *config, struct gw_server_tls **out_tls,
                         struct gw_error *error)
{
    struct gw_server_tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    atomic_init(&tls->references, 1);
    int rc = fill(tls, config, error);
    if (rc != 0) {
        gw_server_tls_release(tls);
        return rc;
    }
    *out_tls = tls;
    return 0;
}

static void finish_pair(struct pair *pair)
{
    for (unsigned i = 0; i < pair->chain_count; i++)
        gnutls_pcert_deinit(&pair->chain[i]);
    if (pair->key != NULL)
        gnutls_privkey_deinit(pair->key);
    for (size_t i = 0; i < pair->name_count; i++)
        free(pair->names[i]);
    free(pair->names);
    free(pair->names_text);
}

struct gw_server_tls *gw_server_tls_retain(struct gw_server_tls *tls)
{
    if (tls != NULL)
        atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
    return tls;
}

void gw_server_tls_release(struct gw_server_tls *tls)
{
    if (tls == NULL || atomic_fetch_sub_explicit(&tls->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < tls->pair_count; i++)
        finish_pair(&tls->pairs[i]);
    free(tls->pairs);
    if (tls->credentials != NULL)
        gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priorities != NULL)
        gnutls_priority_deinit(tls->priorities);
    free(tls);
}

size_t gw_server_tls_count(const struct gw_server_tls *tls)
{
    return tls->pair_count;
}

const struct gw_server_certificate *gw_server_tls_certificate(const struct gw_server_tls *tls,
                                                              size_t index)
{
    return &tls->pairs[index].about;
}
