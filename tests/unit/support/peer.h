/* A TCP server on 127.0.0.1 for tests: a thread accepts, one more per connection plays a part.
 *
 * Its sockets give up after 10 s, so that no test hangs on it. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct peer;
/* Plays one connection, the `index`th; the socket is closed afterwards. */
typedef void peer_part(struct peer *peer, int fd, unsigned index);

enum { PEER_MAX_CONNECTIONS = 256 };

struct peer {
    uint16_t port;
    peer_part *part;
    void *script; /* for the part */
    int listener;
    pthread_t acceptor;
    pthread_t players[PEER_MAX_CONNECTIONS];
    atomic_uint accepted;
    atomic_uint requests; /* for the part to count */
    atomic_bool is_stopping;
};

/* Asserts that it works. */
void peer_start(struct peer *peer, peer_part *part, void *script);
/* Waits for all parts to end. */
void peer_stop(struct peer *peer);

/* Reads up to the end of a head; returns its length with the empty line, or -1 at the end. `head`
 * is NUL-terminated; not a byte beyond the head is read. */
ssize_t peer_read_head(int fd, char *head, size_t capacity);
/* Reads exactly `len` bytes. */
bool peer_read_exactly(int fd, char *out, size_t len);
bool peer_send(int fd, const char *bytes, size_t len);
bool peer_send_text(int fd, const char *text);
/* Waits until the other side closes; what comes before is dropped. */
void peer_drain(int fd);
void peer_sleep_ms(unsigned ms);
