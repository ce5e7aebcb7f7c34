/* Listening sockets, bound before any worker runs, so that a port in use is told at once. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/gateway/config.h"

/* Opens `count` sockets for one address, with SO_REUSEPORT when count > 1; port 0 becomes one free
 * port for all. Fills fds; on failure none stays open. */
GW_MUST_CHECK
int gw_listen_sockets(const struct gw_config_address *at, size_t count, int *fds,
                      struct gw_error *error);

/* A unix socket with mode 0600; a dead one at that path is replaced. Returns the fd or an errno. */
GW_MUST_CHECK
int gw_listen_unix(const char *path, struct gw_error *error);

/* "http://127.0.0.1:8080", as bound. */
void gw_listen_url(int fd, bool is_tls, char *out, size_t out_bytes);
