#include "server/observe/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/observe/access_line.h"

#define FULL_BYTES (48 * 1024)
#define MAX_BYTES (1024 * 1024) /* per shard and side; beyond it lines are dropped */
#define MAX_AGE_NS (100 * GW_NS_PER_MS)
#define PATIENCE_MS 1000

struct gw_access_log_shard {
    struct gw_access_log *log;
    struct gw_buf filling;  /* the worker's */
    struct gw_buf handed;   /* under the log's lock: waits for the writer */
    uint64_t first_line_ns; /* when `filling` got its first line */
    struct gw_access_clock clock;
};

struct gw_access_log {
    char *path;
    int fd;
    pthread_t writer;
    bool has_writer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool is_stopping; /* set under the lock */
    bool is_file;            /* never full: written in one go */
    bool has_given_up;       /* the writer's: nobody reads, and the log is to be closed */
    _Atomic uint64_t dropped;
    size_t shard_count;
    struct gw_access_log_shard shards[];
};

static bool is_regular_file(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static int open_sink(const char *path, struct gw_error *error)
{
    int fd = strcmp(path, "-") == 0
                 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return gw_error_set(error, -errno, "cannot open the access log %s: %s", path,
                            strerror(errno));
    return fd;
}

static void count_dropped(struct gw_access_log *log, struct gw_str text)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    atomic_fetch_add_explicit(&log->dropped, lines, memory_order_relaxed);
}

/* Waits until something can be written without blocking, for ever but for a log that is closed: a
 * pipe that is not read (and may be in blocking mode, for it is others' too) must not hold up the
 * end of the process. */
static bool wait_for_room(struct gw_access_log *log, int fd)
{
    struct pollfd waited = {.fd = fd, .events = POLLOUT};

    while (!log->has_given_up && poll(&waited, 1, PATIENCE_MS) <= 0)
        log->has_given_up = atomic_load_explicit(&log->is_stopping, memory_order_relaxed);
    return !log->has_given_up;
}

static void write_all(struct gw_access_log *log, int fd, struct gw_str text)
{
    while (text.len > 0 && (log->is_file || wait_for_room(log, fd))) {
        size_t len = log->is_file || text.len < PIPE_BUF ? text.len : PIPE_BUF;
        ssize_t written = write(fd, text.ptr, len);
        if (written > 0)
            text = gw_str_tail(text, (size_t)written);
        else if (written == 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    count_dropped(log, text);
}

/* Takes the first buffer that waits for the writer into `out`, or returns false. Under the lock. */
static bool take_handed(struct gw_access_log *log, struct gw_buf *out)
{
    for (size_t i = 0; i < log->shard_count; i++) {
        struct gw_buf *handed = &log->shards[i].handed;
        if (handed->len == 0 && log->is_stopping) /* then the workers have ended */
            handed = &log->shards[i].filling;
        if (handed->len == 0)
            continue;
        struct gw_buf empty = *out;
        *out = *handed;
        *handed = empty;
        return true;
    }
    return false;
}

static void *run_writer(void *self)
{
    struct gw_access_log *log = self;
    struct gw_buf writing;

    gw_buf_init(&writing, MAX_BYTES);
    pthread_mutex_lock(&log->lock);
    for (;;) {
        if (take_handed(log, &writing)) {
            int fd = log->fd;
            pthread_mutex_unlock(&log->lock);
            write_all(log, fd, gw_buf_str(&writing));
            gw_buf_clear(&writing);
            pthread_mutex_lock(&log->lock);
        } else if (log->is_stopping) {
            break;
        } else {
            pthread_cond_wait(&log->changed, &log->lock);
        }
    }
    pthread_mutex_unlock(&log->lock);
    gw_buf_finish(&writing);
    return NULL;
}

int gw_access_log_create(const char *path, size_t shard_count, struct gw_access_log **out_log,
                         struct gw_error *error)
{
    struct gw_access_log *log = calloc(1, sizeof(*log) + shard_count * sizeof(log->shards[0]));

    if (log == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->changed, NULL);
    log->shard_count = shard_count;
    for (size_t i = 0; i < shard_count; i++) {
        log->shards[i].log = log;
        gw_buf_init(&log->shards[i].filling, MAX_BYTES);
        gw_buf_init(&log->shards[i].handed, MAX_BYTES);
    }
    log->path = strdup(path);
    log->fd =
        log->path == NULL ? gw_error_set(error, -ENOMEM, "out of memory") : open_sink(path, error);
    int rc = log->fd < 0 ? log->fd : 0;
    log->is_file = rc == 0 && is_regular_file(log->fd);
    if (rc == 0) {
        rc = -pthread_create(&log->writer, NULL, run_writer, log);
        log->has_writer = rc == 0;
        if (rc != 0)
            gw_error_set(error, rc, "cannot start the access log's thread: %s", strerror(-rc));
    }
    if (rc != 0) {
        gw_access_log_destroy(log);
        return rc;
    }
    *out_log = log;
    return 0;
}

int gw_access_log_reopen(struct gw_access_log *log, struct gw_error *error)
{
    int fd = open_sink(log->path, error);

    if (fd < 0)
        return fd;
    /* dup2 swaps the file under the number that the writer may be using right now. */
    int rc = dup3(fd, log->fd, O_CLOEXEC) < 0 ? -errno : 0;
    close(fd);
    return rc == 0 ? 0
                   : gw_error_set(error, rc, "cannot reopen the access log %s: %s", log->path,
                                  strerror(-rc));
}

struct gw_access_log_shard *gw_access_log_get_shard(struct gw_access_log *log, size_t index)
{
    return &log->shards[index];
}

void gw_access_log_write(struct gw_access_log_shard *shard, const struct gw_exchange *ex,
                         uint64_t end_ns)
{
    if (shard == NULL)
        return;

    struct gw_buf *filling = &shard->filling;
    size_t before = filling->len;
    gw_access_line_append(filling, &shard->clock, ex, end_ns);
    if (filling->has_failed) {
        gw_buf_clear(filling);
        filling->len = before;
        atomic_fetch_add_explicit(&shard->log->dropped, 1, memory_order_relaxed);
    } else if (before == 0) {
        shard->first_line_ns = end_ns;
    }
}

void gw_access_log_flush(struct gw_access_log_shard *shard, uint64_t now_ns)
{
    if (shard == NULL || shard->filling.len == 0 ||
        (shard->filling.len < FULL_BYTES && now_ns < shard->first_line_ns + MAX_AGE_NS))
        return;

    struct gw_access_log *log = shard->log;
    pthread_mutex_lock(&log->lock);
    if (shard->handed.len == 0) { /* else the writer is behind: keep filling up to the bound */
        struct gw_buf empty = shard->handed;
        shard->handed = shard->filling;
        shard->filling = empty;
        pthread_cond_signal(&log->changed);
    }
    pthread_mutex_unlock(&log->lock);
}

uint64_t gw_access_log_dropped(const struct gw_access_log *log)
{
    return atomic_load_explicit(&log->dropped, memory_order_relaxed);
}

void gw_access_log_destroy(struct gw_access_log *log)
{
    if (log == NULL)
        return;
    if (log->has_writer) {
        pthread_mutex_lock(&log->lock);
        log->is_stopping = true;
        pthread_cond_signal(&log->changed);
        pthread_mutex_unlock(&log->lock);
        pthread_join(log->writer, NULL);
    }
    for (size_t i = 0; i < log->shard_count; i++) {
        gw_buf_finish(&log->shards[i].filling);
        gw_buf_finish(&log->shards[i].handed);
    }
    if (log->fd >= 0)
        close(log->fd);
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    free(log->path);
    free(log);
}
