#include "tests/unit/support/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct play {
    struct peer *peer;
    int fd;
    unsigned index;
};

static void *run_part(void *argument)
{
    struct play play = *(struct play *)argument;

    free(argument);
    play.peer->part(play.peer, play.fd, play.index);
    close(play.fd);
    return NULL;
}

static void *accept_all(void *argument)
{
    static const struct timeval patience = {.tv_sec = 10};
    struct peer *peer = argument;

    for (;;) {
        int fd = accept(peer->listener, NULL, NULL);
        struct play *play;

        if (fd < 0 || atomic_load(&peer->is_stopping) || peer->accepted == PEER_MAX_CONNECTIONS ||
            (play = malloc(sizeof(*play))) == NULL) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        *play = (struct play){peer, fd, peer->accepted};
        if (pthread_create(&peer->players[peer->accepted], NULL, run_part, play) != 0)
            abort();
        atomic_fetch_add(&peer->accepted, 1);
    }
}

void peer_start(struct peer *peer, peer_part *part, void *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    memset(peer, 0, sizeof(*peer));
    peer->part = part;
    peer->script = script;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->listener >= 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(peer->listener, 128), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &len), 0);
    peer->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&peer->acceptor, NULL, accept_all, peer), 0);
}

void peer_stop(struct peer *peer)
{
    atomic_store(&peer->is_stopping, true);
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->acceptor, NULL);
    close(peer->listener);
    for (unsigned at = 0; at < peer->accepted; at++)
        pthread_join(peer->players[at], NULL);
}

ssize_t peer_read_head(int fd, char *head, size_t capacity)
{
    size_t len = 0;

    while (len + 1 < capacity) {
        if (recv(fd, head + len, 1, 0) != 1)
            return -1;
        len++;
        if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0) {
            head[len] = '\0';
            return (ssize_t)len;
        }
    }
    return -1;
}

bool peer_read_exactly(int fd, char *out, size_t len)
{
    return len == 0 || recv(fd, out, len, MSG_WAITALL) == (ssize_t)len;
}

bool peer_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = send(fd, bytes, len, MSG_NOSIGNAL);

        if (count <= 0)
            return false;
        bytes += count;
        len -= (size_t)count;
    }
    return true;
}

bool peer_send_text(int fd, const char *text)
{
    return peer_send(fd, text, strlen(text));
}

void peer_drain(int fd)
{
    char dropped[4096];

    while (recv(fd, dropped, sizeof(dropped), 0) > 0)
        continue;
}

void peer_sleep_ms(unsigned ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&pause, NULL);
}
