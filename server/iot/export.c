#include "server/iot/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/sample_text.h"
#include "server/net/loop.h"

#define TICK_NS GW_NS_PER_SECOND
#define MAX_WAITING_BYTES (32u << 20)
#define PREFIX "samples-"
#define ENDING ".line"
#define HOUR_CHARS 13 /* of "2026-11-23T06:40:00.000Z" */

struct gw_iot_export {
    struct gw_loop *loop;
    const struct gw_registry *registry;
    char *folder, *instance;
    uint64_t keep_s;
    struct gw_timer tick;
    struct gw_buf waiting;
    size_t waiting_samples;
    struct gw_iot_export_counts counts;
    bool is_closing;
    /* --- of the work under way, which has them to itself --- */
    bool is_writing;
    struct gw_buf writing;
    size_t writing_samples;
    char hour[HOUR_CHARS + 1]; /* of the file that was written last */
    int rc;
};

/* --- lines --- */

/* Names and tags: commas, equals signs and blanks are escaped; a line's end cannot be. */
static void write_name(struct gw_buf *out, struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == ',' || byte == '=' || byte == ' ' || byte == '\\')
            gw_buf_append_byte(out, '\\');
        gw_buf_append_byte(out, byte == '\n' || byte == '\r' ? '_' : byte);
    }
}

static void write_text(struct gw_buf *out, struct gw_str text)
{
    gw_buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '"' || byte == '\\')
            gw_buf_append_byte(out, '\\');
        gw_buf_append_byte(out, byte == '\n' || byte == '\r' ? ' ' : byte);
    }
    gw_buf_append_byte(out, '"');
}

static void write_tag(struct gw_buf *out, const char *name, struct gw_str value)
{
    if (value.len == 0)
        return; /* an empty tag is none */
    gw_buf_printf(out, ",%s=", name);
    write_name(out, value);
}

bool gw_iot_export_write(struct gw_buf *out, const struct gw_device_config *device,
                         const struct gw_metric_config *metric, const struct gw_sample *sample)
{
    if (sample->type == GW_SAMPLE_NONE)
        return false;
    write_name(out, metric->name);
    write_tag(out, "device", device->id);
    write_tag(out, "equipment", device->equipment);
    write_tag(out, "plant", device->plant);
    write_tag(out, "quality", gw_str_of(gw_quality_name((enum gw_quality)sample->quality)));
    gw_buf_append_text(out, " value=");
    if (sample->type == GW_SAMPLE_TEXT)
        write_text(out, sample->text);
    else
        gw_sample_write_value(out, sample);
    if (sample->type == GW_SAMPLE_INTEGER)
        gw_buf_append_byte(out, 'i');
    gw_buf_printf(out, " %lld000000\n", (long long)sample->time_ms);
    return true;
}

/* --- files: on a thread of the pool, or at the end --- */

static bool is_old(const char *path, uint64_t keep_s)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           time(NULL) - status.st_mtime > (time_t)keep_s;
}

static void delete_old(const struct gw_iot_export *self)
{
    DIR *folder = opendir(self->folder);
    const struct dirent *entry;
    char path[4096];

    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL) {
        struct gw_str name = gw_str_of(entry->d_name);
        int len = snprintf(path, sizeof(path), "%s/%s", self->folder, entry->d_name);
        if (gw_str_has_prefix(name, GW_STR(PREFIX)) && gw_str_has_suffix(name, GW_STR(ENDING)) &&
            len > 0 && (size_t)len < sizeof(path) && is_old(path, self->keep_s))
            (void)unlink(path);
    }
    closedir(folder);
}

