#include "server/gateway/edge_samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/gateway/edge_config.h"
#include "server/gateway/edge_samples_private.h"
#include "server/iot/registry.h"
#include "server/iot/sample.h"
#include "server/iot/sample_json.h"

#define MAX_ROW_BYTES (1u << 20)
#define MAX_SAMPLE_BYTES (16u << 10) /* with its names: text of 4 KiB, escaped */

const char gw_edge_samples_schema[] =
    "CREATE TABLE IF NOT EXISTS edge_sample (position INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  node TEXT NOT NULL, count INTEGER NOT NULL, samples BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS edge_sample_state (id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  rows INTEGER NOT NULL, samples INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    "  kept INTEGER NOT NULL, dropped INTEGER NOT NULL, forwarded INTEGER NOT NULL);"
    "INSERT INTO edge_sample_state VALUES (1, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING;";

/* --- jobs --- */

int edge_samples_read_state(struct edge_samples_job *job, struct gw_database *database)
{
    struct gw_database_rows rows;
    int rc = gw_database_ask(database,
                             "SELECT rows, samples, bytes, kept, dropped, forwarded FROM "
                             "edge_sample_state",
                             NULL, 0, &rows);

    if (rc == 0)
        rc = gw_database_next(&rows);
    if (rc <= 0)
        return rc == 0 ? -EBADMSG : rc;
    job->state = (struct edge_samples_state){.rows = (uint64_t)gw_database_integer(&rows, 0),
                                             .samples = (uint64_t)gw_database_integer(&rows, 1),
                                             .bytes = (uint64_t)gw_database_integer(&rows, 2),
                                             .kept = (uint64_t)gw_database_integer(&rows, 3),
                                             .dropped = (uint64_t)gw_database_integer(&rows, 4),
                                             .forwarded = (uint64_t)gw_database_integer(&rows, 5)};
    gw_database_end(&rows);
    return 0;
}

static void on_job(struct gw_database_job *base, int rc)
{
    struct edge_samples_job *job = GW_CONTAINER_OF(base, struct edge_samples_job, job);

    gw_list_remove(&job->node);
    if (job->owner != NULL && rc == 0)
        job->owner->state = job->state;
    job->end(job, rc);
}

void edge_samples_submit(struct gw_edge_samples *samples, struct edge_samples_job *job,
                         int (*run)(struct gw_database_job *job, struct gw_database *database),
                         void (*end)(struct edge_samples_job *job, int rc))
{
    job->owner = samples;
    job->max_bytes = samples->setup.config->max_sample_bytes;
    job->end = end;
    job->job = (struct gw_database_job){.run = run, .done = on_job};
    gw_list_append(&samples->jobs, &job->node);
    gw_database_submit(samples->setup.database, &job->job);
}

/* --- keeping --- */

struct keeping {
    struct edge_samples_job base; /* first */
    const char *node;             /* behind it */
    size_t count;
    struct gw_buf text;
};

/* A sixteenth at once: room for others, too. */
static int drop_oldest(struct keeping *own, struct gw_database *database)
{
    const struct gw_database_value limit = GW_DB_INTEGER(own->base.state.rows / 16 + 1);
    int rc = gw_database_do(database,
                            "UPDATE edge_sample_state SET (rows, samples, bytes, dropped) = "
                            "(SELECT rows - count(*), samples - coalesce(sum(gone.n), 0), bytes - "
                            "coalesce(sum(gone.len), 0), dropped + coalesce(sum(gone.n), 0) FROM "
                            "(SELECT count AS n, length(edge_sample.samples) AS len FROM "
                            "edge_sample ORDER BY position LIMIT ?1) AS gone)",
                            &limit, 1);

    if (rc == 0)
        rc = gw_database_do(database,
                            "DELETE FROM edge_sample WHERE position IN (SELECT position FROM "
                            "edge_sample ORDER BY position LIMIT ?1)",
                            &limit, 1);
    return rc == 0 ? edge_samples_read_state(&own->base, database) : rc;
}

static int run_keep(struct gw_database_job *job, struct gw_database *database)
{
    struct keeping *own = GW_CONTAINER_OF(job, struct keeping, base.job);
    const struct gw_database_value row[] = {GW_DB_TEXT(gw_str_of(own->node)),
                                            GW_DB_INTEGER(own->count),
                                            GW_DB_BYTES(gw_buf_str(&own->text))};
    const struct gw_database_value sums[] = {GW_DB_INTEGER(own->count),
                                             GW_DB_INTEGER(own->text.len)};
    int rc = edge_samples_read_state(&own->base, database);

    while (rc == 0 && own->base.state.rows > 0 &&
           own->base.state.bytes + own->text.len > own->base.max_bytes)
        rc = drop_oldest(own, database);
    if (rc == 0)
        rc = gw_database_do(
            database, "INSERT INTO edge_sample (node, count, samples) VALUES (?1, ?2, ?3)", row, 3);
    if (rc == 0)
        rc = gw_database_do(database,
                            "UPDATE edge_sample_state SET rows = rows + 1, samples = samples + ?1, "
                            "bytes = bytes + ?2, kept = kept + ?1",
                            sums, 2);
    return rc == 0 ? edge_samples_read_state(&own->base, database) : rc;
}

static void end_keep(struct edge_samples_job *job, int rc)
{
    struct keeping *own = GW_CONTAINER_OF(job, struct keeping, base);

    if (rc != 0) /* the disk says so itself, in the log and in its metric */
        gw_log_debug("edge: %zu samples of %s are not kept", own->count, own->node);
    gw_buf_finish(&own->text);
    free(own);
}

