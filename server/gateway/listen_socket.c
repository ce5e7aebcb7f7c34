#include "server/gateway/listen_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static int open_one(const struct gw_config_address *at, const struct sockaddr_storage *address,
                    bool is_shared)
{
    int one = 1;
    int zero = 0;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
        (at->is_any_family &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) != 0) ||
        bind(fd, (const struct sockaddr *)address, at->address_len) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

int gw_listen_sockets(const struct gw_config_address *at, size_t count, int *fds,
                      struct gw_error *error)
{
    struct sockaddr_storage address = at->address;

    for (size_t i = 0; i < count; i++) {
        fds[i] = open_one(at, &address, count > 1);
        if (fds[i] < 0) {
            int rc = fds[i];
            while (i > 0)
                close(fds[--i]);
            return gw_error_set(error, rc, "cannot listen on %.*s: %s", GW_STR_ARG(at->text),
                                strerror(-rc));
        }
        socklen_t len = sizeof(address); /* the port that the first got is everybody's */
        getsockname(fds[i], (struct sockaddr *)&address, &len);
    }
    return 0;
}

/* A socket file whose owner is gone refuses connections; then it may be replaced. So does any other
 * file, which must not. */
static bool is_dead(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    int rc = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
    close(fd);
    return rc == ECONNREFUSED;
}

int gw_listen_unix(const char *path, struct gw_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return gw_error_set(error, -ENAMETOOLONG, "the socket path %s is longer than %zu bytes",
                            path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (is_dead(&address))
        unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    int rc = fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
                     listen(fd, BACKLOG) != 0
                 ? -errno
                 : 0;
    umask(mask);
    if (rc != 0) {
        if (fd >= 0)
            close(fd);
        return gw_error_set(error, rc, "cannot listen on %s: %s", path, strerror(-rc));
    }
    return fd;
}

void gw_listen_url(int fd, bool is_tls, char *out, size_t out_bytes)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    char host[INET6_ADDRSTRLEN + 2];
    char port[8];

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(out, out_bytes, "(unknown)");
        return;
    }
    bool is_v6 = address.ss_family == AF_INET6;
    snprintf(out, out_bytes, "http%s://%s%s%s:%s", is_tls ? "s" : "", is_v6 ? "[" : "", host,
             is_v6 ? "]" : "", port);
}
