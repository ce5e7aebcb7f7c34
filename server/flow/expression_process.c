#include "server/flow/expression_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/core/str.h"

#define HELPER_COMMAND "expression-helper"

/* The child's descriptors: the socket, and nothing else. */
static int describe_files(posix_spawn_file_actions_t *actions, int fd)
{
    int rc = posix_spawn_file_actions_adddup2(actions, fd, GW_JQ_HELPER_FD);

    for (int standard = 0; standard < GW_JQ_HELPER_FD && rc == 0; standard++)
        rc = posix_spawn_file_actions_addclose(actions, standard);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, GW_JQ_HELPER_FD + 1);
    return rc;
}

/* A session of its own, as an interrupt at the terminal is for the gateway. */
static int spawn(int fd, size_t max_memory_bytes, pid_t *out_pid)
{
    char memory[32];
    char *const words[] = {(char[]){"millgate"}, (char[]){HELPER_COMMAND}, memory, NULL};
    char *const no_environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    snprintf(memory, sizeof(memory), "%zu", max_memory_bytes);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = describe_files(&actions, fd);
    if (rc == 0)
        rc = posix_spawn(out_pid, "/proc/self/exe", &actions, &attributes, words, no_environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -rc;
}

int gw_jq_process_start(size_t max_memory_bytes, struct gw_jq_process *out_process,
                        struct gw_error *error)
{
    int fds[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return gw_error_set(error, -errno, "cannot start the helper for expressions: %s",
                            strerror(errno));
    int rc = spawn(fds[1], max_memory_bytes, &pid);
    close(fds[1]);
    if (rc != 0) {
        close(fds[0]);
        return gw_error_set(error, rc, "cannot start the helper for expressions: %s",
                            strerror(-rc));
    }
    *out_process = (struct gw_jq_process){.pid = pid, .fd = fds[0]};
    return 0;
}

void gw_jq_process_kill(struct gw_jq_process *process)
{
    if (process->pid == 0)
        return;
    close(process->fd);
    kill(process->pid, SIGKILL);
    process->fd = -1;
}

void gw_jq_process_forget(struct gw_jq_process *process)
{
    if (process->pid != 0)
        close(process->fd);
    *process = (struct gw_jq_process){0};
}

/* Any program that can start the helper can also be it, the tests' too: before its main. What an
 * unknowing main would make of these arguments (start helpers in turn) cannot happen. */
__attribute__((constructor)) static void become_helper(int argc, char **argv)
{
    int type;
    socklen_t len = sizeof(type);
    uint64_t max_memory_bytes;

    if (argc != 3 || strcmp(argv[1], HELPER_COMMAND) != 0 ||
        gw_str_to_u64(gw_str_of(argv[2]), &max_memory_bytes) != 0 ||
        getsockopt(GW_JQ_HELPER_FD, SOL_SOCKET, SO_DOMAIN, &type, &len) != 0 || type != AF_UNIX)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* with the worker's thread, if the socket should not tell */
    gw_jq_serve(max_memory_bytes);
}
