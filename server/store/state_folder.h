/* The folder in which a gateway keeps what outlives it, when it runs its own Redis.
 *
 * 0700, ours, and held by a lock as long as the gateway lives: a second gateway is refused. In it:
 * gateway.lock, redis.lock (held by the Redis process itself; says its pid), password, socket
 * (where the socket's folder is: a unix socket's path has at most 107 bytes, a state folder's may
 * have more). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/error.h"

#define GW_PASSWORD_BYTES 64 /* hex digits of 256 random bits */
#define GW_SOCKET_PATH_BYTES 108

struct gw_state_folder {
    int fd;      /* of the folder */
    int lock_fd; /* of gateway.lock */
    char password[GW_PASSWORD_BYTES + 1];
    char socket_folder[GW_SOCKET_PATH_BYTES - 16];
    char socket_path[GW_SOCKET_PATH_BYTES];
};

/* Opens the folder, makes it if it is missing, and takes the lock. 0; -EBUSY with "state folder X
 * is in use by process N"; or another negative errno with the reason. */
GW_MUST_CHECK
int gw_state_folder_open(struct gw_state_folder *folder, const char *path, struct gw_error *error);

/* Gives the lock up. With `is_done` the socket's folder is removed too. Safe on one that was not
 * opened (fds below 0). */
void gw_state_folder_close(struct gw_state_folder *folder, bool is_done);