static int write_bytes(int fd, struct gw_str bytes)
{
    while (bytes.len > 0) {
        ssize_t len = write(fd, bytes.ptr, bytes.len);
        if (len < 0 && errno != EINTR)
            return -errno;
        bytes = gw_str_tail(bytes, len > 0 ? (size_t)len : 0);
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

static void work(void *self)
{
    struct gw_iot_export *export = self;
    char now[GW_CLOCK_TEXT_BYTES], path[4096];

    gw_clock_text(now, (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS));
    now[HOUR_CHARS] = 0;
    if (strcmp(now, export->hour) != 0) {
        memcpy(export->hour, now, sizeof(export->hour));
        delete_old(export);
    }
    int len = snprintf(path, sizeof(path), "%s/" PREFIX "%s-%s" ENDING, export->folder,
                       export->instance, export->hour);
    int fd = len > 0 && (size_t)len < sizeof(path)
                 ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)
                 : -1;
    export->rc = fd < 0 ? -errno : write_bytes(fd, gw_buf_str(&export->writing));
    if (fd >= 0)
        close(fd);
}

/* --- on the loop --- */

static void free_all(struct gw_iot_export *self)
{
    gw_buf_finish(&self->waiting);
    gw_buf_finish(&self->writing);
    free(self->folder);
    free(self->instance);
    free(self);
}

static void begin(struct gw_iot_export *self)
{
    struct gw_buf empty = self->writing;

    gw_buf_clear(&empty);
    self->writing = self->waiting;
    self->waiting = empty;
    self->writing_samples = self->waiting_samples;
    self->waiting_samples = 0;
}

static void count_written(struct gw_iot_export *self)
{
    if (self->rc == 0) {
        self->counts.samples += self->writing_samples;
        return;
    }
    self->counts.dropped += self->writing_samples;
    if (self->counts.failures++ == 0)
        gw_log_error("iot: samples cannot be exported to %s: %s", self->folder,
                     strerror(-self->rc));
}

static void finish(struct gw_iot_export *self)
{
    if (self->waiting.len > 0) {
        begin(self);
        work(self);
        count_written(self);
    }
    free_all(self);
}

static void on_written(void *owner)
{
    struct gw_iot_export *self = owner;

    self->is_writing = false;
    count_written(self);
    if (self->is_closing)
        finish(self);
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_iot_export *self = GW_CONTAINER_OF(timer, struct gw_iot_export, tick);

    gw_timer_start(self->loop, timer, TICK_NS, on_tick);
    if (self->is_writing || self->waiting.len == 0)
        return;
    begin(self);
    self->is_writing = gw_loop_offload(self->loop, work, on_written, self) == 0;
    if (!self->is_writing) {
        self->rc = -ENOMEM;
        count_written(self);
    }
}

void gw_iot_export_take(struct gw_iot_export *self, const struct gw_sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct gw_metric_config *metric;
        const struct gw_device_config *device =
            gw_registry_series_device(self->registry, samples[i].series, &metric);
        size_t before = self->waiting.len;
        if (!gw_iot_export_write(&self->waiting, device, metric, &samples[i]))
            continue;
        if (self->waiting.has_failed) { /* a line as a whole, or none of it */
            self->waiting.has_failed = false;
            self->waiting.len = before;
            self->counts.dropped++;
        } else {
            self->waiting_samples++;
        }
    }
}

bool gw_iot_export_is(const struct gw_iot_export *self, struct gw_str folder, uint64_t keep_s)
{
    return gw_str_equal(gw_str_of(self->folder), folder) && self->keep_s == keep_s;
}

void gw_iot_export_set_registry(struct gw_iot_export *self, const struct gw_registry *registry)
{
    self->registry = registry;
}

struct gw_iot_export *gw_iot_export_create(const struct gw_iot_export_config *config)
{
    struct gw_iot_export *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->loop = config->loop;
    self->registry = config->registry;
    self->keep_s = config->keep_s;
    self->folder = gw_str_duplicate(config->folder);
    self->instance = gw_str_duplicate(config->instance);
    gw_buf_init(&self->waiting, MAX_WAITING_BYTES);
    gw_buf_init(&self->writing, MAX_WAITING_BYTES);
    if (self->folder == NULL || self->instance == NULL) {
        free_all(self);
        return NULL;
    }
    for (char *at = self->instance; *at != 0; at++)
        if (*at == '/')
            *at = '_';
    gw_timer_start(self->loop, &self->tick, TICK_NS, on_tick);
    return self;
}

void gw_iot_export_destroy(struct gw_iot_export *self)
{
    if (self == NULL)
        return;
    gw_timer_stop(&self->tick);
    self->is_closing = true;
    if (!self->is_writing)
        finish(self);
}

void gw_iot_export_get_counts(const struct gw_iot_export *self,
                              struct gw_iot_export_counts *out_counts)
{
    *out_counts = self->counts;
}
