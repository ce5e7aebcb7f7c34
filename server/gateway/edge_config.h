/* The configuration of `millgate edge`: the sections `iot` (as the gateway's) and `edge`, and
 * log_level. Checked whole, with all that it names, before anything is done with it. */
#pragma once

#include "server/event/spool.h"
#include "server/gateway/config.h"
#include "server/gateway/iot_load.h"

#define GW_EDGE_MAX_BACKENDS 32

/* Where HTTP goes: the centre, a local backend. */
struct gw_edge_target {
    struct gw_str name;
    struct gw_str url; /* as written */
    struct gw_str host, authority, base_path;
    uint16_t port;
    bool is_tls;
    struct gw_str ca_pem, certificate_pem, key_pem;
};

struct gw_edge_config {
    struct gw_config *base; /* iot, log_level, and the memory of all texts */
    struct gw_iot_documents documents;
    struct gw_str id, plant;
    struct gw_config_address status; /* address_len 0: there is none */
    struct gw_str status_socket;
    bool has_centre;
    struct gw_edge_target centre;
    uint64_t centre_timeout_ns, retry_max_ns;
    size_t batch_events, batch_bytes;
    struct gw_str database;       /* path, followed by a NUL */
    struct gw_spool_config spool; /* without its database */
    uint64_t max_journal_bytes;
    bool keeps_samples;
    uint64_t max_sample_bytes;
    struct gw_str allow, signature, public_key; /* texts; empty: nothing is decided here */
    uint64_t max_age_ms;                        /* of what is decided on */
    struct gw_edge_target backends[GW_EDGE_MAX_BACKENDS];
    size_t backend_count;
};

/* All that is wrong goes to `diagnostics`. Documents that have not changed are shared with
 * `previous` (may be NULL). 0, or a negative errno. */
GW_MUST_CHECK
int gw_edge_config_load(const char *path, const struct gw_edge_config *previous,
                        struct gw_diagnostics *diagnostics, struct gw_edge_config **out_config);
void gw_edge_config_destroy(struct gw_edge_config *config); /* NULL is safe */

/* The manual of the file, in Markdown. */
void gw_edge_config_reference_print(FILE *out);
