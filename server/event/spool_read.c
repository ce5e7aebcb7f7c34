/* Out of the spool: batches. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/event/spool_line.h"
#include "server/event/spool_private.h"
#include "server/net/gzip.h"

#define LINE_BYTES 64 /* around an event */

struct reading {
    struct spool_call call;       /* first */
    struct gw_spool_batch *batch; /* NULL: nobody waits for it; the loop's */
    size_t max_count, max_bytes;
    char epoch[GW_SPOOL_EPOCH_BYTES];
    uint64_t first, last;
    size_t count;
    struct gw_buf lines, bytes;
};

/* --- on the thread --- */

/* The oldest epoch that has events: its number, and the sequence that the centre expects. */
static int find_epoch(struct reading *own, struct gw_database *database, int64_t *out_epoch)
{
    struct gw_database_rows rows;
    int rc = gw_database_ask(database,
                             "SELECT number, name, acknowledged FROM spool_epoch WHERE number = "
                             "(SELECT epoch FROM spool_event ORDER BY position LIMIT 1)",
                             NULL, 0, &rows);

    if (rc == 0)
        rc = gw_database_next(&rows);
    if (rc <= 0)
        return rc;
    struct gw_str name = gw_database_bytes(&rows, 1);
    *out_epoch = gw_database_integer(&rows, 0);
    snprintf(own->epoch, sizeof(own->epoch), "%.*s", GW_STR_ARG(name));
    own->first = (uint64_t)gw_database_integer(&rows, 2) + 1;
    gw_database_end(&rows);
    return 1;
}

static void write_event(struct reading *own, uint64_t sequence, struct gw_str event)
{
    const struct gw_spool_line gone = {.sequence = own->first, .dropped = sequence - own->first};
    const struct gw_spool_line line = {.sequence = sequence, .event = event};

    if (own->count == 0 && gone.dropped > 0)
        gw_spool_line_write(&gone, &own->lines);
    gw_spool_line_write(&line, &own->lines);
    own->last = sequence;
    own->count++;
}

static int read_events(struct gw_database_job *job, struct gw_database *database)
{
    struct reading *own = GW_CONTAINER_OF(job, struct reading, call.job);
    struct gw_database_rows rows;
    int64_t epoch = 0;
    int rc = find_epoch(own, database, &epoch);

    if (rc <= 0)
        return rc == 0 ? spool_read_state(&own->call, database) : rc;
    const struct gw_database_value values[] = {GW_DB_INTEGER(epoch), GW_DB_INTEGER(own->max_count)};
    rc = gw_database_ask(database,
                         "SELECT sequence, event FROM spool_event WHERE epoch = ?1 ORDER BY "
                         "sequence LIMIT ?2",
                         values, 2, &rows);
    if (rc != 0)
        return rc;
    while ((rc = gw_database_next(&rows)) == 1) {
        struct gw_str event = gw_database_bytes(&rows, 1);
        if (own->count > 0 && own->lines.len + event.len + LINE_BYTES > own->max_bytes) {
            gw_database_end(&rows);
            rc = 0;
            break;
        }
        write_event(own, (uint64_t)gw_database_integer(&rows, 0), event);
    }
    if (rc == 0 && own->lines.has_failed)
        rc = -ENOMEM;
    if (rc == 0)
        rc = gw_gzip(gw_buf_str(&own->lines), &own->bytes);
    return rc == 0 ? spool_read_state(&own->call, database) : rc;
}

/* --- on the loop --- */

static void on_read(struct spool_call *call, int rc)
{
    struct reading *own = GW_CONTAINER_OF(call, struct reading, call);
    struct gw_spool_batch *batch = own->batch;

    gw_buf_finish(&own->lines);
    if (batch == NULL || call->spool == NULL) {
        gw_buf_finish(&own->bytes);
        if (batch != NULL)
            batch->state = NULL;
        free(own);
        return;
    }
    gw_buf_finish(&batch->bytes);
    batch->bytes = own->bytes;
    memcpy(batch->epoch, own->epoch, sizeof(batch->epoch));
    batch->first = own->first;
    batch->last = own->last;
    batch->count = own->count;
    batch->state = NULL;
    free(own);
    batch->done(batch, rc);
}

void gw_spool_batch_init(struct gw_spool_batch *batch)
{
    *batch = (struct gw_spool_batch){.last = 0};
    gw_buf_init(&batch->bytes, 0);
}

void gw_spool_batch_finish(struct gw_spool_batch *batch)
{
    struct reading *own = batch->state;

    if (own != NULL)
        own->batch = NULL;
    batch->state = NULL;
    gw_buf_finish(&batch->bytes);
}

int gw_spool_read(struct gw_spool *spool, struct gw_spool_batch *batch, size_t max_count,
                  size_t max_bytes)
{
    struct reading *own = calloc(1, sizeof(*own));

    if (own == NULL)
        return -ENOMEM;
    own->batch = batch;
    own->max_count = max_count;
    own->max_bytes = max_bytes;
    gw_buf_init(&own->lines, max_bytes + 3 * (size_t)GW_EVENT_MAX_BYTES);
    gw_buf_init(&own->bytes, max_bytes + 4 * (size_t)GW_EVENT_MAX_BYTES);
    batch->state = own;
    spool_start(spool, &own->call, read_events, on_read);
    return 0;
}
