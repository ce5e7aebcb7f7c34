/* Out of the table and to the centre: one batch under way, again until it is acknowledged. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/crypto/random.h"
#include "server/event/spool.h"
#include "server/gateway/edge_config.h"
#include "server/gateway/edge_samples_private.h"
#include "server/iot/sample_json.h"
#include "server/net/gzip.h"

#define PATH "/system/edge/v1/samples"
#define LOOK_NS GW_NS_PER_SECOND
#define EVENTS_FIRST_NS (100 * GW_NS_PER_MS)
#define RETRY_FIRST_NS (500 * GW_NS_PER_MS)
#define MAX_NODES 64   /* of a batch */
#define MANY 1000      /* samples: the next batch goes at once */
#define MAX_ROWS 10000 /* looked at for a batch */

static void on_timer(struct gw_timer *timer);

static void wait_for(struct gw_edge_samples *samples, uint64_t after_ns)
{
    samples->is_busy = false;
    gw_timer_start(samples->setup.loop, &samples->timer, after_ns, on_timer);
}

static void pause_and_retry(struct gw_edge_samples *samples)
{
    uint64_t most_ns = samples->setup.config->retry_max_ns;
    uint32_t chance;

    samples->pause_ns = samples->pause_ns == 0 ? RETRY_FIRST_NS : 2 * samples->pause_ns;
    if (samples->pause_ns > most_ns)
        samples->pause_ns = most_ns;
    gw_random_bytes(&chance, sizeof(chance));
    wait_for(samples, samples->pause_ns / 2 + samples->pause_ns / 2 * (chance % 1024) / 1024);
}

static void fail(struct gw_edge_samples *samples, enum gw_edge_centre_state state, const char *why)
{
    struct gw_edge_samples_stats *stats = &samples->stats;

    if (stats->state != state || strcmp(stats->last_error, why) != 0)
        gw_log_warn("edge: the centre takes no samples: %s; they wait here", why);
    stats->state = state;
    stats->failures++;
    snprintf(stats->last_error, sizeof(stats->last_error), "%s", why);
    pause_and_retry(samples);
}

/* --- what the centre has goes --- */

struct ending {
    struct edge_samples_job base; /* first */
    int64_t last;
};

static int run_end(struct gw_database_job *job, struct gw_database *database)
{
    struct ending *own = GW_CONTAINER_OF(job, struct ending, base.job);
    const struct gw_database_value last = GW_DB_INTEGER(own->last);
    int rc = gw_database_do(database,
                            "UPDATE edge_sample_state SET (rows, samples, bytes, forwarded) = "
                            "(SELECT rows - count(*), samples - coalesce(sum(gone.n), 0), bytes - "
                            "coalesce(sum(gone.len), 0), forwarded + coalesce(sum(gone.n), 0) FROM "
                            "(SELECT count AS n, length(edge_sample.samples) AS len FROM "
                            "edge_sample WHERE position <= ?1) AS gone)",
                            &last, 1);

    if (rc == 0)
        rc = gw_database_do(database, "DELETE FROM edge_sample WHERE position <= ?1", &last, 1);
    return rc == 0 ? edge_samples_read_state(&own->base, database) : rc;
}

static void end_end(struct edge_samples_job *job, int rc)
{
    struct gw_edge_samples *samples = job->owner;

    free(GW_CONTAINER_OF(job, struct ending, base));
    if (samples == NULL)
        return;
    if (rc != 0)
        pause_and_retry(samples); /* they are sent again, which changes nothing */
    else
        wait_for(samples, samples->state.samples >= MANY ? 0 : LOOK_NS);
}

static void on_answer(void *self, int status, const json_t *answer)
{
    struct gw_edge_samples *samples = self;
    struct ending *own;
    char why[160];

    if (status != 200) {
        gw_edge_post_describe(status, answer, why, sizeof(why));
        fail(samples, GW_EDGE_CENTRE_REFUSED, why);
        return;
    }
    own = calloc(1, sizeof(*own));
    if (own == NULL) {
        pause_and_retry(samples);
        return;
    }
    if (samples->stats.state != GW_EDGE_CENTRE_UP)
        gw_log_info("edge: the centre takes samples");
    samples->stats.state = GW_EDGE_CENTRE_UP;
    samples->stats.last_error[0] = '\0';
    samples->stats.refused += (uint64_t)json_integer_value(json_object_get(answer, "refused"));
    samples->pause_ns = 0;
    own->last = samples->batch_last;
    edge_samples_submit(samples, &own->base, run_end, end_end);
}

static void on_failure(void *self, const char *why)
{
    fail(self, GW_EDGE_CENTRE_DOWN, why);
}

/* --- a batch --- */

struct batch_node {
    char *id;
    struct gw_buf text;
};

struct reading {
    struct edge_samples_job base; /* first */
    size_t max_bytes, bytes, samples, count;
    int64_t last;
    struct batch_node nodes[MAX_NODES];
    struct gw_buf lines, batch;
};

static struct batch_node *node_of(struct reading *own, struct gw_str id)
{
    for (size_t i = 0; i < own->count; i++)
        if (gw_str_equal(gw_str_of(own->nodes[i].id), id))
            return &own->nodes[i];
    if (own->count == MAX_NODES)
        return NULL;
    struct batch_node *node = &own->nodes[own->count];
    node->id = gw_str_duplicate(id);
    if (node->id == NULL)
        return NULL;
    gw_buf_init(&node->text, GW_SAMPLES_MAX_BYTES);
    own->count++;
    return node;
}

