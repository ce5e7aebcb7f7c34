#include "server/iot/store_sqlite.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/list.h"
#include "server/event/database.h"
#include "server/event/spool.h"

const char gw_iot_sqlite_schema[] =
    "CREATE TABLE IF NOT EXISTS iot_node (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL, appended INTEGER NOT NULL, at TEXT NOT NULL, state BLOB NOT "
    "NULL);"
    "CREATE TABLE IF NOT EXISTS iot_journal (position INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  node TEXT NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS iot_journal_node ON iot_journal (node, position);"
    "CREATE TABLE IF NOT EXISTS iot_journal_size (id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  bytes INTEGER NOT NULL);"
    "INSERT INTO iot_journal_size VALUES (1, 0) ON CONFLICT DO NOTHING;";

struct sqlite_store {
    struct gw_iot_store store; /* first */
    struct gw_database *database;
    struct gw_spool *spool;
    uint64_t max_journal_bytes;
    struct gw_list calls; /* struct sqlite_call */
};

/* Texts of the question are copied: a call that is cancelled goes on here. */
struct sqlite_call {
    struct gw_database_job job; /* first */
    struct gw_list node;
    struct gw_store_call *call; /* NULL: nobody waits for it; the loop's */
    uint64_t max_journal_bytes;
    char *node_id;
    struct gw_str bytes, position;
    int64_t epoch, sequence;
    /* the answer */
    int64_t new_epoch;
    struct gw_str state, at; /* of a claim; owned */
    char appended_at[GW_JOURNAL_POSITION_BYTES];
    struct gw_journal_entry entries[GW_JOURNAL_READ_MAX]; /* owned */
    size_t entry_count;
};

/* --- on the thread --- */

static int copy(struct gw_str from, struct gw_str *out)
{
    char *text = gw_str_duplicate(from);

    if (text == NULL)
        return -ENOMEM;
    *out = gw_str_from(text, from.len);
    return 0;
}

static struct gw_database_value node_of(const struct sqlite_call *own)
{
    return GW_DB_TEXT(gw_str_of(own->node_id));
}

static int check_epoch(const struct sqlite_call *own, struct gw_database *database)
{
    const struct gw_database_value values[] = {node_of(own)};
    int64_t epoch = 0;
    int rc =
        gw_database_number(database, "SELECT epoch FROM iot_node WHERE id = ?1", values, 1, &epoch);

    return rc != 0 ? rc : epoch == own->epoch ? 0 : -ESTALE;
}

static int run_claim(struct gw_database_job *job, struct gw_database *database)
{
    struct sqlite_call *own = GW_CONTAINER_OF(job, struct sqlite_call, job);
    const struct gw_database_value values[] = {node_of(own)};
    struct gw_database_rows rows;
    int rc = gw_database_do(database,
                            "INSERT INTO iot_node VALUES (?1, 1, 0, 0, '', x'') ON CONFLICT (id) "
                            "DO UPDATE SET epoch = epoch + 1, sequence = 0, appended = 0",
                            values, 1);

    if (rc == 0)
        rc = gw_database_ask(database, "SELECT epoch, at, state FROM iot_node WHERE id = ?1",
                             values, 1, &rows);
    if (rc == 0)
        rc = gw_database_next(&rows);
    if (rc <= 0)
        return rc == 0 ? -EBADMSG : rc;
    own->new_epoch = gw_database_integer(&rows, 0);
    rc = copy(gw_database_bytes(&rows, 1), &own->at);
    if (rc == 0)
        rc = copy(gw_database_bytes(&rows, 2), &own->state);
    gw_database_end(&rows);
    return rc;
}

static int insert_entry(struct sqlite_call *own, struct gw_database *database, int64_t *out_at)
{
    const struct gw_database_value values[] = {node_of(own), GW_DB_BYTES(own->bytes)};
    const struct gw_database_value len[] = {GW_DB_INTEGER(own->bytes.len)};
    int64_t bytes = 0;
    int rc = gw_database_number(database, "SELECT bytes FROM iot_journal_size", NULL, 0, &bytes);

    if (rc == 0 && (uint64_t)bytes + own->bytes.len > own->max_journal_bytes)
        rc = -ENOSPC;
    if (rc == 0)
        rc = gw_database_do(database, "INSERT INTO iot_journal (node, bytes) VALUES (?1, ?2)",
                            values, 2);
    if (rc == 0)
        rc = gw_database_number(database, "SELECT last_insert_rowid()", NULL, 0, out_at);
    if (rc == 0)
        rc = gw_database_do(database, "UPDATE iot_journal_size SET bytes = bytes + ?1", len, 1);
    const struct gw_database_value owner[] = {node_of(own), GW_DB_INTEGER(own->sequence),
                                              GW_DB_INTEGER(*out_at)};
    if (rc == 0)
        rc = gw_database_do(
            database, "UPDATE iot_node SET sequence = ?2, appended = ?3 WHERE id = ?1", owner, 3);
    return rc;
}

