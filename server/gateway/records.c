#include "server/gateway/records.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/gateway/server_state.h"
#include "server/store/mirror.h"

#define TIDY_NS (60 * GW_NS_PER_SECOND)

struct gw_records {
    struct gw_server *server;
    struct gw_record_access access;
    struct gw_mirror *mirror;
    struct gw_timer timer;
    struct gw_record_change tidy;
};

static const struct gw_metric known_keys = {"millgate_records", "Records mirrored, by kind.",
                                            "kind=\"key\"", true};
static const struct gw_metric known_revocations = {"millgate_records", "Records mirrored, by kind.",
                                                   "kind=\"revocation\"", true};
static const struct gw_metric known_consumers = {"millgate_records", "Records mirrored, by kind.",
                                                 "kind=\"consumer\"", true};
static const struct gw_metric known_landscapes = {"millgate_records", "Records mirrored, by kind.",
                                                  "kind=\"landscape\"", true};
static const struct gw_metric records_age = {
    "millgate_records_age_ms",
    "How old what is known of the records is; below 1000 while Redis answers.", NULL, true};
static const struct gw_metric record_gaps = {
    "millgate_records_gaps", "Times that the log of changes had a gap and all was read anew.", NULL,
    true};

/* --- life --- */

static void on_tidied(struct gw_record_change *change, int rc)
{
    (void)change;
    (void)rc; /* the next time, then */
}

/* Records whose time is over go with every change; and here, if there are no changes. */
static void on_timer(struct gw_timer *timer)
{
    struct gw_records *records = GW_CONTAINER_OF(timer, struct gw_records, timer);

    gw_timer_start(records->server->loop, timer, TIDY_NS, on_timer);
    if (records->tidy.write.writer != NULL || gw_records_get_set(records)->map.count == 0)
        return;
    records->tidy = (struct gw_record_change){.act = GW_RECORD_TIDY, .on_done = on_tidied};
    if (gw_record_change_start(records->access.writer, &records->tidy) != 0)
        records->tidy.write.writer = NULL;
}

int gw_records_create(struct gw_server *server, struct gw_records **out_records,
                      struct gw_error *error)
{
    struct gw_records *records = calloc(1, sizeof(*records));

    if (records == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    records->server = server;
    int rc = gw_record_access_open(&records->access, server->loop, &server->redis_setup,
                                   server->redis.redis, error);
    if (rc == 0) {
        records->mirror = gw_mirror_create(server->loop, server->redis.redis);
        rc = records->mirror != NULL ? 0 : gw_error_set(error, -ENOMEM, "out of memory");
    }
    if (rc != 0) {
        gw_records_destroy(records);
        return rc;
    }
    gw_timer_start(server->loop, &records->timer, TIDY_NS, on_timer);
    server->main_worker.records = gw_mirror_get_set(records->mirror);
    server->main_worker.record_writer = records->access.writer;
    *out_records = records;
    return 0;
}

void gw_records_destroy(struct gw_records *records)
{
    if (records == NULL)
        return;
    gw_timer_stop(&records->timer);
    gw_record_write_stop(&records->tidy.write);
    gw_mirror_destroy(records->mirror);
    gw_record_access_close(&records->access);
    free(records);
}

int gw_records_add_worker(struct gw_records *records, struct gw_worker_thread *worker)
{
    return gw_mirror_add_reader(records->mirror, gw_worker_get_records(worker), gw_worker_wake,
                                worker);
}

const struct gw_record_set *gw_records_get_set(const struct gw_records *records)
{
    return gw_mirror_get_set(records->mirror);
}

bool gw_records_are_known(const struct gw_records *records)
{
    return gw_record_set_is_known(gw_records_get_set(records));
}

/* --- changing --- */

int gw_records_change(struct gw_records *records, struct gw_record_change *change)
{
    return gw_record_change_start(records->access.writer, change);
}

void gw_records_look(struct gw_records *records)
{
    gw_mirror_poll(records->mirror);
}

/* --- telling --- */

void gw_records_print(const struct gw_records *records, struct gw_buf *out)
{
    const struct gw_record_set *set = gw_records_get_set(records);
    uint64_t age_ns = gw_record_set_age_ns(set, gw_clock_monotonic_ns());

    gw_buf_printf(out, ",\"records\":{\"known\":%s,\"count\":%zu",
                  gw_record_set_is_known(set) ? "true" : "false", set->map.count);
    if (age_ns != UINT64_MAX)
        gw_buf_printf(out, ",\"age_ms\":%llu", (unsigned long long)(age_ns / GW_NS_PER_MS));
    gw_buf_append_byte(out, '}');
}

void gw_records_publish(const struct gw_records *records)
{
    struct gw_metrics_shard *shard = records->server->main_worker.metrics;
    const struct gw_record_set *set = gw_records_get_set(records);
    uint64_t age_ns = gw_record_set_age_ns(set, gw_clock_monotonic_ns());
    struct gw_mirror_stats stats;

    gw_mirror_get_stats(records->mirror, &stats);
    gw_metrics_set(shard, &known_keys, gw_record_set_count(set, 'k'));
    gw_metrics_set(shard, &known_revocations, gw_record_set_count(set, 'r'));
    gw_metrics_set(shard, &known_consumers, gw_record_set_count(set, 'c'));
    gw_metrics_set(shard, &known_landscapes, gw_record_set_count(set, 'l'));
    gw_metrics_set(shard, &record_gaps, stats.gaps);
    if (age_ns != UINT64_MAX)
        gw_metrics_set(shard, &records_age, age_ns / GW_NS_PER_MS);
}
