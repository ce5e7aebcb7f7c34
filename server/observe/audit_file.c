#include "server/observe/audit_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/core/scope.h"

#define TAIL_BYTES ((size_t)256 * 1024) /* of a file's end, within which a good line must be */
#define MAX_FILES 100000
#define SEQ_DIGITS 20

/* --- opening --- */

static void folder_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        snprintf(out, PATH_MAX, ".");
    else
        snprintf(out, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static int make_folder(const char *path)
{
    char folder[PATH_MAX];

    folder_of(path, folder);
    for (char *at = folder + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return -errno;
        *at = '/';
    }
    return mkdir(folder, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

static int sync_folder(const char *path)
{
    char folder[PATH_MAX];

    folder_of(path, folder);
    GW_SCOPED(gw_scope_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

int gw_audit_file_lock(const char *path, int *out_fd, struct gw_error *error)
{
    char lock[PATH_MAX];
    int rc = make_folder(path);

    if (rc != 0)
        return gw_error_set(error, rc, "cannot make the folder of the audit %s: %s", path,
                            strerror(-rc));
    if (snprintf(lock, sizeof(lock), "%s.lock", path) >= (int)sizeof(lock))
        return gw_error_set(error, -ENAMETOOLONG, "the path of the audit is too long");
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return gw_error_set(error, -errno, "cannot open %s: %s", lock, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
        close(fd);
        return gw_error_set(error, rc,
                            rc == -EBUSY
                                ? "the audit %s is written by another process: each gateway needs "
                                  "its own (state_dir or audit.file)"
                                : "cannot lock the audit %s",
                            path);
    }
    *out_fd = fd;
    return 0;
}

int gw_audit_file_open(const char *path, int *out_fd, struct gw_error *error)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int rc = fd < 0 ? -errno : 0;

    if (rc == 0 && fstat(fd, &status) != 0)
        rc = -errno;
    if (rc == 0 && !S_ISREG(status.st_mode))
        rc = -EINVAL;
    if (rc == 0 && status.st_size == 0)
        rc = sync_folder(path);
    if (rc != 0) {
        if (fd >= 0)
            close(fd);
        return gw_error_set(error, rc, "cannot open the audit %s: %s", path, strerror(-rc));
    }
    *out_fd = fd;
    return 0;
}

/* --- order --- */

static bool is_renamed(const char *name, const char *base)
{
    size_t len = strlen(base);

    return strncmp(name, base, len) == 0 && name[len] == '.' &&
           strlen(name) == len + 1 + SEQ_DIGITS &&
           strspn(name + len + 1, "0123456789") == SEQ_DIGITS;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_path(char ***paths, size_t *count, const char *folder, const char *name)
{
    char path[PATH_MAX + NAME_MAX + 2];
    char **larger = *count < MAX_FILES ? realloc(*paths, (*count + 1) * sizeof(*larger)) : NULL;

    if (larger == NULL)
        return -ENOMEM;
    *paths = larger;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    larger[*count] = strdup(path);
    if (larger[*count] == NULL)
        return -ENOMEM;
    ++*count;
    return 0;
}

int gw_audit_file_list(const char *path, char ***out_paths, size_t *out_count)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    char folder[PATH_MAX];
    char **paths = NULL;
    size_t count = 0;
    int rc = 0;

    folder_of(path, folder);
    DIR *stream = opendir(folder);
    if (stream == NULL)
        return -errno;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(stream)) != NULL;) {
        if (is_renamed(entry->d_name, base))
            rc = add_path(&paths, &count, folder, entry->d_name);
    }
    closedir(stream);
    if (count > 0)
        qsort(paths, count, sizeof(*paths), compare);
    if (rc == 0 && access(path, F_OK) == 0)
        rc = add_path(&paths, &count, folder, base);
    if (rc != 0) {
        gw_audit_file_list_free(paths, count);
        return rc;
    }
    *out_paths = paths;
    *out_count = count;
    return 0;
}

void gw_audit_file_list_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
}

/* --- the end --- */

static int read_tail(int fd, struct gw_buf *out, size_t *out_bytes)
{
    off_t size = lseek(fd, 0, SEEK_END);

    if (size < 0)
        return -errno;
    size_t want = (size_t)size < TAIL_BYTES ? (size_t)size : TAIL_BYTES;
    char *at = gw_buf_reserve(out, want + 1);
    if (at == NULL)
        return -ENOMEM;
    while (out->len < want) {
        ssize_t count =
            pread(fd, out->ptr + out->len, want - out->len, size - (off_t)want + (off_t)out->len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        out->len += (size_t)count;
    }
    *out_bytes = (size_t)size;
    return 0;
}

/* A line of `tail` that ends before `end`: its first byte. */
static size_t line_start(struct gw_str tail, size_t end)
{
    while (end > 0 && tail.ptr[end - 1] != '\n')
        end--;
    return end;
}

/* Looks backwards for the last good line. False: there is none. */
static bool find_last(struct gw_arena *arena, struct gw_str tail, struct gw_str key,
                      struct gw_audit_end *end)
{
    size_t stop = tail.len;
    bool has_end = tail.ptr[tail.len - 1] == '\n';

    if (has_end)
        stop--;
    for (;;) {
        size_t start = line_start(tail, stop);
        struct gw_audit_line line;
        const char *wrong =
            gw_audit_line_read(arena, gw_str_from(tail.ptr + start, stop - start), key, &line);
        if (wrong == NULL) {
            size_t behind = stop < tail.len && tail.ptr[stop] == '\n' ? stop + 1 : stop;
            end->seq = line.seq;
            memcpy(end->head, line.hash.ptr, GW_AUDIT_HASH_LEN);
            end->lacks_end = behind == stop;
            gw_buf_append_str(&end->torn, gw_str_tail(tail, behind));
            return true;
        }
        gw_arena_reset(arena);
        if (start == 0)
            return false;
        stop = start - 1;
    }
}

/* What a crash leaves: a beginning without an end; or after a loss of power pages of zeros. A whole
 * line that is wrong was changed, and is not to be called torn. */
static bool is_torn_by_a_crash(struct gw_str torn)
{
    size_t first_end = gw_str_find(torn, '\n');

    return first_end == torn.len ||
           (first_end == torn.len - 1 && memchr(torn.ptr, '\0', torn.len) != NULL);
}

static int end_of(int fd, const char *path, struct gw_str key, struct gw_audit_end *end,
                  struct gw_error *error)
{
    struct gw_arena arena;
    struct gw_buf tail;
    bool has_line = true;

    gw_buf_init(&tail, TAIL_BYTES + 1);
    gw_arena_init(&arena, 64 * 1024, 4 * 1024 * 1024);
    int rc = read_tail(fd, &tail, &end->bytes);
    if (rc == 0 && tail.len > 0)
        has_line = find_last(&arena, gw_buf_str(&tail), key, end) &&
                   (end->torn.len == 0 || is_torn_by_a_crash(gw_buf_str(&end->torn)));
    /* The very first line may be torn: nothing stands before it. */
    if (rc == 0 && !has_line && end->bytes == tail.len &&
        memchr(tail.ptr, '\n', tail.len) == NULL) {
        gw_buf_append_str(&end->torn, gw_buf_str(&tail));
        has_line = true;
    }
    gw_arena_finish(&arena);
    gw_buf_finish(&tail);
    if (rc != 0)
        return gw_error_set(error, rc, "cannot read the audit %s: %s", path, strerror(-rc));
    if (has_line)
        return 0;
    return gw_error_set(error, -EBADMSG,
                        "the audit %s does not end with a line that can be continued (was its key "
                        "changed?): see `millgate audit verify`, then move it away",
                        path);
}

/* A first line, or a first line after renaming, that was torn has its predecessor there, too. */
static int continue_renamed(const char *path, struct gw_str key, struct gw_audit_end *end,
                            struct gw_error *error)
{
    struct gw_audit_end before = {.torn = {.max_bytes = TAIL_BYTES}};
    char **paths = NULL;
    size_t count = 0;
    int rc = gw_audit_file_list(path, &paths, &count);

    if (rc != 0)
        return gw_error_set(error, rc, "cannot list the files of the audit %s", path);
    if (count > 1) {
        const char *newest = paths[count - 2];
        GW_SCOPED(gw_scope_close) int fd = open(newest, O_RDONLY | O_CLOEXEC);
        rc = fd < 0 ? gw_error_set(error, -errno, "cannot read the audit %s", newest)
                    : end_of(fd, newest, key, &before, error);
        end->seq = before.seq;
        memcpy(end->head, before.head, sizeof(end->head));
        gw_buf_finish(&before.torn);
    }
    gw_audit_file_list_free(paths, count);
    return rc;
}

int gw_audit_file_end(int fd, const char *path, struct gw_str key, struct gw_audit_end *out_end,
                      struct gw_error *error)
{
    struct gw_audit_end end = {0};

    gw_buf_init(&end.torn, TAIL_BYTES);
    memcpy(end.head, gw_audit_no_hash, sizeof(end.head));
    int rc = end_of(fd, path, key, &end, error);
    if (rc == 0 && end.seq == 0)
        rc = continue_renamed(path, key, &end, error);
    if (rc != 0) {
        gw_buf_finish(&end.torn);
        return rc;
    }
    *out_end = end;
    return 0;
}
