/* The operator's configuration: millgate.yaml, checked and in the form that the gateway uses.
 *
 * What the file may hold is described by the tables of config_tables.c and by those of the policies
 * (GW_SECTION); `millgate config-reference` prints them. Nothing in here is about one policy. A
 * contract names what stands here (backends, issuers, plans); it never defines one.
 *
 * Immutable once loaded; all texts belong to the configuration. Loading reads files and the
 * environment and is not for the request path; a loaded one may be read by any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/core/log.h"
#include "server/core/str.h"
#include "server/http/client_address.h"
#include "server/http/tls.h"
#include "server/iot/lane.h"
#include "server/json/option.h"
#include "server/upstream/backend.h"
#include "server/upstream/credentials.h"

struct gw_cidr;
struct gw_filter_type;
struct gw_floor_rule;
struct gw_landscape;

/* Where to listen. An empty text (ptr NULL) anywhere in this file: not given. */
struct gw_config_address {
    struct gw_str text; /* as written, "127.0.0.1:8080" */
    struct sockaddr_storage address;
    socklen_t address_len;
    bool is_any_family; /* "*": IPv6 any, IPv4 accepted as well */
    bool is_loopback;
};

struct gw_config_tls_server {
    bool is_on;
    bool is_listed; /* certificates are a list, not the one of certificate_file and key_file */
    struct gw_server_tls_config settings;
};

struct gw_config_tls_client {
    struct gw_str ca_pem; /* trusted instead of the system's */
    struct gw_str client_certificate_pem, client_key_pem;
    struct gw_str server_name;
};

struct gw_config_listener {
    struct gw_config_address at;
    struct gw_config_tls_server tls;
    uint64_t head_timeout_ns, idle_timeout_ns, write_timeout_ns;
    uint64_t body_min_rate_bytes; /* per second; 0: none */
    size_t max_connections;
    size_t pool_bytes; /* memory of one connection */
    const struct gw_cidr *proxies;
    size_t proxy_count;
    bool needs_proxy_header;                     /* from those, and only they may come */
    enum gw_client_address_field client_address; /* as those say it */
    bool takes_client_cert;                      /* RFC 9440, from those */
    struct gw_str client_cert_ca_pem;            /* verifies it; not given: the proxy did */
};

struct gw_config_admin {
    bool is_on;
    struct gw_config_address at;
    struct gw_config_tls_server tls;
    struct gw_str socket;       /* path of a unix socket */
    const struct gw_str *hosts; /* accepted in Host besides the address itself and localhost */
    size_t host_count;
    const struct gw_str *issuers; /* whose tokens open the admin interface; names of the section */
    size_t issuer_count;
    struct gw_str scope; /* that such a token must have */
};

struct gw_redis_address;

enum gw_config_redis_kind {
    GW_REDIS_PRIVATE,
    GW_REDIS_TCP,
    GW_REDIS_TLS,
    GW_REDIS_UNIX,
    GW_REDIS_SENTINEL,
    GW_REDIS_CLUSTER,
};

struct gw_config_redis {
    enum gw_config_redis_kind kind; /* PRIVATE: none configured, one is started */
    struct gw_str host;             /* without brackets */
    uint16_t port;
    struct gw_str path;                   /* of the unix socket */
    const struct gw_redis_address *nodes; /* the sentinels, or some of the cluster */
    size_t node_count;
    struct gw_str primary_name; /* at the sentinels */
    struct gw_str sentinel_username, sentinel_password;
    unsigned database;
    struct gw_str username, password;
    bool is_tls;
    struct gw_str ca_pem, client_certificate_pem, client_key_pem;
    uint64_t connect_timeout_ns, command_timeout_ns;
    bool must_append;      /* not ready while its append-only file is off */
    unsigned min_replicas; /* that confirm each record; 0: none */
    uint64_t replica_timeout_ns;
};

struct gw_config_header {
    struct gw_str name, value;
};