/* The row's list, behind those of the same node. False: the batch has no room for it. */
static bool add_row(struct reading *own, const struct gw_database_rows *rows)
{
    struct gw_str list = gw_database_bytes(rows, 3);
    size_t count = (size_t)gw_database_integer(rows, 2);

    if (own->samples > 0 &&
        (own->samples + count > GW_SAMPLES_MAX || own->bytes + list.len > own->max_bytes))
        return false;
    struct batch_node *node = node_of(own, gw_database_bytes(rows, 1));
    if (node == NULL || list.len < 2)
        return false;
    gw_buf_append_byte(&node->text, node->text.len > 0 ? ',' : '[');
    gw_buf_append_str(&node->text, gw_str_from(list.ptr + 1, list.len - 2));
    own->last = gw_database_integer(rows, 0);
    own->samples += count;
    own->bytes += list.len;
    return true;
}

static int write_batch(struct reading *own)
{
    for (size_t i = 0; i < own->count; i++) {
        gw_buf_append_text(&own->lines, "{\"node\":\"");
        gw_buf_append_json(&own->lines, gw_str_of(own->nodes[i].id));
        gw_buf_append_text(&own->lines, "\",\"samples\":");
        gw_buf_append_str(&own->lines, gw_buf_str(&own->nodes[i].text));
        gw_buf_append_text(&own->lines, "]}\n");
        if (own->nodes[i].text.has_failed)
            return -ENOMEM;
    }
    return own->lines.has_failed ? -ENOMEM : gw_gzip(gw_buf_str(&own->lines), &own->batch);
}

static int run_read(struct gw_database_job *job, struct gw_database *database)
{
    struct reading *own = GW_CONTAINER_OF(job, struct reading, base.job);
    const struct gw_database_value most = GW_DB_INTEGER(MAX_ROWS);
    struct gw_database_rows rows;
    int rc = gw_database_ask(database,
                             "SELECT position, node, count, samples FROM edge_sample ORDER BY "
                             "position LIMIT ?1",
                             &most, 1, &rows);

    if (rc != 0)
        return rc;
    while ((rc = gw_database_next(&rows)) == 1) {
        if (add_row(own, &rows))
            continue;
        gw_database_end(&rows);
        rc = 0;
        break;
    }
    if (rc == 0 && own->samples > 0)
        rc = write_batch(own);
    return rc == 0 ? edge_samples_read_state(&own->base, database) : rc;
}

static void destroy(struct reading *own)
{
    for (size_t i = 0; i < own->count; i++) {
        free(own->nodes[i].id);
        gw_buf_finish(&own->nodes[i].text);
    }
    gw_buf_finish(&own->lines);
    gw_buf_finish(&own->batch);
    free(own);
}

static int send_batch(struct gw_edge_samples *samples, struct reading *own)
{
    char target[256];
    int len =
        snprintf(target, sizeof(target), PATH "?edge=%.*s", GW_STR_ARG(samples->setup.config->id));

    gw_buf_finish(&samples->batch);
    samples->batch = own->batch;
    gw_buf_init(&own->batch, 0);
    samples->batch_last = own->last;
    return gw_edge_post_send(samples->post, gw_str_from(target, (size_t)len),
                             gw_buf_str(&samples->batch));
}

static void end_read(struct edge_samples_job *job, int rc)
{
    struct reading *own = GW_CONTAINER_OF(job, struct reading, base);
    struct gw_edge_samples *samples = job->owner;

    if (samples != NULL && rc == 0 && own->samples == 0)
        wait_for(samples, LOOK_NS);
    else if (samples != NULL && (rc != 0 || send_batch(samples, own) != 0))
        pause_and_retry(samples);
    destroy(own);
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_edge_samples *samples = GW_CONTAINER_OF(timer, struct gw_edge_samples, timer);
    const struct gw_edge_config *config = samples->setup.config;
    struct gw_spool_state spool;
    struct reading *own;

    if (samples->is_busy)
        return;
    gw_spool_get_state(samples->setup.spool, &spool);
    if (samples->state.rows == 0 || spool.events >= config->batch_events) {
        wait_for(samples, samples->state.rows == 0 ? LOOK_NS : EVENTS_FIRST_NS);
        return;
    }
    own = calloc(1, sizeof(*own));
    if (own == NULL) {
        pause_and_retry(samples);
        return;
    }
    samples->is_busy = true;
    own->max_bytes = config->batch_bytes;
    gw_buf_init(&own->lines, 2 * (size_t)GW_SAMPLES_MAX_BYTES);
    gw_buf_init(&own->batch, 2 * (size_t)GW_SAMPLES_MAX_BYTES);
    edge_samples_submit(samples, &own->base, run_read, end_read);
}

int edge_samples_forward_start(struct gw_edge_samples *samples, struct gw_error *error)
{
    const struct gw_edge_post_events events = {samples, on_answer, on_failure};
    int rc = gw_edge_post_create(samples->setup.http, samples->setup.config, &events,
                                 &samples->post, error);

    if (rc == 0)
        wait_for(samples, LOOK_NS);
    return rc;
}

void edge_samples_forward_stop(struct gw_edge_samples *samples)
{
    gw_timer_stop(&samples->timer);
    gw_edge_post_destroy(samples->post);
    samples->post = NULL;
}