/* An append whose answer was lost is not appended again: it has its number. */
static int run_append(struct gw_database_job *job, struct gw_database *database)
{
    struct sqlite_call *own = GW_CONTAINER_OF(job, struct sqlite_call, job);
    const struct gw_database_value values[] = {node_of(own), GW_DB_INTEGER(own->sequence)};
    int64_t at = 0;
    int rc = check_epoch(own, database);

    if (rc == 0)
        rc = gw_database_number(database,
                                "SELECT appended FROM iot_node WHERE id = ?1 AND sequence = ?2",
                                values, 2, &at);
    if (rc == 0 && at == 0)
        rc = insert_entry(own, database, &at);
    snprintf(own->appended_at, sizeof(own->appended_at), "%" PRId64, at);
    return rc;
}

static int run_read(struct gw_database_job *job, struct gw_database *database)
{
    struct sqlite_call *own = GW_CONTAINER_OF(job, struct sqlite_call, job);
    uint64_t behind = 0;
    struct gw_database_rows rows;

    if (own->position.len > 0 && gw_str_to_u64(own->position, &behind) != 0)
        return -EINVAL;
    const struct gw_database_value values[] = {node_of(own), GW_DB_INTEGER(behind),
                                               GW_DB_INTEGER(GW_JOURNAL_READ_MAX)};
    int rc = gw_database_ask(database,
                             "SELECT position, bytes FROM iot_journal WHERE node = ?1 AND position "
                             "> ?2 ORDER BY position LIMIT ?3",
                             values, 3, &rows);
    if (rc != 0)
        return rc;
    while ((rc = gw_database_next(&rows)) == 1) {
        struct gw_journal_entry *entry = &own->entries[own->entry_count++];
        char text[GW_JOURNAL_POSITION_BYTES];
        snprintf(text, sizeof(text), "%" PRId64, gw_database_integer(&rows, 0));
        rc = copy(gw_str_of(text), &entry->position);
        if (rc == 0)
            rc = copy(gw_database_bytes(&rows, 1), &entry->bytes);
        if (rc != 0) {
            gw_database_end(&rows);
            return rc;
        }
    }
    return rc;
}

static int trim_journal(struct sqlite_call *own, struct gw_database *database)
{
    uint64_t at = 0;

    if (own->position.len == 0)
        return 0;
    if (gw_str_to_u64(own->position, &at) != 0)
        return -EINVAL;
    const struct gw_database_value values[] = {node_of(own), GW_DB_INTEGER(at)};
    int rc = gw_database_do(database,
                            "UPDATE iot_journal_size SET bytes = bytes - coalesce((SELECT "
                            "sum(length(bytes)) FROM iot_journal WHERE node = ?1 AND position <= "
                            "?2), 0)",
                            values, 2);
    if (rc == 0)
        rc = gw_database_do(database, "DELETE FROM iot_journal WHERE node = ?1 AND position <= ?2",
                            values, 2);
    return rc;
}

static int run_checkpoint(struct gw_database_job *job, struct gw_database *database)
{
    struct sqlite_call *own = GW_CONTAINER_OF(job, struct sqlite_call, job);
    const struct gw_database_value values[] = {node_of(own), GW_DB_TEXT(own->position),
                                               GW_DB_BYTES(own->bytes)};
    int rc = check_epoch(own, database);

    if (rc == 0)
        rc = gw_database_do(database, "UPDATE iot_node SET at = ?2, state = ?3 WHERE id = ?1",
                            values, 3);
    return rc == 0 ? trim_journal(own, database) : rc;
}

static int run_release(struct gw_database_job *job, struct gw_database *database)
{
    return check_epoch(GW_CONTAINER_OF(job, struct sqlite_call, job), database);
}

/* --- on the loop --- */

static void free_text(struct gw_str text)
{
    free((char *)(uintptr_t)text.ptr);
}

