#include "server/http/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEPS 6
#define MAX_BYTES (1024 * 1024)

void gw_linger_keep(struct gw_linger *linger, int fd)
{
    if (linger->count == GW_LINGER_MAX)
        return;
    int kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (kept < 0)
        return;
    shutdown(kept, SHUT_WR);
    linger->sockets[linger->count++] = (struct gw_linger_socket){kept, SWEEPS, MAX_BYTES};
}

/* Returns whether the socket is worth keeping on. */
static bool drain(struct gw_linger_socket *socket)
{
    char dropped[16 * 1024];

    while (socket->bytes_left > 0) {
        ssize_t count = recv(socket->fd, dropped, sizeof(dropped), MSG_DONTWAIT);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return (errno == EAGAIN || errno == EWOULDBLOCK) && --socket->sweeps_left > 0;
        if (count == 0)
            return false; /* the client has closed, too */
        uint64_t taken = (uint64_t)count;
        socket->bytes_left -= taken < socket->bytes_left ? taken : socket->bytes_left;
    }
    return false;
}

void gw_linger_sweep(struct gw_linger *linger)
{
    for (unsigned i = linger->count; i-- > 0;) {
        if (drain(&linger->sockets[i]))
            continue;
        close(linger->sockets[i].fd);
        linger->sockets[i] = linger->sockets[--linger->count];
    }
}

void gw_linger_finish(struct gw_linger *linger)
{
    while (linger->count > 0)
        close(linger->sockets[--linger->count].fd);
}
