/* Into the spool. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/crypto/digest.h"
#include "server/event/spool_private.h"

#define KEY_BYTES 16 /* of an id with its source */

struct appending {
    struct spool_call call;         /* first */
    struct gw_event_append *append; /* NULL: nobody waits for it */
    struct gw_buf text;
    uint8_t key[GW_SHA256_BYTES];
    int64_t sequence; /* 0: it was dropped */
    bool is_repeated;
    int refusal; /* -ENOSPC: full; counted nevertheless */
};

/* --- on the thread --- */

static int remember(struct appending *own, struct gw_database *database)
{
    const struct gw_database_value key =
        GW_DB_BYTES(gw_str_from((const char *)own->key, KEY_BYTES));
    int rc = gw_database_do(
        database, "INSERT INTO spool_known (key) VALUES (?1) ON CONFLICT DO NOTHING", &key, 1);

    if (rc != 0)
        return rc;
    own->is_repeated = gw_database_changed(database) == 0;
    if (own->is_repeated)
        return gw_database_do(database, "UPDATE spool_state SET repeated = repeated + 1", NULL, 0);
    return gw_database_do(database,
                          "DELETE FROM spool_known WHERE number <= (SELECT max(number) FROM "
                          "spool_known) - ?1",
                          (struct gw_database_value[]){GW_DB_INTEGER(GW_SPOOL_KNOWN_MAX)}, 1);
}

static bool has_room(const struct appending *own)
{
    const struct gw_spool_config *config = &own->call.config;
    const struct gw_spool_state *state = &own->call.state;

    return state->events < config->max_events && state->bytes + own->text.len <= config->max_bytes;
}

/* A sixteenth at once: room for others, too. */
static int drop_oldest(struct appending *own, struct gw_database *database)
{
    uint64_t count = own->call.state.events / 16 + 1;
    const struct gw_database_value limit = GW_DB_INTEGER(count);
    int rc = gw_database_do(database,
                            "UPDATE spool_state SET (events, bytes, dropped) = (SELECT "
                            "events - count(*), bytes - coalesce(sum(length(event)), 0), dropped + "
                            "count(*) FROM (SELECT event FROM spool_event ORDER BY position LIMIT "
                            "?1))",
                            &limit, 1);

    if (rc == 0)
        rc = gw_database_do(database,
                            "DELETE FROM spool_event WHERE position IN (SELECT position FROM "
                            "spool_event ORDER BY position LIMIT ?1)",
                            &limit, 1);
    return rc == 0 ? spool_read_state(&own->call, database) : rc;
}

static int insert(struct appending *own, struct gw_database *database)
{
    int64_t now_ms = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);
    const struct gw_database_value epoch = GW_DB_INTEGER(own->call.epoch);
    int rc = gw_database_do(database, "UPDATE spool_epoch SET last = last + 1 WHERE number = ?1",
                            &epoch, 1);

    if (rc == 0)
        rc = gw_database_number(database, "SELECT last FROM spool_epoch WHERE number = ?1", &epoch,
                                1, &own->sequence);
    const struct gw_database_value values[] = {epoch, GW_DB_INTEGER(own->sequence),
                                               GW_DB_INTEGER(now_ms),
                                               GW_DB_BYTES(gw_buf_str(&own->text))};
    if (rc == 0)
        rc = gw_database_do(database,
                            "INSERT INTO spool_event (epoch, sequence, spooled_ms, event) VALUES "
                            "(?1, ?2, ?3, ?4)",
                            values, 4);
    const struct gw_database_value bytes = GW_DB_INTEGER(own->text.len);
    if (rc == 0)
        rc = gw_database_do(database,
                            "UPDATE spool_state SET events = events + 1, bytes = bytes + ?1, "
                            "spooled = spooled + 1",
                            &bytes, 1);
    return rc;
}

static int make_room(struct appending *own, struct gw_database *database)
{
    int rc = 0;

    if (own->call.config.drop != GW_SPOOL_DROP_OLDEST)
        return 0;
    while (rc == 0 && !has_room(own) && own->call.state.events > 0)
        rc = drop_oldest(own, database);
    return rc;
}

static int append_event(struct gw_database_job *job, struct gw_database *database)
{
    struct appending *own = GW_CONTAINER_OF(job, struct appending, call.job);
    int rc = spool_read_state(&own->call, database);

    if (rc == 0)
        rc = make_room(own, database);
    if (rc != 0)
        return rc;
    bool is_full = !has_room(own);
    if (is_full && own->call.config.drop == GW_SPOOL_REFUSE) {
        /* It will come again: its id is not remembered. */
        own->refusal = -ENOSPC;
        rc = gw_database_do(database, "UPDATE spool_state SET refused = refused + 1", NULL, 0);
        return rc == 0 ? spool_read_state(&own->call, database) : rc;
    }
    rc = remember(own, database);
    if (rc == 0 && !own->is_repeated && is_full)
        rc = gw_database_do(database, "UPDATE spool_state SET dropped = dropped + 1", NULL, 0);
    else if (rc == 0 && !own->is_repeated)
        rc = insert(own, database);
    return rc == 0 ? spool_read_state(&own->call, database) : rc;
}

/* --- on the loop --- */

static void on_appended(struct spool_call *call, int rc)
{
    struct appending *own = GW_CONTAINER_OF(call, struct appending, call);
    struct gw_event_append *append = call->spool != NULL ? own->append : NULL;
    char place[GW_SPOOL_EPOCH_BYTES + 32] = "";

    if (rc == 0)
        rc = own->refusal;
    if (own->sequence > 0)
        snprintf(place, sizeof(place), "%s/%" PRId64, call->state.epoch, own->sequence);
    bool is_repeated = own->is_repeated;
    gw_buf_finish(&own->text);
    if (own->append != NULL)
        own->append->state = NULL;
    free(own);
    if (append != NULL)
        append->done(append, rc, gw_str_of(place), is_repeated);
}

static void make_key(struct appending *own, const struct gw_event *event)
{
    struct gw_buf text;

    gw_buf_init(&text, 2 * (size_t)GW_EVENT_MAX_BYTES);
    gw_buf_append_str(&text, event->source);
    gw_buf_append_byte(&text, '\n'); /* stands in no source */
    gw_buf_append_str(&text, event->id);
    own->text.has_failed |= text.has_failed;
    gw_digest_compute(GW_SHA256, gw_buf_str(&text), own->key);
    gw_buf_finish(&text);
}

int gw_spool_append(struct gw_spool *spool, struct gw_event_append *append)
{
    struct gw_error error;
    struct appending *own;

    append->state = NULL;
    if (gw_event_check(append->event, &error) != 0)
        return -EINVAL;
    own = calloc(1, sizeof(*own));
    if (own == NULL)
        return -ENOMEM;
    gw_buf_init(&own->text, 2 * (size_t)GW_EVENT_MAX_BYTES);
    gw_event_write(append->event, &own->text);
    make_key(own, append->event);
    if (own->text.has_failed) {
        gw_buf_finish(&own->text);
        free(own);
        return -ENOMEM;
    }
    own->append = append;
    append->state = own;
    spool_start(spool, &own->call, append_event, on_appended);
    return 0;
}

void gw_spool_cancel(struct gw_event_append *append)
{
    struct appending *own = append->state;

    if (own != NULL)
        own->append = NULL;
    append->state = NULL;
}
