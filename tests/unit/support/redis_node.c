#include "redis_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/unit/support/leftovers.h"

#define ROUNDS 1000 /* of 20 ms */

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

void redis_node_prepare(struct redis_node *node)
{
    *node = (struct redis_node){.port = free_port()};
    snprintf(node->folder, sizeof(node->folder), "/tmp/millgate-test-XXXXXX");
    assert_non_null(mkdtemp(node->folder));
}

static void run(const struct redis_node *node, int is_sentinel)
{
    char conf[96];
    char *words[] = {"redis-server", conf, is_sentinel ? "--sentinel" : NULL, NULL};

    snprintf(conf, sizeof(conf), "%s/redis.conf", node->folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(words[0], words);
    _exit(127);
}

void redis_node_restart(struct redis_node *node, int is_sentinel)
{
    assert_int_equal(node->pid, 0);
    node->pid = fork();
    if (node->pid == 0)
        run(node, is_sentinel);
    assert_true(node->pid > 0);
    redis_node_await(node, "PING", "+PONG");
}

void redis_node_start(struct redis_node *node, const char *lines, int is_sentinel)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/redis.conf", node->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "port %u\nbind 127.0.0.1\ndir %s\nlogfile %s/redis.log\n%s\n", node->port,
            node->folder, node->folder, lines);
    fclose(file);
    redis_node_restart(node, is_sentinel);
}

void redis_node_kill(struct redis_node *node)
{
    leftovers_kill(&node->pid);
}

void redis_node_signal(struct redis_node *node, int number)
{
    assert_true(node->pid > 0);
    kill(node->pid, number);
}

void redis_node_finish(struct redis_node *node)
{
    redis_node_kill(node);
    leftovers_remove(node->folder);
}

void redis_node_ask(const struct redis_node *node, const char *line, char *out, size_t capacity)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(node->port)};
    struct timeval limit = {1, 0};
    char text[512];
    size_t len = 0;
    ssize_t got = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    out[0] = '\0';
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    int line_len = snprintf(text, sizeof(text), "%s\r\n", line);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(fd, text, (size_t)line_len, MSG_NOSIGNAL) == line_len) {
        shutdown(fd, SHUT_WR); /* a sentinel knows no QUIT */
        while (got > 0 && len < capacity - 1) {
            got = recv(fd, out + len, capacity - 1 - len, 0);
            len += got > 0 ? (size_t)got : 0;
        }
        out[len] = '\0';
    }
    close(fd);
}

void redis_node_await(const struct redis_node *node, const char *line, const char *part)
{
    char out[8192];

    for (int i = 0; i < ROUNDS; i++) {
        redis_node_ask(node, line, out, sizeof(out));
        if (strstr(out, part) != NULL)
            return;
        usleep(20 * 1000);
    }
    fail_msg("%s: no %s in: %s", line, part, out);
}
