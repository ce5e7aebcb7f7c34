#include "server/store/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/core/scope.h"

static int fail(struct gw_error *error, const char *what, const char *path)
{
    int code = errno;
    return gw_error_set(error, -code, "cannot %s %s: %s", what, path, strerror(code));
}

/* mkdir -p -m 0700 */
static int make_folders(const char *path, struct gw_error *error)
{
    char prefix[PATH_MAX];

    if (path[0] == '\0' || strlen(path) >= sizeof(prefix))
        return gw_error_set(error, -ENAMETOOLONG, "the state folder's path is empty or too long");
    for (size_t i = 1; path[i - 1] != '\0'; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        if (mkdir(prefix, 0700) != 0 && errno != EEXIST)
            return fail(error, "make folder", prefix);
    }
    return 0;
}

/* Whether it is a folder, ours, and closed to all others; not a link to one. */
static bool is_private_folder(int at, const char *path)
{
    struct stat status;

    return fstatat(at, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

static int open_folder(struct gw_state_folder *folder, const char *path, struct gw_error *error)
{
    struct stat status;
    int rc = make_folders(path, error);

    if (rc != 0)
        return rc;
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0 || fstat(folder->fd, &status) != 0)
        return fail(error, "open state folder", path);
    if (status.st_uid != geteuid())
        return gw_error_set(error, -EPERM, "state folder %s belongs to user %u, not to us (%u)",
                            path, (unsigned)status.st_uid, (unsigned)geteuid());
    if (fchmod(folder->fd, 0700) != 0)
        return fail(error, "close to others the state folder", path);
    return 0;
}

static int take_lock(struct gw_state_folder *folder, const char *path, struct gw_error *error)
{
    char text[24] = "";

    folder->lock_fd = openat(folder->fd, "gateway.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock_fd < 0)
        return fail(error, "open gateway.lock in", path);
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return fail(error, "lock", path);
        ssize_t len = pread(folder->lock_fd, text, sizeof(text) - 1, 0);
        text[len > 0 ? len : 0] = '\0';
        return gw_error_set(error, -EBUSY, "state folder %s is in use by process %ld", path,
                            strtol(text, NULL, 10));
    }
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(folder->lock_fd, 0) != 0 || pwrite(folder->lock_fd, text, (size_t)len, 0) != len)
        return fail(error, "write gateway.lock in", path);
    return 0;
}

/* A small file's text; its length, or a negative errno. */
static ssize_t read_file(int at, const char *name, char *out, size_t capacity)
{
    GW_SCOPED(gw_scope_close) int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    ssize_t len = read(fd, out, capacity - 1);
    if (len < 0)
        return -errno;
    out[len] = '\0';
    return len;
}

/* Whole or not at all, also over a crash: written beside, then renamed. */
static int write_file(int at, const char *name, const char *text)
{
    char draft[64];
    size_t len = strlen(text);

    snprintf(draft, sizeof(draft), "%s.new", name);
    GW_SCOPED(gw_scope_close)
    int fd = openat(at, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
        return errno != 0 ? -errno : -EIO;
    return renameat(at, draft, at, name) == 0 && fsync(at) == 0 ? 0 : -errno;
}

static int load_password(struct gw_state_folder *folder, struct gw_error *error)
{
    unsigned char random[GW_PASSWORD_BYTES / 2];
    int rc;

    if (read_file(folder->fd, "password", folder->password, sizeof(folder->password)) ==
        GW_PASSWORD_BYTES)
        return 0;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return gw_error_set(error, -EIO, "the kernel gives no random bytes");
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(folder->password + 2 * i, 3, "%02x", random[i]);
    rc = write_file(folder->fd, "password", folder->password);
    return rc == 0 ? 0
                   : gw_error_set(error, rc, "cannot write the state folder's password: %s",
                                  strerror(-rc));
}

/* XDG_RUNTIME_DIR is ours alone and swept at logout; /tmp is always there. */
static int make_socket_folder(struct gw_state_folder *folder, struct gw_error *error)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    const char *bases[] = {runtime, "/tmp"};

    for (size_t i = 0; i < 2; i++) {
        if (bases[i] == NULL || bases[i][0] != '/' || strlen(bases[i]) > 60 ||
            strpbrk(bases[i], "\"\\\r\n") != NULL) /* it stands in quotes in redis.conf */
            continue;
        snprintf(folder->socket_folder, sizeof(folder->socket_folder), "%s/millgate-XXXXXX",
                 bases[i]);
        if (mkdtemp(folder->socket_folder) != NULL) {
            int rc = write_file(folder->fd, "socket", folder->socket_folder);
            return rc == 0 ? 0
                           : gw_error_set(error, rc, "cannot note the socket's folder: %s",
                                          strerror(-rc));
        }
    }
    return fail(error, "make a folder for Redis' socket,", folder->socket_folder);
}

/* The folder noted last time is used again if it is still there and ours: a Redis may live on it.
 */
static int find_socket_folder(struct gw_state_folder *folder, struct gw_error *error)
{
    ssize_t len =
        read_file(folder->fd, "socket", folder->socket_folder, sizeof(folder->socket_folder));
    int rc = 0;

    if (len <= 0 || folder->socket_folder[0] != '/' ||
        !is_private_folder(AT_FDCWD, folder->socket_folder))
        rc = make_socket_folder(folder, error);
    if (rc == 0)
        snprintf(folder->socket_path, sizeof(folder->socket_path), "%s/redis.sock",
                 folder->socket_folder);
    return rc;
}

int gw_state_folder_open(struct gw_state_folder *folder, const char *path, struct gw_error *error)
{
    *folder = (struct gw_state_folder){.fd = -1, .lock_fd = -1};
    int rc = open_folder(folder, path, error);
    if (rc == 0)
        rc = take_lock(folder, path, error);
    if (rc == 0)
        rc = load_password(folder, error);
    if (rc == 0)
        rc = find_socket_folder(folder, error);
    if (rc != 0)
        gw_state_folder_close(folder, false);
    return rc;
}

void gw_state_folder_close(struct gw_state_folder *folder, bool is_done)
{
    if (is_done && folder->fd >= 0) {
        unlink(folder->socket_path);
        rmdir(folder->socket_folder);
        unlinkat(folder->fd, "socket", 0);
    }
    if (folder->lock_fd >= 0)
        close(folder->lock_fd);
    if (folder->fd >= 0)
        close(folder->fd);
    folder->fd = folder->lock_fd = -1;
}
