#include "server/observe/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/crypto/random.h"
#include "server/observe/audit_file.h"

#define REFUSED_BURST 20
#define REFUSED_REGAIN_NS GW_NS_PER_SECOND

struct gw_audit {
    char *path;
    struct gw_str key; /* its memory is ours */
    size_t max_bytes;
    int fd, lock_fd;
    size_t bytes; /* of the file */
    uint64_t seq;
    char head[GW_AUDIT_HASH_LEN + 1];
    char instance[128];
    bool is_torn; /* a failed write could not be taken back */
    struct gw_buf line;
    uint64_t refused_full_at_ns; /* when the bucket of refused attempts is full again */
    uint64_t refused_dropped;
};

/* --- writing --- */

static struct gw_str print_time(char out[32])
{
    uint64_t now_ns = gw_clock_realtime_ns();
    time_t seconds = (time_t)(now_ns / GW_NS_PER_SECOND);
    struct tm parts;

    gmtime_r(&seconds, &parts);
    size_t len = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + len, 32 - len, ".%03uZ", (unsigned)(now_ns % GW_NS_PER_SECOND / GW_NS_PER_MS));
    return gw_str_of(out);
}

static int write_all(int fd, struct gw_str text)
{
    while (text.len > 0) {
        ssize_t count = write(fd, text.ptr, text.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        text = gw_str_tail(text, (size_t)count);
    }
    return 0;
}

/* The line is on the disk, or nothing of it is in the file. */
static int append(struct gw_audit *audit, struct gw_str text, bool must_sync)
{
    int rc = write_all(audit->fd, text);

    if (rc == 0 && must_sync && fdatasync(audit->fd) != 0)
        rc = -errno;
    if (rc == 0) {
        audit->bytes += text.len;
        return 0;
    }
    if (ftruncate(audit->fd, (off_t)audit->bytes) != 0)
        audit->is_torn = true;
    return rc;
}

static int write_line(struct gw_audit *audit, const struct gw_audit_line *said, bool must_sync)
{
    struct gw_audit_line line = *said;
    char hash[GW_AUDIT_HASH_LEN + 1];
    char time_text[32];

    line.seq = audit->seq + 1;
    line.time = print_time(time_text);
    line.instance = gw_str_of(audit->instance);
    line.prev = gw_str_of(audit->head);
    gw_buf_clear(&audit->line);
    int rc = gw_audit_line_print(&line, audit->key, &audit->line, hash);
    if (rc == 0)
        rc = append(audit, gw_buf_str(&audit->line), must_sync);
    if (rc != 0)
        return rc;
    audit->seq++;
    memcpy(audit->head, hash, sizeof(hash));
    return 0;
}

/* Ends what a crash (or a full disk) has torn, and says so in a line of its own. */
static int heal(struct gw_audit *audit, struct gw_str torn)
{
    struct gw_buf what;
    int rc = 0;

    gw_buf_init(&what, 1024);
    if (torn.ptr[torn.len - 1] != '\n')
        rc = append(audit, GW_STR("\n"), true);
    if (rc == 0) {
        struct gw_buf whole; /* with its end */
        gw_buf_init(&whole, torn.len + 1);
        gw_buf_append_str(&whole, torn);
        if (torn.ptr[torn.len - 1] != '\n')
            gw_buf_append_byte(&whole, '\n');
        gw_audit_line_describe_torn(gw_buf_str(&whole), &what);
        rc = whole.has_failed || what.has_failed ? -ENOMEM : 0;
        gw_buf_finish(&whole);
    }
    struct gw_audit_line line = {.act = GW_STR(GW_AUDIT_RECOVER),
                                 .who = GW_STR("millgate"),
                                 .what = gw_buf_str(&what),
                                 .outcome = GW_STR("done")};
    if (rc == 0)
        rc = write_line(audit, &line, true);
    if (rc == 0)
        gw_log_warn("audit: %s: %.*s", audit->path, GW_STR_ARG(gw_buf_str(&what)));
    gw_buf_finish(&what);
    return rc;
}

/* --- files --- */

/* Opens the file and goes on where it ends. */
static int open_file(struct gw_audit *audit, struct gw_error *error)
{
    struct gw_audit_end end;
    int rc = gw_audit_file_open(audit->path, &audit->fd, error);

    if (rc == 0)
        rc = gw_audit_file_end(audit->fd, audit->path, audit->key, &end, error);
    if (rc != 0)
        return rc;
    audit->bytes = end.bytes;
    audit->seq = end.seq;
    memcpy(audit->head, end.head, sizeof(audit->head));
    audit->is_torn = false;
    if (end.lacks_end)
        rc = append(audit, GW_STR("\n"), true);
    else if (end.torn.len > 0)
        rc = heal(audit, gw_buf_str(&end.torn));
    gw_buf_finish(&end.torn);
    return rc == 0 ? 0
                   : gw_error_set(error, rc, "cannot write the audit %s: %s", audit->path,
                                  strerror(-rc));
}

/* When that fails, the old file grows on: better a long audit than none. */
static void rotate(struct gw_audit *audit)
{
    char to[4096];
    int fd;
    struct gw_error error;

    if (snprintf(to, sizeof(to), "%s.%020llu", audit->path, (unsigned long long)audit->seq) >=
            (int)sizeof(to) ||
        rename(audit->path, to) != 0) {
        gw_log_error("audit: cannot rename %s: %s", audit->path, strerror(errno));
        return;
    }
    if (gw_audit_file_open(audit->path, &fd, &error) != 0) {
        gw_log_error("%s", error.text);
        if (rename(to, audit->path) != 0)
            gw_log_error("audit: it goes on in %s", to);
        return;
    }
    close(audit->fd);
    audit->fd = fd;
    audit->bytes = 0;
}

static int prepare(struct gw_audit *audit)
{
    struct gw_error error;

    if (audit->is_torn) {
        close(audit->fd);
        audit->fd = -1;
        int rc = open_file(audit, &error);
        if (rc != 0) {
            audit->is_torn = true;
            return rc;
        }
    }
    if (audit->bytes >= audit->max_bytes)
        rotate(audit);
    return audit->fd >= 0 ? 0 : -EIO;
}

/* --- for others --- */

int gw_audit_write(struct gw_audit *audit, const char *act, struct gw_str who, struct gw_str what,
                   const char *outcome, uint64_t begun, uint64_t *out_seq)
{
    struct gw_audit_line line = {.act = gw_str_of(act),
                                 .who = who,
                                 .what = what,
                                 .outcome = gw_str_of(outcome),
                                 .begun = begun};

    if (audit == NULL)
        return 0;
    int rc = prepare(audit);
    if (rc == 0)
        rc = write_line(audit, &line, true);
    if (rc != 0)
        gw_log_error("audit: cannot write %s (%s, %s): %s", audit->path, act, outcome,
                     strerror(-rc));
    else if (out_seq != NULL)
        *out_seq = audit->seq;
    return rc;
}

void gw_audit_refused(struct gw_audit *audit, struct gw_str who, struct gw_str what,
                      uint64_t now_ns)
{
    struct gw_buf text;

    if (audit == NULL)
        return;
    uint64_t from_ns = audit->refused_full_at_ns > now_ns ? audit->refused_full_at_ns : now_ns;
    if (from_ns - now_ns > (REFUSED_BURST - 1) * REFUSED_REGAIN_NS) {
        audit->refused_dropped++;
        return;
    }
    audit->refused_full_at_ns = from_ns + REFUSED_REGAIN_NS;
    gw_buf_init(&text, 2048);
    if (audit->refused_dropped > 0)
        gw_buf_printf(&text, "(%llu more before this were not written) ",
                      (unsigned long long)audit->refused_dropped);
    gw_buf_append_str(&text, what.len > 1024 ? gw_str_from(what.ptr, 1024) : what);
    struct gw_audit_line line = {.act = GW_STR("admin.refused"),
                                 .who = who,
                                 .what = gw_buf_str(&text),
                                 .outcome = GW_STR("refused")};
    if (prepare(audit) == 0 && write_line(audit, &line, false) == 0)
        audit->refused_dropped = 0;
    gw_buf_finish(&text);
}

uint64_t gw_audit_get_seq(const struct gw_audit *audit)
{
    return audit == NULL ? 0 : audit->seq;
}

const char *gw_audit_get_head(const struct gw_audit *audit)
{
    return audit == NULL ? gw_audit_no_hash : audit->head;
}

int gw_audit_open(const struct gw_audit_config *config, struct gw_audit **out_audit,
                  struct gw_error *error)
{
    struct gw_audit *audit = calloc(1, sizeof(*audit));
    char host[64] = "localhost";

    if (audit == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    audit->fd = audit->lock_fd = -1;
    audit->max_bytes = config->max_bytes;
    gw_buf_init(&audit->line, GW_AUDIT_MAX_LINE_BYTES);
    audit->path = strdup(config->path);
    char *key = config->key.len > 0 ? malloc(config->key.len) : NULL;
    if (key != NULL) {
        memcpy(key, config->key.ptr, config->key.len);
        audit->key = gw_str_from(key, config->key.len);
    }
    if (gethostname(host, sizeof(host)) == 0)
        host[sizeof(host) - 1] = '\0';
    snprintf(audit->instance, sizeof(audit->instance), "%s:%ld", host, (long)getpid());
    int rc = audit->path == NULL || (config->key.len > 0 && key == NULL)
                 ? gw_error_set(error, -ENOMEM, "out of memory")
                 : gw_audit_file_lock(audit->path, &audit->lock_fd, error);
    if (rc == 0)
        rc = open_file(audit, error);
    if (rc != 0) {
        gw_audit_close(audit);
        return rc;
    }
    gw_log_info("audit: %s, line %llu, head %s", audit->path, (unsigned long long)audit->seq,
                audit->head);
    *out_audit = audit;
    return 0;
}

void gw_audit_close(struct gw_audit *audit)
{
    if (audit == NULL)
        return;
    if (audit->fd >= 0) {
        gw_log_info("audit: closed at line %llu, head %s", (unsigned long long)audit->seq,
                    audit->head);
        close(audit->fd);
    }
    if (audit->lock_fd >= 0)
        close(audit->lock_fd);
    if (audit->key.len > 0)
        gw_secret_wipe((char *)audit->key.ptr, audit->key.len);
    free((char *)audit->key.ptr);
    gw_buf_finish(&audit->line);
    free(audit->path);
    free(audit);
}
