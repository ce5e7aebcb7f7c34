/* Samples for a historian: files of InfluxDB's line protocol, one for each hour.
 *
 * `<folder>/samples-<instance>-2026-11-23T06.line`, by the hour in which they were written; each
 * second's samples are on the disk (fsync) when that second's work is done, beside the loop. Lines
 * are `<metric>,device=<id>,equipment=<id>,plant=<id>,quality=<quality> value=<value> <ns>`; what
 * is not known is left out. What a crash has told twice stands there twice, with the same tags and
 * time: a historian keeps one. Files that were not written to for `keep_s` are deleted. The lane's
 * thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/str.h"
#include "server/iot/registry.h"
#include "server/iot/sample.h"

struct gw_iot_export;
struct gw_loop;

struct gw_iot_export_config {
    struct gw_loop *loop;
    const struct gw_registry *registry; /* as long as samples are given */
    struct gw_str folder;               /* there already; copied */
    struct gw_str instance;             /* copied */
    uint64_t keep_s;
};

struct gw_iot_export_counts {
    uint64_t samples, dropped; /* dropped: there was no room, or the disk took none */
    uint64_t failures;         /* writes that failed */
};

/* NULL without memory. */
GW_MUST_CHECK
struct gw_iot_export *gw_iot_export_create(const struct gw_iot_export_config *config);
/* Writes what is left. NULL is safe. Gone at the latest when the loop is destroyed. */
void gw_iot_export_destroy(struct gw_iot_export *self);

/* Whether it writes what this says, where this says. */
bool gw_iot_export_is(const struct gw_iot_export *self, struct gw_str folder, uint64_t keep_s);
/* What comes is of this registry from now on. */
void gw_iot_export_set_registry(struct gw_iot_export *self, const struct gw_registry *registry);

void gw_iot_export_take(struct gw_iot_export *self, const struct gw_sample *samples, size_t count);
void gw_iot_export_get_counts(const struct gw_iot_export *self,
                              struct gw_iot_export_counts *out_counts);

/* One line. False: the sample has no value, and nothing was written. */
bool gw_iot_export_write(struct gw_buf *out, const struct gw_device_config *device,
                         const struct gw_metric_config *metric, const struct gw_sample *sample);
