#include "server/gateway/edge_forward.h"

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
#include "server/gateway/edge_post.h"
#include "server/net/loop.h"

#define LOOK_NS (100 * GW_NS_PER_MS) /* whether something is there */
#define RETRY_FIRST_NS (500 * GW_NS_PER_MS)
#define PATH "/system/edge/v1/batches"

struct gw_edge_forward {
    struct gw_loop *loop;
    struct gw_spool *spool;
    const struct gw_edge_config *config;
    struct gw_edge_post *post;
    struct gw_timer timer;
    struct gw_spool_batch batch;
    bool is_busy;      /* reading, sending, or acknowledging */
    uint64_t pause_ns; /* the last one; 0: the last batch went well */
    struct gw_edge_forward_stats stats;
};

static void on_timer(struct gw_timer *timer);
static void read_batch(struct gw_edge_forward *forward);

/* --- what comes next --- */

static void wait_for(struct gw_edge_forward *forward, uint64_t after_ns)
{
    gw_timer_start(forward->loop, &forward->timer, after_ns, on_timer);
}

/* With half of it by chance: edges of one plant do not come back together. */
static void pause_and_retry(struct gw_edge_forward *forward)
{
    uint64_t most_ns = forward->config->retry_max_ns;
    uint32_t chance;

    forward->is_busy = false;
    forward->pause_ns = forward->pause_ns == 0 ? RETRY_FIRST_NS : 2 * forward->pause_ns;
    if (forward->pause_ns > most_ns)
        forward->pause_ns = most_ns;
    gw_random_bytes(&chance, sizeof(chance));
    wait_for(forward, forward->pause_ns / 2 + forward->pause_ns / 2 * (chance % 1024) / 1024);
}

static void fail(struct gw_edge_forward *forward, enum gw_edge_centre_state state, const char *text)
{
    struct gw_edge_forward_stats *stats = &forward->stats;

    if (stats->state != state || strcmp(stats->last_error, text) != 0)
        gw_log_warn("edge: the centre: %s; events wait here", text);
    stats->state = state;
    stats->failures++;
    snprintf(stats->last_error, sizeof(stats->last_error), "%s", text);
    pause_and_retry(forward);
}

static void on_acknowledged(void *self, int rc)
{
    struct gw_edge_forward *forward = self;

    forward->is_busy = false;
    if (rc != 0) {
        gw_log_error("edge: what was acknowledged cannot be noted: %s", strerror(-rc));
        pause_and_retry(forward); /* it is sent again, and known there */
        return;
    }
    read_batch(forward);
}

static void acknowledge(struct gw_edge_forward *forward, uint64_t sequence, bool is_loss)
{
    int rc = gw_spool_acknowledge(forward->spool, gw_str_of(forward->batch.epoch), sequence,
                                  is_loss, on_acknowledged, forward);

    if (rc != 0)
        pause_and_retry(forward);
}

/* --- the answer --- */

static void take_refused(struct gw_edge_forward *forward, const json_t *refused)
{
    const json_t *item;
    size_t index;

    forward->stats.refused_events += json_array_size(refused);
    json_array_foreach(refused, index, item)
    {
        const char *detail = json_string_value(json_object_get(item, "detail"));
        gw_log_warn("edge: the centre refuses event %s/%" JSON_INTEGER_FORMAT ": %s",
                    forward->batch.epoch, json_integer_value(json_object_get(item, "sequence")),
                    detail != NULL ? detail : "no reason is given");
    }
}

static void take_success(struct gw_edge_forward *forward, const json_t *answer)
{
    struct gw_edge_forward_stats *stats = &forward->stats;
    const json_t *acknowledged = json_object_get(answer, "acknowledged");
    json_int_t sequence = json_integer_value(acknowledged);

    if (!json_is_integer(acknowledged) || sequence < (json_int_t)forward->batch.first) {
        fail(forward, GW_EDGE_CENTRE_REFUSED, "its answer acknowledges nothing");
        return;
    }
    if (stats->state != GW_EDGE_CENTRE_UP)
        gw_log_info("edge: the centre takes events");
    stats->state = GW_EDGE_CENTRE_UP;
    stats->last_error[0] = '\0';
    stats->batches++;
    stats->events += forward->batch.count;
    stats->bytes += forward->batch.bytes.len;
    forward->pause_ns = 0;
    take_refused(forward, json_object_get(answer, "refused"));
    acknowledge(forward, (uint64_t)sequence, false);
}