struct gw_config_target {
    struct gw_str url; /* as written */
    bool is_tls;
    struct gw_str host; /* without brackets */
    uint16_t port;
    struct gw_str authority; /* for the Host field: "erp.example:8443" */
    struct gw_str base_path; /* "" or "/a/b": begins with "/", does not end with it */
    unsigned weight;
    uint32_t pools; /* see struct gw_target_config */
};

struct gw_config_backend {
    struct gw_str name;
    struct gw_config_target *targets;
    size_t target_count;
    const struct gw_str *grants; /* patterns of the namespaces that may use it */
    size_t grant_count;
    struct gw_config_tls_client tls;
    uint64_t connect_timeout_ns, first_byte_timeout_ns, total_timeout_ns, idle_timeout_ns;
    unsigned max_connections, max_waiting;  /* of one worker */
    unsigned max_websockets;                /* of those connections */
    const struct gw_config_header *headers; /* added to each request; values are secrets */
    size_t header_count;
    struct gw_credentials_config credentials; /* ours for it */
    /* Resilience alone is filled in: name, targets' origins and fields are the snapshot's. */
    struct gw_backend_config resilience;
    const json_t **connectors; /* the options of each of gw_connectors; NULL: it has none */
    bool send_bearer;          /* the caller's token goes on to this backend */
};

/* What no contract can go below. */
struct gw_config_floor {
    bool authentication;
    const struct gw_str *anonymous; /* patterns of namespaces that may have operations without it */
    size_t anonymous_count;
    const struct gw_floor_rule *rules;
    size_t rule_count;
    struct gw_str default_plan;
    bool asserts_formats; /* `format` refuses, in all schemas */
};

/* The event log; see config_events.c. */
struct gw_config_events {
    bool is_on;
    struct gw_str contract; /* file; not given: none */
    bool accepts_unknown;   /* types that it does not describe */
    unsigned partitions;
    uint64_t keep_s, guard_s, max_events, trim_ns;
    struct gw_str archive; /* folder; not given: none */
    size_t max_batch, max_subscribers;
    uint64_t replay_rate; /* events a second */
    uint64_t redelivery_ms;
    unsigned max_unacknowledged, max_consumers;
};

struct gw_config_policy {
    const struct gw_filter_type *type;
    const json_t *options; /* checked, defaults and sections filled in: what create() takes */
    char pointer[64];      /* of its options in the document, for what create() finds */
};

/* Telemetry: see docs/iot.md. */
#define GW_ENRICHMENT_SCOPE_BYTES 2000
struct gw_config_iot {
    bool is_on;
    struct gw_str instance;                  /* empty: kept in the state folder */
    struct gw_str host_id;                   /* Sparkplug's; empty: no primary host */
    const struct gw_str *registry, *signals; /* files and folders */
    size_t registry_count, signal_count;
    const struct gw_lane_broker *brokers;
    size_t broker_count;
    uint64_t checkpoint_ns, silence_ms;
    size_t max_pending_bytes;
    uint32_t history_samples;
    struct gw_str export_folder; /* empty: nothing is exported */
    uint64_t export_keep_s;
    struct gw_sparkplug_host_limits host_limits;
    bool has_enrichment;             /* events may ask APIs before they go out */
    struct gw_str enrichment_scopes; /* of whoever asks; separated by single spaces */
    uint64_t enrichment_timeout_ns;
};

/* An edge that may deliver events: see docs/edge.md. */
struct gw_config_edge {
    struct gw_str id, plant;
    struct gw_str consumer; /* whom its certificate proves: "<scheme>:<subject>" */
};

struct gw_config {
    struct gw_config_listener *listeners;
    size_t listener_count;
    struct gw_config_admin admin;
    unsigned workers;
    struct gw_str state_dir;
    uint64_t drain_timeout_ns, drain_delay_ns;
    enum gw_log_level log_level;
    struct gw_str audit_file; /* not given: off */
    struct gw_str audit_key;  /* of its HMAC; may be empty */
    size_t audit_max_bytes;
    struct gw_str access_log; /* "-" is standard output; absolute otherwise; not given: off */
    struct gw_config_redis redis;
    const struct gw_str *contracts; /* files and folders, absolute or below the working folder */
    size_t contract_count;
    const struct gw_str *flows; /* likewise */
    size_t flow_count;
    struct gw_config_backend *backends;
    size_t backend_count;
    const struct gw_landscape *landscapes; /* see landscape.h */
    size_t landscape_count;
    struct gw_config_iot iot;
    struct gw_config_events events;
    const struct gw_config_edge *edges;
    size_t edge_count;
    struct gw_config_floor floor;
    struct gw_config_policy *policies; /* in the order of the chain */
    size_t policy_count;