static void flush_node(struct gw_edge_samples *samples, size_t index)
{
    struct edge_samples_node *node = &samples->nodes[index];
    struct gw_str id = gw_registry_node(samples->setup.config->documents.registry, index)->id;
    struct keeping *own = node->count > 0 ? calloc(1, sizeof(*own) + id.len + 1) : NULL;

    if (own != NULL)
        gw_buf_append_byte(&node->text, ']');
    if (own == NULL || node->text.has_failed) {
        if (node->count > 0)
            gw_log_error("edge: no memory for %zu samples of %.*s", node->count, GW_STR_ARG(id));
        free(own);
        gw_buf_clear(&node->text);
        node->count = 0;
        return;
    }
    memcpy(own + 1, id.ptr, id.len);
    own->node = (const char *)(own + 1);
    own->count = node->count;
    own->text = node->text;
    gw_buf_init(&node->text, MAX_ROW_BYTES + MAX_SAMPLE_BYTES);
    node->count = 0;
    edge_samples_submit(samples, &own->base, run_keep, end_keep);
}

static void flush(struct gw_edge_samples *samples)
{
    for (size_t i = 0; i < samples->node_count; i++)
        flush_node(samples, i);
}

static void on_flush(struct gw_soon *soon)
{
    flush(GW_CONTAINER_OF(soon, struct gw_edge_samples, flush));
}

/* A row alone must not be more than may wait. */
static uint64_t max_row_bytes(const struct gw_edge_samples *samples)
{
    uint64_t share = samples->setup.config->max_sample_bytes / 4;

    return share < MAX_ROW_BYTES ? share : MAX_ROW_BYTES;
}

void gw_edge_samples_take(struct gw_edge_samples *samples, const struct gw_edge_node_config *config,
                          const struct gw_sample *list, size_t count)
{
    if (samples == NULL || count == 0)
        return;
    const struct gw_registry *registry = samples->setup.config->documents.registry;
    struct edge_samples_node *node = &samples->nodes[config->index];
    uint64_t row_bytes = max_row_bytes(samples);

    for (size_t i = 0; i < count; i++) {
        const struct gw_metric_config *metric;
        if (list[i].type == GW_SAMPLE_TEXT && list[i].text.len > GW_SAMPLES_MAX_TEXT)
            continue; /* no reader could have it */
        const struct gw_device_config *device =
            gw_registry_series_device(registry, list[i].series, &metric);
        if (node->count == 0)
            gw_buf_append_byte(&node->text, '[');
        gw_samples_write(&node->text, device->device, metric->name, &list[i]);
        node->count++;
        if (node->text.len > row_bytes || node->count == GW_SAMPLES_MAX)
            flush_node(samples, config->index);
    }
    gw_loop_soon(samples->setup.loop, &samples->flush, on_flush);
}

/* --- life --- */

static int run_look(struct gw_database_job *job, struct gw_database *database)
{
    return edge_samples_read_state(GW_CONTAINER_OF(job, struct edge_samples_job, job), database);
}

int gw_edge_samples_create(const struct gw_edge_samples_setup *setup,
                           struct gw_edge_samples **out_samples, struct gw_error *error)
{
    struct edge_samples_job look = {.job = {.run = run_look}};
    struct gw_edge_samples *samples = calloc(1, sizeof(*samples));

    if (samples == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    gw_list_init(&samples->jobs);
    gw_buf_init(&samples->batch, 0);
    samples->setup = *setup;
    samples->node_count = gw_registry_node_count(setup->config->documents.registry);
    samples->nodes = calloc(samples->node_count + 1, sizeof(*samples->nodes));
    for (size_t i = 0; samples->nodes != NULL && i < samples->node_count; i++)
        gw_buf_init(&samples->nodes[i].text, MAX_ROW_BYTES + MAX_SAMPLE_BYTES);
    int rc = samples->nodes != NULL ? 0 : gw_error_set(error, -ENOMEM, "out of memory");
    if (rc == 0 && (rc = gw_database_run_now(setup->database, &look.job)) != 0)
        (void)gw_error_set(error, rc, "the samples' table cannot be read: %s", strerror(-rc));
    samples->state = look.state;
    if (rc == 0 && setup->config->has_centre)
        rc = edge_samples_forward_start(samples, error);
    if (rc != 0) {
        gw_edge_samples_destroy(samples);
        return rc;
    }
    *out_samples = samples;
    return 0;
}

void gw_edge_samples_destroy(struct gw_edge_samples *samples)
{
    struct gw_list *node;

    if (samples == NULL)
        return;
    gw_soon_stop(&samples->flush);
    edge_samples_forward_stop(samples);
    if (samples->nodes != NULL)
        flush(samples);
    while ((node = gw_list_take(&samples->jobs)) != NULL)
        GW_LIST_ITEM(node, struct edge_samples_job, node)->owner = NULL;
    for (size_t i = 0; samples->nodes != NULL && i < samples->node_count; i++)
        gw_buf_finish(&samples->nodes[i].text);
    free(samples->nodes);
    gw_buf_finish(&samples->batch);
    free(samples);
}

void gw_edge_samples_get_stats(const struct gw_edge_samples *samples,
                               struct gw_edge_samples_stats *out_stats)
{
    *out_stats = (struct gw_edge_samples_stats){.state = GW_EDGE_CENTRE_NONE};
    if (samples == NULL)
        return;
    *out_stats = samples->stats;
    out_stats->waiting = samples->state.samples;
    out_stats->bytes = samples->state.bytes;
    out_stats->kept = samples->state.kept;
    out_stats->dropped = samples->state.dropped;
    out_stats->forwarded = samples->state.forwarded;
}