static void take_gap(struct gw_edge_forward *forward, const json_t *answer)
{
    const json_t *expected = json_object_get(answer, "expected");
    json_int_t sequence = json_integer_value(expected);

    if (!json_is_integer(expected) || sequence < 1 ||
        sequence >= (json_int_t)forward->batch.first) {
        fail(forward, GW_EDGE_CENTRE_REFUSED, "409, and it does not say what it expects");
        return;
    }
    gw_log_error("edge: the centre has lost events %" JSON_INTEGER_FORMAT " to %" PRIu64
                 " of %s, which it had acknowledged",
                 sequence, forward->batch.first - 1, forward->batch.epoch);
    forward->stats.gaps++;
    acknowledge(forward, (uint64_t)sequence - 1, true);
}

static void on_answer(void *self, int status, const json_t *answer)
{
    struct gw_edge_forward *forward = self;
    char why[160];

    if (status == 200) {
        take_success(forward, answer);
    } else if (status == 409) {
        take_gap(forward, answer);
    } else {
        gw_edge_post_describe(status, answer, why, sizeof(why));
        fail(forward, GW_EDGE_CENTRE_REFUSED, why);
    }
}

static void on_failure(void *self, const char *why)
{
    fail(self, GW_EDGE_CENTRE_DOWN, why);
}

/* --- the question --- */

static int send_batch(struct gw_edge_forward *forward)
{
    const struct gw_edge_config *config = forward->config;
    char target[512];

    int len = snprintf(target, sizeof(target), PATH "?edge=%.*s&epoch=%s&first=%" PRIu64,
                       GW_STR_ARG(config->id), forward->batch.epoch, forward->batch.first);
    if (len < 0 || (size_t)len >= sizeof(target))
        return -EINVAL;
    return gw_edge_post_send(forward->post, gw_str_from(target, (size_t)len),
                             gw_buf_str(&forward->batch.bytes));
}

static void on_batch(struct gw_spool_batch *batch, int rc)
{
    struct gw_edge_forward *forward = batch->owner;

    if (rc == 0 && batch->last == 0) {
        forward->is_busy = false;
        wait_for(forward, LOOK_NS);
        return;
    }
    if (rc == 0)
        rc = send_batch(forward);
    if (rc != 0) {
        gw_log_error("edge: no batch can be sent: %s", strerror(-rc));
        pause_and_retry(forward);
    }
}

static void read_batch(struct gw_edge_forward *forward)
{
    forward->is_busy = true;
    forward->batch.owner = forward;
    forward->batch.done = on_batch;
    if (gw_spool_read(forward->spool, &forward->batch, forward->config->batch_events,
                      forward->config->batch_bytes) != 0)
        pause_and_retry(forward);
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_edge_forward *forward = GW_CONTAINER_OF(timer, struct gw_edge_forward, timer);
    struct gw_spool_state state;

    gw_spool_get_state(forward->spool, &state);
    if (forward->is_busy)
        return;
    if (state.events == 0)
        wait_for(forward, LOOK_NS);
    else
        read_batch(forward);
}

/* --- life --- */

int gw_edge_forward_create(struct gw_loop *loop, struct gw_http_client *http,
                           struct gw_spool *spool, const struct gw_edge_config *config,
                           struct gw_edge_forward **out_forward, struct gw_error *error)
{
    struct gw_edge_forward *forward = calloc(1, sizeof(*forward));

    if (forward == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    forward->loop = loop;
    forward->spool = spool;
    forward->config = config;
    gw_spool_batch_init(&forward->batch);
    const struct gw_edge_post_events events = {forward, on_answer, on_failure};
    int rc = gw_edge_post_create(http, config, &events, &forward->post, error);
    if (rc != 0) {
        gw_edge_forward_destroy(forward);
        return rc;
    }
    wait_for(forward, LOOK_NS);
    *out_forward = forward;
    return 0;
}

void gw_edge_forward_destroy(struct gw_edge_forward *forward)
{
    if (forward == NULL)
        return;
    gw_timer_stop(&forward->timer);
    gw_edge_post_destroy(forward->post);
    gw_spool_batch_finish(&forward->batch);
    free(forward);
}

void gw_edge_forward_follow(struct gw_edge_forward *forward,
                            const struct gw_edge_forward_stats *stats)
{
    if (forward != NULL)
        forward->stats = *stats;
}

void gw_edge_forward_get_stats(const struct gw_edge_forward *forward,
                               struct gw_edge_forward_stats *out_stats)
{
    *out_stats = forward != NULL ? forward->stats : (struct gw_edge_forward_stats){.state = 0};
}

const char *gw_edge_centre_state_name(enum gw_edge_centre_state state)
{
    static const char *const names[] = {"none", "up", "down", "refused"};

    return names[state];
}