    bool is_faulty; /* see gw_config_load_partly() */

    /* --- private --- */
    struct gw_arena arena;
    json_t *checked; /* the whole tree after checking; what the texts above point into */
    json_t *chain;   /* the options of each policy, with its sections */
    struct gw_document *document;
    const struct gw_filter_type *const *filters;
    const struct gw_option *table; /* of all top-level keys; in the arena */
};

/* Reads and checks a file. `filters` is the table of policies, ended by NULL; it is borrowed. All
 * that is wrong goes to `diagnostics`. Returns 0 and a configuration to be destroyed, or a negative
 * errno. */
GW_MUST_CHECK
int gw_config_load(const char *path, const struct gw_filter_type *const *filters,
                   struct gw_diagnostics *diagnostics, struct gw_config **out_config);

/* The same, but on -EINVAL too gives what is right of the file, for a caller that goes on to look
 * for more to tell and serves nothing of it; NULL if nothing could be read. Such a configuration
 * is faulty: members may be missing, and its chain has only the policies whose options and
 * sections have no fault. */
GW_MUST_CHECK
int gw_config_load_partly(const char *path, const struct gw_filter_type *const *filters,
                          struct gw_diagnostics *diagnostics, struct gw_config **out_config);
void gw_config_destroy(struct gw_config *config); /* NULL is safe */

/* Adds what a policy's create() said as a finding at its place in the file. */
void gw_config_report_policy(struct gw_config *config, const struct gw_config_policy *policy,
                             const struct gw_error *error, struct gw_diagnostics *diagnostics);

/* Adds a finding at a JSON Pointer of the file. */
GW_PRINTF(4, 5)
GW_COLD void gw_config_report(struct gw_config *config, const char *pointer,
                              struct gw_diagnostics *diagnostics, const char *format, ...);

/* The text at that place as the file has it (a path where the checked tree has the content), or
 * NULL. Borrowed. */
const char *gw_config_text_as_written(const struct gw_config *config, const char *pointer);

/* A checked top-level section ("plans"), or NULL if the file has none. Borrowed. */
const json_t *gw_config_section(const struct gw_config *config, const char *name);

/* A top-level section as it was written, faults and all, or NULL. Borrowed. */
const json_t *gw_config_section_as_written(const struct gw_config *config, const char *name);

/* Is it a pattern of namespaces: /layer/name, a layer and a star, or a star? */
bool gw_config_pattern_is_valid(struct gw_str pattern);

/* The backend of that name, or NULL. */
const struct gw_config_backend *gw_config_backend_find(const struct gw_config *config,
                                                       struct gw_str name);

/* Does a pattern cover a namespace? "/system/erp" covers itself; "/system/<star>" (a last segment
 * of
 * "*") covers each name of the layer; "*" alone covers all. */
bool gw_grant_matches(struct gw_str pattern, struct gw_str namespace);
bool gw_grant_matches_any(const struct gw_str *patterns, size_t count, struct gw_str namespace);

/* The configuration in use, defaults included, secrets and the contents of files replaced by "***":
 * a new object. NULL without memory. */
GW_MUST_CHECK
json_t *gw_config_masked(const struct gw_config *config);
/* The same as indented JSON. 0, -ENOMEM, or -EIO. */
GW_MUST_CHECK
int gw_config_print_masked(const struct gw_config *config, FILE *out);

/* The manual of the whole file in Markdown: the gateway's own keys, each section, each policy. */
void gw_config_reference_print(FILE *out, const struct gw_filter_type *const *filters);
