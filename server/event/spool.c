#include "server/event/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/crypto/random.h"
#include "server/event/spool_private.h"

const char gw_spool_schema[] =
    "CREATE TABLE IF NOT EXISTS spool_epoch (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    "  last INTEGER NOT NULL, acknowledged INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS spool_event (position INTEGER PRIMARY KEY, epoch INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL, spooled_ms INTEGER NOT NULL, event BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS spool_event_sequence ON spool_event (epoch, sequence);"
    "CREATE TABLE IF NOT EXISTS spool_known (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS spool_state (id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  name TEXT NOT NULL, starts INTEGER NOT NULL, events INTEGER NOT NULL, bytes INTEGER NOT "
    "NULL,"
    "  spooled INTEGER NOT NULL, repeated INTEGER NOT NULL, dropped INTEGER NOT NULL,"
    "  refused INTEGER NOT NULL, acknowledged INTEGER NOT NULL, lost INTEGER NOT NULL,"
    "  acknowledged_ms INTEGER NOT NULL);";

/* --- jobs --- */

int spool_read_state(struct spool_call *call, struct gw_database *database)
{
    struct gw_spool_state *state = &call->state;
    struct gw_database_rows rows;
    int rc = gw_database_ask(database,
                             "SELECT events, bytes, spooled, repeated, dropped, refused, "
                             "acknowledged, lost, acknowledged_ms, (SELECT name FROM spool_epoch "
                             "WHERE number = ?1) FROM spool_state",
                             (struct gw_database_value[]){GW_DB_INTEGER(call->epoch)}, 1, &rows);

    if (rc == 0)
        rc = gw_database_next(&rows);
    if (rc <= 0)
        return rc == 0 ? -EBADMSG : rc;
    *state = (struct gw_spool_state){.events = (uint64_t)gw_database_integer(&rows, 0),
                                     .bytes = (uint64_t)gw_database_integer(&rows, 1),
                                     .spooled = (uint64_t)gw_database_integer(&rows, 2),
                                     .repeated = (uint64_t)gw_database_integer(&rows, 3),
                                     .dropped = (uint64_t)gw_database_integer(&rows, 4),
                                     .refused = (uint64_t)gw_database_integer(&rows, 5),
                                     .acknowledged = (uint64_t)gw_database_integer(&rows, 6),
                                     .lost_at_centre = (uint64_t)gw_database_integer(&rows, 7),
                                     .acknowledged_ms = gw_database_integer(&rows, 8)};
    struct gw_str name = gw_database_bytes(&rows, 9);
    snprintf(state->epoch, sizeof(state->epoch), "%.*s", GW_STR_ARG(name));
    gw_database_end(&rows);
    return gw_database_number(database,
                              "SELECT spooled_ms FROM spool_event ORDER BY position LIMIT 1", NULL,
                              0, &state->oldest_ms);
}

static void on_job(struct gw_database_job *job, int rc)
{
    struct spool_call *call = GW_CONTAINER_OF(job, struct spool_call, job);

    gw_list_remove(&call->node);
    if (call->spool != NULL && rc == 0)
        call->spool->state = call->state;
    call->end(call, rc);
}

void spool_start(struct gw_spool *spool, struct spool_call *call,
                 int (*run)(struct gw_database_job *job, struct gw_database *database),
                 void (*end)(struct spool_call *call, int rc))
{
    call->spool = spool;
    call->config = spool->config;
    call->epoch = spool->epoch;
    call->end = end;
    call->job = (struct gw_database_job){.run = run, .done = on_job};
    gw_list_append(&spool->calls, &call->node);
    gw_database_submit(spool->config.database, &call->job);
}

/* --- acknowledging --- */

struct acknowledging {
    struct spool_call call; /* first */
    char name[GW_SPOOL_EPOCH_BYTES];
    uint64_t sequence;
    bool is_loss;
    void (*done)(void *self, int rc);
    void *self;
};

static int forget_epochs(struct gw_database *database, int64_t current)
{
    return gw_database_do(database,
                          "DELETE FROM spool_epoch WHERE number < ?1 AND NOT EXISTS (SELECT 1 FROM "
                          "spool_event WHERE spool_event.epoch = spool_epoch.number)",
                          (struct gw_database_value[]){GW_DB_INTEGER(current)}, 1);
}

static int acknowledge(struct gw_database_job *job, struct gw_database *database)
{
    struct acknowledging *own = GW_CONTAINER_OF(job, struct acknowledging, call.job);
    int64_t now_ms = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);
    int64_t epoch = -1;
    const struct gw_database_value name = GW_DB_TEXT(gw_str_of(own->name));
    int rc = gw_database_number(database, "SELECT number FROM spool_epoch WHERE name = ?1", &name,
                                1, &epoch);

    if (rc != 0 || epoch < 0)
        return rc != 0 ? rc : spool_read_state(&own->call, database);
    const struct gw_database_value values[] = {GW_DB_INTEGER(epoch), GW_DB_INTEGER(own->sequence),
                                               GW_DB_INTEGER(now_ms)};
    rc = gw_database_do(database,
                        "UPDATE spool_state SET (events, bytes, acknowledged) = (SELECT "
                        "events - count(*), bytes - coalesce(sum(length(event)), 0), "
                        "acknowledged + count(*) FROM spool_event WHERE epoch = ?1 AND sequence "
                        "<= ?2), acknowledged_ms = ?3",
                        values, 3);
    if (rc == 0)
        rc = gw_database_do(database, "DELETE FROM spool_event WHERE epoch = ?1 AND sequence <= ?2",
                            values, 2);
    /* Of a centre that has lost some, it goes back: the next batch tells them as dropped. */
    if (rc == 0 && own->is_loss)
        rc = gw_database_do(database,
                            "UPDATE spool_state SET lost = lost + max(0, (SELECT acknowledged FROM "
                            "spool_epoch WHERE number = ?1) - ?2)",
                            values, 2);
    if (rc == 0 && own->is_loss)
        rc = gw_database_do(database, "UPDATE spool_epoch SET acknowledged = ?2 WHERE number = ?1",
                            values, 2);
    else if (rc == 0)
        rc = gw_database_do(
            database,
            "UPDATE spool_epoch SET acknowledged = max(acknowledged, ?2) WHERE number = ?1", values,
            2);
    if (rc == 0)
        rc = forget_epochs(database, own->call.epoch);
    return rc == 0 ? spool_read_state(&own->call, database) : rc;
}

