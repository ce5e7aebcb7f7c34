#include "redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/support/leftovers.h"

#define MAX_OPTIONS 32
#define START_ROUNDS 1000 /* of 10 ms */

bool redis_server_is_installed(void)
{
    return system("command -v redis-server >/dev/null 2>&1") == 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {5, 0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void run_server(const struct redis_server *server)
{
    const char *words[MAX_OPTIONS] = {
        "redis-server", "--port",     "0",     "--unixsocket", server->path, "--dir",
        server->folder, "--save",     "",      "--appendonly", "no",         "--logfile",
        "redis.log",    "--loglevel", "notice"};
    size_t count = 15;

    for (size_t i = 0; server->options != NULL && server->options[i] != NULL; i++) {
        if (count < MAX_OPTIONS - 1)
            words[count++] = server->options[i];
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing behind */
    if (chdir(server->folder) == 0)
        execvp(words[0], (char *const *)words);
    _exit(127);
}

void redis_server_restart(struct redis_server *server)
{
    int fd = -1;

    assert_int_equal(server->pid, 0);
    unlink(server->path);
    server->pid = fork();
    if (server->pid == 0)
        run_server(server);
    assert_true(server->pid > 0);
    for (int i = 0; i < START_ROUNDS && fd < 0; i++) {
        usleep(10 * 1000);
        fd = connect_to(server->path);
    }
    assert_true(fd >= 0);
    close(fd);
}

void redis_server_start(struct redis_server *server, const char *const *options)
{
    *server = (struct redis_server){.options = options};
    snprintf(server->folder, sizeof(server->folder), "/tmp/millgate-test-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->path, sizeof(server->path), "%s/redis.sock", server->folder);
    redis_server_restart(server);
}

void redis_server_kill(struct redis_server *server)
{
    leftovers_kill(&server->pid);
}

void redis_server_signal(struct redis_server *server, int number)
{
    assert_true(server->pid > 0);
    kill(server->pid, number);
}

void redis_server_stop(struct redis_server *server)
{
    redis_server_kill(server);
    leftovers_remove(server->folder);
}

void redis_server_ask(const struct redis_server *server, const char *line, char *out,
                      size_t capacity)
{
    char text[512];
    size_t len = 0;
    int fd = connect_to(server->path);

    assert_true(fd >= 0);
    int line_len = snprintf(text, sizeof(text), "%s\r\n", line);
    assert_int_equal(write(fd, text, (size_t)line_len), line_len);
    while (len < capacity - 1 && recv(fd, out + len, 1, 0) == 1 && out[len] != '\r')
        len++;
    out[len] = '\0';
    close(fd);
}
