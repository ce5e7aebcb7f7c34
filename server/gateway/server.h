/* The running gateway: the main thread with its loop, the workers, Redis, and the admin listener.
 *
 * The main thread serves no requests of callers: it loads snapshots, supervises the private Redis,
 * answers the admin listener, and handles signals. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"

struct gw_filter_type;

struct gw_server_options {
    const char *config_path;
    const struct gw_filter_type *const *filters; /* the table of policies, NULL at its end */
};

/* Serves until SIGTERM or SIGINT; returns the process's exit code. Problems go to standard error.
 */
int gw_server_run(const struct gw_server_options *options);
