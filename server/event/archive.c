#include "server/event/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINES_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_PATH_BYTES 4096

void gw_event_archive_init(struct gw_event_archive *archive, unsigned partition)
{
    *archive = (struct gw_event_archive){.partition = partition};
    gw_buf_init(&archive->lines, MAX_LINES_BYTES);
}

void gw_event_archive_finish(struct gw_event_archive *archive)
{
    gw_buf_finish(&archive->lines);
}

static bool print_day(uint64_t ms, char *out, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm day;

    return gmtime_r(&seconds, &day) != NULL && strftime(out, size, "%Y-%m-%d", &day) > 0;
}

/* The day that it belongs to is the last one, or is added. */
static bool find_day(struct gw_event_archive *archive, uint64_t ms)
{
    struct gw_event_archive_day next = {.from = archive->lines.len};

    if (!print_day(ms, next.text, sizeof(next.text)))
        return false;
    if (archive->day_count > 0 &&
        strcmp(archive->days[archive->day_count - 1].text, next.text) == 0)
        return true;
    if (archive->day_count == GW_EVENT_ARCHIVE_MAX_DAYS)
        return false;
    archive->days[archive->day_count++] = next;
    return true;
}

bool gw_event_archive_add(struct gw_event_archive *archive, struct gw_event_position at,
                          struct gw_str json)
{
    const struct gw_event_place place = {archive->partition, at};
    size_t days = archive->day_count, len = archive->lines.len;
    char text[GW_EVENT_PLACE_BYTES];

    if (!find_day(archive, at.ms))
        return false;
    gw_buf_printf(&archive->lines,
                  "{\"place\":\"%.*s\",\"event\":", GW_STR_ARG(gw_event_place_print(&place, text)));
    gw_buf_append_str(&archive->lines, json);
    gw_buf_append_text(&archive->lines, "}\n");
    if (archive->lines.has_failed) {
        archive->lines.has_failed = false;
        archive->lines.len = len;
        archive->day_count = days;
        return false;
    }
    archive->last = at;
    archive->count++;
    return true;
}

/* --- writing --- */

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = write(fd, bytes, len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        bytes += count;
        len -= (size_t)count;
    }
    return 0;
}

/* A crash may have left half a line: what follows begins on one of its own. */
static int end_torn_line(int fd, off_t size)
{
    char last = '\n';

    if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
        return -errno;
    return last == '\n' ? 0 : write_all(fd, "\n", 1);
}

static int append(int fd, struct gw_str text)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return -errno;
    int rc = end_torn_line(fd, status.st_size);
    if (rc == 0)
        rc = write_all(fd, text.ptr, text.len);
    if (rc == 0 && fsync(fd) != 0)
        rc = -errno;
    if (rc != 0 && ftruncate(fd, status.st_size) != 0)
        return rc; /* it stands twice when it is written again */
    return rc;
}

static int write_day(int folder, const struct gw_event_archive *archive, size_t index)
{
    const struct gw_event_archive_day *day = &archive->days[index];
    size_t end =
        index + 1 < archive->day_count ? archive->days[index + 1].from : archive->lines.len;
    char name[64];

    snprintf(name, sizeof(name), "%s-p%u.jsonl", day->text, archive->partition);
    int fd = openat(folder, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    int rc = append(fd, gw_str_from(archive->lines.ptr + day->from, end - day->from));
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

int gw_event_archive_write(const struct gw_event_archive *archive, const char *folder,
                           struct gw_error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -errno : 0;

    for (size_t i = 0; rc == 0 && i < archive->day_count; i++)
        rc = write_day(fd, archive, i);
    if (rc == 0 && fsync(fd) != 0) /* the names of new files, too */
        rc = -errno;
    if (fd >= 0)
        close(fd);
    return rc == 0 ? 0
                   : gw_error_set(error, rc, "cannot write to the archive %s: %s", folder,
                                  strerror(-rc));
}
