/* Real Redis processes on TCP ports of 127.0.0.1: servers with replicas, sentinels, a cluster. Each
 * has a folder of its own; a test that dies leaves none behind. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_node {
    pid_t pid; /* 0: does not run */
    uint16_t port;
    char folder[64];
};

/* A folder and a port that was free a moment ago. */
void redis_node_prepare(struct redis_node *node);
/* Runs it with these lines in its file (besides port, bind and dir), as a sentinel if
 * `is_sentinel`; waits until it answers. Fails the test if it cannot. */
void redis_node_start(struct redis_node *node, const char *lines, int is_sentinel);
/* The same once more, with the file as it is by now. */
void redis_node_restart(struct redis_node *node, int is_sentinel);
void redis_node_kill(struct redis_node *node); /* kill -9, and waits */
void redis_node_signal(struct redis_node *node, int number);
void redis_node_finish(struct redis_node *node); /* and removes the folder */

/* One line ("INFO replication") on a connection of its own; the whole answer, as sent, in `out`.
 * Empty if there is none within a second. */
void redis_node_ask(const struct redis_node *node, const char *line, char *out, size_t capacity);
/* Asks until the answer has `part` in it; fails the test after 20 s. */
void redis_node_await(const struct redis_node *node, const char *line, const char *part);
