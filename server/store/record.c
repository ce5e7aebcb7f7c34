#include "server/store/record.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"

#define REPLICA_NS (500 * GW_NS_PER_MS)
#define SCRIPT_NS (250 * GW_NS_PER_MS)
#define SLACK_NS (250 * GW_NS_PER_MS) /* of the client over the server's own deadline */

/* What waits for the replicas of one primary; of a cluster there may be many. */
struct lane {
    struct gw_record_writer *writer;
    struct gw_redis *primary;
    struct gw_list answered;    /* by it: the WAIT under way is theirs, too */
    struct gw_redis_call *wait; /* NULL: the lane is free */
};

struct gw_record_writer {
    struct gw_record_writer_config config;
    struct gw_list writes; /* under way, the script not yet answered */
    struct lane *lanes;
    size_t lane_count;
    unsigned waits;                 /* lanes that are not free */
    char replicas[12], wait_ms[24]; /* the words of WAIT */
};

struct gw_record_writer *gw_record_writer_create(const struct gw_record_writer_config *config)
{
    struct gw_record_writer *writer = calloc(1, sizeof(*writer));
    size_t lane_count = gw_redis_count_nodes(config->redis);
    struct lane *lanes = calloc(lane_count, sizeof(*lanes));

    if (writer == NULL || lanes == NULL) {
        free(writer);
        free(lanes);
        return NULL;
    }
    writer->lanes = lanes;
    writer->lane_count = lane_count;
    for (size_t i = 0; i < lane_count; i++) {
        lanes[i].writer = writer;
        gw_list_init(&lanes[i].answered);
    }
    writer->config = *config;
    if (writer->config.replica_ns == 0)
        writer->config.replica_ns = REPLICA_NS;
    gw_list_init(&writer->writes);
    snprintf(writer->replicas, sizeof(writer->replicas), "%u", config->min_replicas);
    /* Never 0: that would be for ever. */
    uint64_t wait_ms = writer->config.replica_ns / GW_NS_PER_MS + 1;
    snprintf(writer->wait_ms, sizeof(writer->wait_ms), "%" PRIu64, wait_ms);
    return writer;
}

static void take_off(struct gw_record_write *write)
{
    if (write->call != NULL)
        gw_redis_cancel(write->call);
    write->call = NULL;
    gw_list_remove(&write->node);
    write->writer = NULL;
}

void gw_record_writer_destroy(struct gw_record_writer *writer)
{
    if (writer == NULL)
        return;
    while (!gw_list_is_empty(&writer->writes))
        take_off(GW_LIST_ITEM(writer->writes.next, struct gw_record_write, node));
    for (size_t i = 0; i < writer->lane_count; i++) {
        struct lane *lane = &writer->lanes[i];
        while (!gw_list_is_empty(&lane->answered))
            take_off(GW_LIST_ITEM(lane->answered.next, struct gw_record_write, node));
        if (lane->wait != NULL)
            gw_redis_cancel(lane->wait);
    }
    free(writer->lanes);
    free(writer);
}

static void end(struct gw_record_write *write, int rc)
{
    take_off(write);
    write->on_done(write, rc);
}

/* Callbacks may start and stop writes, and so change the list: it is emptied from its front, but
 * only of those that are in it now. */
static void end_answered(struct lane *lane, int rc)
{
    struct gw_list ending;
    struct gw_list *node;

    gw_list_init(&ending);
    while ((node = gw_list_take(&lane->answered)) != NULL)
        gw_list_append(&ending, node);
    while (!gw_list_is_empty(&ending))
        end(GW_LIST_ITEM(ending.next, struct gw_record_write, node), rc);
}

/* Replies come in the order of the commands, so whatever was answered before the WAIT is, was
 * written before it, and by this connection: WAIT speaks for it. A script that Redis did not know
 * and that was sent again is answered, and waited for, behind it. */
static void on_wait(void *self, int rc, const struct gw_reply *reply)
{
    struct lane *lane = self;
    struct gw_record_writer *writer = lane->writer;

    lane->wait = NULL;
    writer->waits--;
    if (rc == 0 && reply->type != GW_REPLY_INTEGER)
        rc = -EPROTO;
    else if (rc == 0 && reply->integer < (int64_t)writer->config.min_replicas)
        rc = -EREMOTEIO;
    end_answered(lane, rc);
}

/* The lane of the primary that has just answered; a free one if it has none. */
static struct lane *find_lane(struct gw_record_writer *writer)
{
    struct gw_redis *primary = gw_redis_get_answering(writer->config.redis);
    struct lane *unused = NULL;

    for (size_t i = 0; i < writer->lane_count; i++) {
        struct lane *lane = &writer->lanes[i];
        if (lane->wait != NULL && lane->primary == primary)
            return lane;
        if (lane->wait == NULL)
            unused = lane;
    }
    assert(unused != NULL); /* there is one for each node */
    unused->primary = primary;
    return unused;
}

static void wait_for_replicas(struct lane *lane)
{
    struct gw_record_writer *writer = lane->writer;
    const struct gw_str words[] = {GW_STR("WAIT"), gw_str_of(writer->replicas),
                                   gw_str_of(writer->wait_ms)};
    const struct gw_redis_command command = {words, GW_COUNT_OF(words),
                                             writer->config.replica_ns + SLACK_NS};

    if (lane->wait != NULL)
        return;
    int rc = gw_redis_send(lane->primary, &command, on_wait, lane, &lane->wait);
    if (rc == 0) {
        writer->waits++;
    } else {
        lane->wait = NULL;
        end_answered(lane, rc);
    }
}

static void on_answer(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_record_write *write = self;
    struct gw_record_writer *writer = write->writer;

    write->call = NULL;
    if (rc == 0 && reply->type == GW_REPLY_ERROR)
        rc = -EPROTO;
    if (rc != 0) {
        end(write, rc);
        return;
    }
    if (!write->on_reply(write, reply) || writer->config.min_replicas == 0) {
        end(write, 0);
        return;
    }
    struct lane *lane = find_lane(writer);
    gw_list_remove(&write->node);
    gw_list_append(&lane->answered, &write->node);
    wait_for_replicas(lane);
}

int gw_record_write_start(struct gw_record_writer *writer, struct gw_record_write *write,
                          const struct gw_redis_eval *eval)
{
    write->writer = writer;
    write->node = (struct gw_list){0};
    write->eval = *eval;
    if (eval->timeout_ns == 0)
        write->eval.timeout_ns = SCRIPT_NS;
    if (writer->waits > 0) /* it may stand behind one */
        write->eval.timeout_ns += writer->config.replica_ns;
    int rc = gw_redis_eval(writer->config.redis, &write->eval, on_answer, write, &write->call);
    if (rc != 0) {
        write->writer = NULL;
        write->call = NULL;
        return rc;
    }
    gw_list_append(&writer->writes, &write->node);
    return 0;
}

void gw_record_write_stop(struct gw_record_write *write)
{
    if (write->writer != NULL)
        take_off(write);
}

void gw_record_writer_flush(struct gw_record_writer *writer)
{
    gw_redis_flush(writer->config.redis);
}
