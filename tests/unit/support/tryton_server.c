#include "tryton_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/support/leftovers.h"

#define START_MS (10 * 60 * 1000) /* with the plant to be made, on a busy machine */
#define LISTENING "listening on http://127.0.0.1:"

bool tryton_server_is_installed(void)
{
    return system("command -v trytond >/dev/null 2>&1 && script/node --which >/dev/null 2>&1") == 0;
}

static void run_rig(const struct tryton_server *server, const int *tie, const int *out)
{
    dup2(tie[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execl("script/node", "script/node", "tests/rigs/tryton/serve.mjs", server->folder, "--tied",
          NULL);
    _exit(127);
}

/* What the rig says until it listens or ends. */
static void read_line(int fd, char *line, size_t capacity)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    ssize_t got = 1;

    while (got > 0 && len < capacity - 1 && memchr(line, '\n', len) == NULL) {
        assert_int_equal(poll(&poll_fd, 1, START_MS), 1);
        got = read(fd, line + len, capacity - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    line[len] = '\0';
}

void tryton_server_start(struct tryton_server *server)
{
    char line[256];
    int tie[2], out[2];

    *server = (struct tryton_server){0};
    snprintf(server->folder, sizeof(server->folder), "/tmp/millgate-test-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    assert_int_equal(pipe2(tie, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    server->rig = fork();
    if (server->rig == 0)
        run_rig(server, tie, out);
    assert_true(server->rig > 0);
    close(tie[0]);
    close(out[1]);
    server->tie = tie[1];
    read_line(out[0], line, sizeof(line));
    close(out[0]);
    if (strncmp(line, LISTENING, strlen(LISTENING)) != 0) {
        tryton_server_stop(server);
        fail_msg("the rig did not start: %s", line);
    }
    server->port = (uint16_t)strtoul(line + strlen(LISTENING), NULL, 10);
}

void tryton_server_signal(const struct tryton_server *server, int number)
{
    char path[128];
    long pid = 0;

    snprintf(path, sizeof(path), "%s/trytond.pid", server->folder);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    assert_true(pid > 1);
    kill((pid_t)pid, number);
}

void tryton_server_stop(struct tryton_server *server)
{
    if (server->tie > 0)
        close(server->tie);
    server->tie = 0;
    if (server->rig > 0)
        waitpid(server->rig, NULL, 0);
    server->rig = 0;
    leftovers_remove(server->folder);
}