static void end(struct sqlite_call *own)
{
    for (size_t i = 0; i < own->entry_count; i++) {
        free_text(own->entries[i].position);
        free_text(own->entries[i].bytes);
    }
    free_text(own->bytes);
    free_text(own->position);
    free_text(own->state);
    free_text(own->at);
    free(own->node_id);
    free(own);
}

static void on_done(struct gw_database_job *job, int rc)
{
    struct sqlite_call *own = GW_CONTAINER_OF(job, struct sqlite_call, job);
    struct gw_store_call *call = own->call;

    gw_list_remove(&own->node);
    if (call != NULL) {
        call->state = NULL;
        call->new_epoch = (uint64_t)own->new_epoch;
        call->checkpoint = own->state;
        call->checkpoint_at = own->at;
        call->appended_at = gw_str_of(own->appended_at);
        call->entries = own->entries;
        call->entry_count = own->entry_count;
        call->done(call, rc);
    }
    end(own);
}

static int start(struct gw_iot_store *self, struct gw_store_call *call,
                 int (*run)(struct gw_database_job *job, struct gw_database *database))
{
    struct sqlite_store *store = (struct sqlite_store *)self;
    struct sqlite_call *own = calloc(1, sizeof(*own));

    if (own == NULL)
        return -ENOMEM;
    own->call = call;
    own->node_id = gw_str_duplicate(call->node);
    own->epoch = (int64_t)call->epoch;
    own->sequence = (int64_t)call->sequence;
    own->max_journal_bytes = store->max_journal_bytes;
    if (own->node_id == NULL || copy(call->bytes, &own->bytes) != 0 ||
        copy(call->position, &own->position) != 0) {
        end(own);
        return -ENOMEM;
    }
    own->job = (struct gw_database_job){.run = run, .done = on_done};
    call->state = own;
    gw_list_append(&store->calls, &own->node);
    gw_database_submit(store->database, &own->job);
    return 0;
}

static int claim(struct gw_iot_store *store, struct gw_store_call *call)
{
    return start(store, call, run_claim);
}

static int release(struct gw_iot_store *store, struct gw_store_call *call)
{
    return start(store, call, run_release);
}

static int append(struct gw_iot_store *store, struct gw_store_call *call)
{
    return start(store, call, run_append);
}

static int read_journal(struct gw_iot_store *store, struct gw_store_call *call)
{
    return start(store, call, run_read);
}

static int checkpoint(struct gw_iot_store *store, struct gw_store_call *call)
{
    return start(store, call, run_checkpoint);
}

static void cancel(struct gw_iot_store *store, struct gw_store_call *call)
{
    struct sqlite_call *own = call->state;
    (void)store;

    if (own == NULL)
        return;
    own->call = NULL;
    call->state = NULL;
}

static int emit(struct gw_iot_store *store, struct gw_event_append *append_call)
{
    return gw_spool_append(((struct sqlite_store *)store)->spool, append_call);
}

static void cancel_emit(struct gw_iot_store *store, struct gw_event_append *append_call)
{
    (void)store;
    gw_spool_cancel(append_call);
}

static void destroy(struct gw_iot_store *self)
{
    struct sqlite_store *store = (struct sqlite_store *)self;
    struct gw_list *node;

    while ((node = gw_list_take(&store->calls)) != NULL) {
        struct sqlite_call *own = GW_LIST_ITEM(node, struct sqlite_call, node);
        if (own->call != NULL)
            cancel(self, own->call);
    }
    free(store);
}

static const struct gw_iot_store_ops sqlite_ops = {
    .claim = claim,
    .release = release,
    .append = append,
    .read = read_journal,
    .checkpoint = checkpoint,
    .cancel = cancel,
    .emit = emit,
    .cancel_emit = cancel_emit,
    .destroy = destroy,
};

struct gw_iot_store *gw_iot_sqlite_create(const struct gw_iot_sqlite_config *config)
{
    struct sqlite_store *store = calloc(1, sizeof(*store));

    if (store == NULL)
        return NULL;
    *store = (struct sqlite_store){.store = {&sqlite_ops},
                                   .database = config->database,
                                   .spool = config->spool,
                                   .max_journal_bytes = config->max_journal_bytes};
    gw_list_init(&store->calls);
    return &store->store;
}

void gw_iot_sqlite_set_max(struct gw_iot_store *self, uint64_t max_journal_bytes)
{
    ((struct sqlite_store *)self)->max_journal_bytes = max_journal_bytes;
}