static void on_acknowledged(struct spool_call *call, int rc)
{
    struct acknowledging *own = GW_CONTAINER_OF(call, struct acknowledging, call);

    if (call->spool != NULL && own->done != NULL)
        own->done(own->self, rc);
    free(own);
}

int gw_spool_acknowledge(struct gw_spool *spool, struct gw_str epoch, uint64_t sequence,
                         bool is_loss, void (*done)(void *self, int rc), void *self)
{
    struct acknowledging *own = calloc(1, sizeof(*own));

    if (own == NULL)
        return -ENOMEM;
    snprintf(own->name, sizeof(own->name), "%.*s", GW_STR_ARG(epoch));
    own->sequence = sequence;
    own->is_loss = is_loss;
    own->done = done;
    own->self = self;
    spool_start(spool, &own->call, acknowledge, on_acknowledged);
    return 0;
}

/* --- life --- */

struct beginning {
    struct spool_call call; /* first */
    int64_t number;
};

static int begin_epoch(struct gw_database_job *job, struct gw_database *database)
{
    struct beginning *own = GW_CONTAINER_OF(job, struct beginning, call.job);
    char id[17], chance[9];

    gw_random_hex(id, 8);
    gw_random_hex(chance, 4);
    const struct gw_database_value values[] = {GW_DB_TEXT(gw_str_of(id)),
                                               GW_DB_TEXT(gw_str_of(chance))};
    int rc = gw_database_do(database,
                            "INSERT INTO spool_state VALUES (1, ?1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) "
                            "ON CONFLICT DO NOTHING",
                            values, 1);
    if (rc == 0)
        rc = gw_database_do(database, "UPDATE spool_state SET starts = starts + 1", NULL, 0);
    if (rc == 0)
        rc = gw_database_do(database,
                            "INSERT INTO spool_epoch SELECT starts, name || '.' || starts || '.' "
                            "|| ?2, 0, 0 FROM spool_state",
                            values, 2);
    if (rc == 0)
        rc = gw_database_number(database, "SELECT starts FROM spool_state", NULL, 0, &own->number);
    if (rc == 0)
        rc = forget_epochs(database, own->number);
    own->call.epoch = own->number;
    return rc == 0 ? spool_read_state(&own->call, database) : rc;
}

int gw_spool_create(const struct gw_spool_config *config, struct gw_spool **out_spool,
                    struct gw_error *error)
{
    struct beginning own = {.call.job = {.run = begin_epoch}};
    int rc = gw_database_run_now(config->database, &own.call.job);

    if (rc != 0)
        return gw_error_set(error, rc, "the spool cannot be begun: %s", strerror(-rc));
    struct gw_spool *spool = calloc(1, sizeof(*spool));
    if (spool == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    gw_list_init(&spool->calls);
    spool->config = *config;
    spool->epoch = own.number;
    spool->state = own.call.state;
    *out_spool = spool;
    return 0;
}

void gw_spool_destroy(struct gw_spool *spool)
{
    struct gw_list *node;

    if (spool == NULL)
        return;
    while ((node = gw_list_take(&spool->calls)) != NULL)
        GW_LIST_ITEM(node, struct spool_call, node)->spool = NULL;
    free(spool);
}

void gw_spool_set_bounds(struct gw_spool *spool, const struct gw_spool_config *config)
{
    spool->config.max_bytes = config->max_bytes;
    spool->config.max_events = config->max_events;
    spool->config.drop = config->drop;
}

void gw_spool_get_state(const struct gw_spool *spool, struct gw_spool_state *out_state)
{
    *out_state = spool->state;
}
