/* What the files gateway/config*.c share. Not for others. */
#pragma once

#include "server/gateway/config.h"

/* One load under way. */
struct gw_config_loader {
    struct gw_config *config;
    struct gw_diagnostics *diagnostics;
    struct gw_option_source source;
    char folder[4096]; /* of the configuration's file */
};

/* Adds an error at the value that the JSON Pointer names; the load goes on and fails at its end. */
GW_PRINTF(3, 4)
GW_COLD void gw_config_fail(struct gw_config_loader *loader, const char *pointer,
                            const char *format, ...);

/* The same with a warning: the load goes on and does not fail for it. */
GW_PRINTF(3, 4)
GW_COLD void gw_config_warn(struct gw_config_loader *loader, const char *pointer,
                            const char *format, ...);

/* Fills the typed members from the checked tree, of which parts may be missing if something was
 * wrong with them. Further problems are added. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_config_fill(struct gw_config_loader *loader);
GW_MUST_CHECK
int gw_config_fill_backends(struct gw_config_loader *loader);
/* What a backend's resilience is made of: targets, retries, health. `pointer` is where the backend
 * stands in the file. */
GW_MUST_CHECK
int gw_config_fill_targets(struct gw_config_loader *loader, const char *pointer,
                           const json_t *checked, struct gw_config_backend *backend);
GW_MUST_CHECK
int gw_config_fill_resilience(struct gw_config_loader *loader, const char *pointer,
                              const json_t *checked, struct gw_config_backend *backend);
/* Routes and maintenance, which are lists. */
GW_MUST_CHECK
int gw_config_fill_routes(struct gw_config_loader *loader, const char *pointer,
                          const json_t *checked, struct gw_config_backend *backend);
GW_MUST_CHECK
int gw_config_fill_maintenance(struct gw_config_loader *loader, const char *pointer,
                               const json_t *checked, struct gw_config_backend *backend);
/* Names of backends and of fields: a token of RFC 9110, section 5.6.2, without its rarer signs. */
bool gw_config_is_plain_name(struct gw_str name);
/* `checked` is the backend's `credentials`; its fields must be filled by then. */
GW_MUST_CHECK
int gw_config_fill_credentials(struct gw_config_loader *loader, const char *backend_pointer,
                               const json_t *checked, struct gw_config_backend *backend);
/* `checked` is the backend's `effects`, or NULL. */
void gw_config_fill_effects(struct gw_config_loader *loader, const char *backend_pointer,
                            const json_t *checked, struct gw_effect *effect);
/* Of a backend that is filled: warns of a `settle` that cannot be right. */
void gw_config_check_settle(struct gw_config_loader *loader, const char *backend_pointer,
                            const struct gw_config_backend *backend);
GW_MUST_CHECK
int gw_config_fill_floor(struct gw_config_loader *loader);
/* After the backends. */
GW_MUST_CHECK
int gw_config_fill_landscapes(struct gw_config_loader *loader);
GW_MUST_CHECK
int gw_config_fill_iot(struct gw_config_loader *loader);
/* A list of paths below `checked`, relative to the configuration's folder; `pointer` is where the
 * list stands. */
GW_MUST_CHECK
int gw_config_fill_paths(struct gw_config_loader *loader, const char *pointer, const json_t *list,
                         const struct gw_str **out_paths, size_t *out_count);
GW_MUST_CHECK
int gw_config_fill_events(struct gw_config_loader *loader);
GW_MUST_CHECK
int gw_config_fill_edges(struct gw_config_loader *loader);
GW_MUST_CHECK
int gw_config_fill_redis(struct gw_config_loader *loader);

/* Of WebSockets and event streams. */
void gw_config_fill_streams(const json_t *checked, struct gw_config_backend *backend);

GW_MUST_CHECK
int gw_config_fill_listeners(struct gw_config_loader *loader);
/* A `tls` of a listener or the admin listener, which stands at `pointer`; `checked` may be NULL. */
GW_MUST_CHECK
int gw_config_fill_tls(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                       struct gw_config_tls_server *tls);
void gw_config_fill_address(struct gw_config_loader *loader, const char *pointer,
                            struct gw_str text, struct gw_config_address *address);
/* No listener before number `before` may have that address. */
void gw_config_check_address(struct gw_config_loader *loader, const char *pointer,
                             const struct gw_config_address *address, size_t before);

/* The table of all top-level keys: the gateway's and the policies' sections; in the arena. NULL
 * without memory. */
GW_MUST_CHECK
const struct gw_option *gw_config_table_build(struct gw_arena *arena,
                                              const struct gw_filter_type *const *filters);

/* Checks the chain and fills config->policies. `given` is the list in the file, or NULL. */
GW_MUST_CHECK
int gw_config_fill_policies(struct gw_config_loader *loader, const json_t *given);

/* Names in a list must be those of a section, if the file has it at all or a policy offers it. */
void gw_config_check_names(struct gw_config_loader *loader, const char *pointer,
                           const char *section, const struct gw_str *names, size_t count);

/* Members of checked objects. A missing one is a gw_str with ptr NULL, or 0. */
struct gw_str gw_config_text(const json_t *object, const char *key);
uint64_t gw_config_number(const json_t *object, const char *key);
/* RFC 9110, section 5.5, and no white space at the ends. */
bool gw_config_is_field_value(struct gw_str value);
/* A list of texts, in the arena; nulls are left out. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_config_texts(struct gw_config *config, const json_t *list, const struct gw_str **out_texts,
                    size_t *out_count);
/* A path made relative to the configuration's folder; ptr NULL without memory. */
GW_MUST_CHECK
struct gw_str gw_config_path(struct gw_config_loader *loader, struct gw_str path);

/* "127.0.0.1:8080", "[::]:0", "*:80". Returns 0, or -EINVAL. The text is borrowed. */
GW_MUST_CHECK
int gw_config_address_parse(struct gw_str text, struct gw_config_address *out_address);

/* "redis-1.example:6379", "[::1]:26379". The host is borrowed, without brackets. 0, or -EINVAL. */
GW_MUST_CHECK
int gw_config_peer_parse(struct gw_str text, struct gw_str *out_host, uint16_t *out_port);

/* scheme://host[:port][/path] without user, query and fragment. All parts are borrowed. */
struct gw_config_url {
    struct gw_str scheme, authority;
    struct gw_str host; /* without brackets */
    struct gw_str path; /* from its "/", or empty */
    uint16_t port;      /* 0: none given */
};

/* Returns 0, or -EINVAL with the reason. */
GW_MUST_CHECK
int gw_config_url_parse(struct gw_str text, struct gw_config_url *out_url, struct gw_error *error);
