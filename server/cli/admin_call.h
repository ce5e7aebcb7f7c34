/* What commands ask a running gateway: one request to its admin listener, waited for. */
#pragma once

#include <jansson.h>

#include "server/cli/cli.h"

/* The options that all such commands have; filled by gw_cli_options_parse(). */
struct gw_cli_admin {
    const char *config_path; /* -c: where the listener is, if `address` does not say */
    const char *address;     /* --admin: a unix socket's path, or http:// or https:// */
    const char *token_file;  /* --token-file: "-" is standard input */
    const char *ca_file;     /* --ca-file: trusted for https:// */
    bool is_json;            /* --json */
};

#define GW_CLI_ADMIN_OPTIONS(admin)                                           \
    {.name = "config", .letter = 'c', .value = &(admin)->config_path},        \
        {.name = "admin", .letter = 'a', .value = &(admin)->address},         \
        {.name = "token-file", .letter = 't', .value = &(admin)->token_file}, \
        {.name = "ca-file", .value = &(admin)->ca_file},                      \
    {                                                                         \
        .name = "json", .flag = &(admin)->is_json                             \
    }

#define GW_CLI_ADMIN_HELP                                                                       \
    "\nThe gateway is asked over its admin listener:\n"                                         \
    "  -a, --admin ADDRESS    a unix socket's path, or http://host:port or https://host:port\n" \
    "  -c, --config FILE      take the address from a configuration\n"                          \
    "  -t, --token-file FILE  a token for http and https (\"-\": standard input); or set\n"     \
    "                         MILLGATE_ADMIN_TOKEN\n"                                           \
    "      --ca-file FILE     trusted for https instead of the system's authorities, PEM\n"     \
    "      --json             print what the gateway answered\n"

/* Sends `body` (NULL: none; borrowed) and waits for the answer, at most 30 s. Returns GW_EXIT_OK
 * with *out_answer (NULL if there is no body; to be released), or another exit code after it has
 * told why on cli->err. */
GW_MUST_CHECK
int gw_cli_admin_call(const struct gw_cli *cli, const struct gw_cli_admin *admin,
                      const char *method, const char *path, const json_t *body,
                      json_t **out_answer);

/* Appends `text` percent-encoded as a path's segment or a query's value. */
struct gw_buf;
void gw_cli_append_encoded(struct gw_buf *buf, const char *text);
