#include "server/store/redis_process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/core/log.h"
#include "server/core/scope.h"

#define LOG_MAX_BYTES (1024 * 1024)

/* --- is it there --- */

static int run_for_output(const char *program, char *out, size_t capacity)
{
    char *const words[] = {(char *)program, "--version", NULL};
    posix_spawn_file_actions_t actions;
    int pipe_fds[2];
    pid_t pid;
    size_t len = 0;
    ssize_t got = 1;

    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return -errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    int rc = posix_spawnp(&pid, program, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    while (rc == 0 && got > 0 && len < capacity - 1) {
        got = read(pipe_fds[0], out + len, capacity - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    out[len] = '\0';
    close(pipe_fds[0]);
    if (rc == 0)
        waitpid(pid, NULL, 0);
    return -rc;
}

int gw_redis_process_check(const char *program, struct gw_error *error)
{
    char text[256] = "";
    int rc = run_for_output(program, text, sizeof(text));

    if (rc == -ENOENT)
        return gw_error_set(error, rc,
                            "%s is not installed: install it (apt-get install redis-server), or "
                            "name a Redis under `redis` in the configuration",
                            program);
    if (rc != 0)
        return gw_error_set(error, rc, "cannot run %s: %s", program, strerror(-rc));
    const char *version = strstr(text, "v=");
    if (version == NULL)
        return gw_error_set(error, -ENOTSUP, "%s does not say its version", program);
    version += 2;
    if (strtol(version, NULL, 10) < GW_PRIVATE_REDIS_MIN_VERSION)
        return gw_error_set(error, -ENOTSUP, "%s is version %.*s; %d or later is needed", program,
                            (int)strcspn(version, " \n"), version, GW_PRIVATE_REDIS_MIN_VERSION);
    return 0;
}

/* --- running it --- */

/* The working directory is the state folder, so no path of the user's stands here but the
 * socket's, which we made. Commands that could undo durability or the access rules are both
 * renamed away and outside the user's rules. Nobody can be the default user; but what Redis reads
 * back from its file is executed in its name, and of transactions (scripts that write more than
 * once) it asks for each command whether that may: one that might not would be left out. */
static int write_settings(const struct gw_state_folder *folder)
{
    GW_SCOPED(gw_scope_close)
    int fd = openat(folder->fd, "redis.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int len = dprintf(fd,
                      "port 0\n"
                      "unixsocket \"%s\"\n"
                      "unixsocketperm 700\n"
                      "daemonize no\n"
                      "logfile redis.log\n"
                      "appendonly yes\n"
                      "appendfsync always\n"
                      "aof-load-truncated yes\n"
                      "save \"\"\n"
                      "maxmemory-policy noeviction\n"
                      "rename-command CONFIG \"\"\n"
                      "rename-command DEBUG \"\"\n"
                      "rename-command MODULE \"\"\n"
                      "rename-command SHUTDOWN \"\"\n"
                      "rename-command FLUSHALL \"\"\n"
                      "rename-command FLUSHDB \"\"\n"
                      "rename-command REPLICAOF \"\"\n"
                      "rename-command SLAVEOF \"\"\n"
                      "user default off ~* &* +@all\n"
                      "user " GW_PRIVATE_REDIS_USER
                      " on >%s ~* +@all -@dangerous -@admin +info +role +client|setname\n",
                      folder->socket_path, folder->password);
    return len > 0 ? 0 : -errno;
}

static void turn_log(const struct gw_state_folder *folder)
{
    struct stat status;

    if (fstatat(folder->fd, "redis.log", &status, 0) == 0 && status.st_size > LOG_MAX_BYTES)
        renameat(folder->fd, "redis.log", folder->fd, "redis.log.old");
}

/* A session of its own: an interrupt at the terminal is for the gateway, which then stops Redis in
 * order. No signal is blocked or ignored. */
static int spawn(const struct gw_state_folder *folder, const char *program, int lock_fd,
                 pid_t *out_pid)
{
    char *const words[] = {(char *)program, "redis.conf", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addfchdir_np(&actions, folder->fd);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "redis.out",
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, lock_fd, lock_fd); /* is kept over exec */
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawnp(out_pid, program, &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -rc;
}

int gw_redis_process_spawn(const struct gw_state_folder *folder, const char *program,
                           pid_t *out_pid, struct gw_error *error)
{
    GW_SCOPED(gw_scope_close)
    int lock_fd = openat(folder->fd, "redis.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd < 0)
        return gw_error_set(error, -errno, "cannot open redis.lock: %s", strerror(errno));
    if (flock(lock_fd, LOCK_EX | LOCK_NB) != 0)
        return gw_error_set(error, -EAGAIN, "another Redis holds the state folder");
    int rc = write_settings(folder);
    if (rc != 0)
        return gw_error_set(error, rc, "cannot write redis.conf: %s", strerror(-rc));
    turn_log(folder);
    rc = spawn(folder, program, lock_fd, out_pid);
    if (rc != 0)
        return gw_error_set(error, rc, "cannot run %s: %s", program, strerror(-rc));
    /* For people who look for it; nothing of ours relies on it. */
    if (ftruncate(lock_fd, 0) != 0 || dprintf(lock_fd, "%ld\n", (long)*out_pid) < 0)
        gw_log_warn("private Redis: cannot write redis.lock: %s", strerror(errno));
    return 0;
}

/* --- who holds the lock --- */

static bool holds_file(const char *pid, const struct stat *file)
{
    char path[sizeof("/proc//fd/") + 2 * NAME_MAX];
    struct dirent *entry;
    struct stat status;
    bool is_found = false;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *fds = opendir(path);
    while (fds != NULL && !is_found && (entry = readdir(fds)) != NULL) {
        snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
        is_found = stat(path, &status) == 0 && status.st_dev == file->st_dev &&
                   status.st_ino == file->st_ino;
    }
    if (fds != NULL)
        closedir(fds);
    return is_found;
}

unsigned gw_redis_process_kill_holders(const struct gw_state_folder *folder)
{
    struct dirent *entry;
    struct stat lock;
    unsigned count = 0;

    if (fstatat(folder->fd, "redis.lock", &lock, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    DIR *processes = opendir("/proc");
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !holds_file(entry->d_name, &lock))
            continue;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && pid != getpid() && kill(pid, SIGKILL) == 0)
            count++;
    }
    if (processes != NULL)
        closedir(processes);
    return count;
}

void gw_redis_process_log_tail(const struct gw_state_folder *folder, char *out, size_t capacity)
{
    static const char *const names[] = {"redis.out", "redis.log"};
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < 2 && len == 0; i++) {
        GW_SCOPED(gw_scope_close) int fd = openat(folder->fd, names[i], O_RDONLY | O_CLOEXEC);
        struct stat status;
        if (fd < 0 || fstat(fd, &status) != 0)
            continue;
        off_t from = status.st_size > (off_t)capacity ? status.st_size - (off_t)capacity + 1 : 0;
        ssize_t got = pread(fd, out, capacity - 1, from);
        len = got > 0 ? (size_t)got : 0;
    }
    while (len > 0 && isspace((unsigned char)out[len - 1]))
        len--;
    out[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)out[i] < 0x20)
            out[i] = ' ';
    }
}
