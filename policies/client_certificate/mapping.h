/* How one kind of client certificate is taken: whose it is, by a name in it or by its thumbprint.
 *
 * Knows nothing of requests. Made once; read-only then. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/map.h"
#include "server/core/str.h"
#include "server/crypto/x509.h"
#include "server/crypto/x509_trust.h"
#include "server/json/option.h"

/* What may stand under `client_certificates: <name>:`. */
extern const struct gw_option mapping_options[];

#define MAPPING_VALUE_MAX_BYTES 512 /* as a token's subject */

enum mapping_source {
    MAPPING_SUBJECT,
    MAPPING_CN,
    MAPPING_SAN_DNS,
    MAPPING_SAN_URI,
    MAPPING_SAN_EMAIL,
    MAPPING_FINGERPRINT,
};

struct mapping {
    struct gw_str name;
    enum mapping_source source;
    struct gw_map consumers; /* value -> struct mapping_entry */
    struct mapping_entry *entries;
    size_t entry_count;
    bool takes_any;              /* a value that is not mapped is the consumer itself */
    struct gw_x509_trust *trust; /* NULL: the listener's suffices */
    char *scopes;                /* separated by single spaces */
    struct gw_str plan;
};

struct mapping_entry {
    char *value; /* as a certificate has it, in normal form */
    struct gw_str consumer;
};

/* `config` has all options and outlives the mapping. 0, -EINVAL with *error, or -ENOMEM; finish is
 * safe in any case. */
GW_MUST_CHECK
int mapping_init(struct mapping *mapping, const char *name, const json_t *config,
                 struct gw_error *error);
void mapping_finish(struct mapping *mapping); /* safe on a zeroed one */

/* The consumer; empty: it is nobody's. Of several names of one kind, those that are mapped must say
 * the same; one that is taken as it is must be the only one. Valid as long as both. */
struct gw_str mapping_find(const struct mapping *mapping, const struct gw_x509 *x509);
