/* The last second of connections that were answered before their request was read to its end.
 *
 * Closing a socket with unread bytes resets it, and many a client then loses the answer that it had
 * not read yet (RFC 9112, section 9.6). So the socket is kept, with its sending side shut, and what
 * still comes is thrown away, within bounds. One listener's; loop thread only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_LINGER_MAX 256 /* sockets at once; further ones are closed as they are */

struct gw_linger_socket {
    int fd;
    unsigned sweeps_left;
    uint64_t bytes_left;
};

struct gw_linger {
    struct gw_linger_socket sockets[GW_LINGER_MAX];
    unsigned count;
};

/* Keeps a duplicate of `fd`, which stays the caller's to close. */
void gw_linger_keep(struct gw_linger *linger, int fd);

/* To be called every 200 ms: throws away what has come, and lets go whose time is over. */
void gw_linger_sweep(struct gw_linger *linger);

/* Closes all. */
void gw_linger_finish(struct gw_linger *linger);
