/* A real redis-server for tests: in a folder of its own under /tmp, on a unix socket, no port. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid; /* 0: does not run */
    char folder[64];
    char path[96]; /* of the socket */
    const char *const *options;
};

/* Whether redis-server is installed; tests without it are skipped with status 77. */
bool redis_server_is_installed(void);

/* Starts one and waits until it answers. `options` are further arguments ("--requirepass", "x"),
 * NULL at the end, or NULL; borrowed. Fails the test if it cannot. */
void redis_server_start(struct redis_server *server, const char *const *options);
/* The same folder and path again, after a kill. */
void redis_server_restart(struct redis_server *server);
void redis_server_kill(struct redis_server *server); /* kill -9, and waits */
void redis_server_signal(struct redis_server *server, int number);
/* Kills it and removes its folder. Safe on one that is stopped. */
void redis_server_stop(struct redis_server *server);

/* Sends one line ("PTTL key") on a connection of its own, and returns the first line of the reply
 * in `out` without its end. Blocks up to 5 s. */
void redis_server_ask(const struct redis_server *server, const char *line, char *out,
                      size_t capacity);
