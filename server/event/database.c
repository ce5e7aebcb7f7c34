#include "server/event/database.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/event/database_file.h"
#include "server/net/loop.h"

#define MAX_STATEMENTS 64
#define MAX_GROUP 1000 /* jobs of one commit */

struct kept_statement {
    const char *sql; /* a literal: known by its address */
    sqlite3_stmt *statement;
};

struct gw_database {
    sqlite3 *handle;
    struct gw_loop *loop;
    struct gw_async *wake;
    bool was_damaged;
    struct kept_statement statements[MAX_STATEMENTS]; /* the thread's */
    size_t statement_count;
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed, finished_one;
    struct gw_list waiting, finished; /* struct gw_database_job */
    size_t waiting_count;
    bool must_end;
    struct gw_database_stats stats;
};

/* --- statements --- */

/* Always negative. */
static int fail(const struct gw_database *database, int code)
{
    int rc = gw_database_file_errno(database->handle, code);

    return rc < 0 ? rc : -EIO;
}

static sqlite3_stmt *prepare(struct gw_database *database, const char *sql)
{
    struct kept_statement *kept = database->statements;

    for (size_t i = 0; i < database->statement_count; i++)
        if (kept[i].sql == sql)
            return kept[i].statement;
    if (database->statement_count == MAX_STATEMENTS)
        return NULL;
    struct kept_statement *next = &kept[database->statement_count];
    if (sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &next->statement,
                           NULL) != SQLITE_OK)
        return NULL;
    next->sql = sql;
    database->statement_count++;
    return next->statement;
}

static int bind(sqlite3_stmt *statement, int at, const struct gw_database_value *value)
{
    const char *bytes = value->bytes.ptr != NULL ? value->bytes.ptr : "";

    if (value->is_text)
        return sqlite3_bind_text64(statement, at, bytes, value->bytes.len, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    if (value->is_bytes)
        return sqlite3_bind_blob64(statement, at, bytes, value->bytes.len, SQLITE_TRANSIENT);
    return sqlite3_bind_int64(statement, at, value->integer);
}

int gw_database_ask(struct gw_database *database, const char *sql,
                    const struct gw_database_value *values, size_t count,
                    struct gw_database_rows *out_rows)
{
    sqlite3_stmt *statement = prepare(database, sql);

    if (statement == NULL)
        return fail(database, sqlite3_errcode(database->handle));
    for (size_t i = 0; i < count; i++) {
        int code = bind(statement, (int)i + 1, &values[i]);
        if (code != SQLITE_OK)
            return fail(database, code);
    }
    out_rows->database = database;
    out_rows->statement = statement;
    return 0;
}

int gw_database_next(struct gw_database_rows *rows)
{
    int code = sqlite3_step(rows->statement);

    if (code == SQLITE_ROW)
        return 1;
    int rc = code == SQLITE_DONE ? 0 : fail(rows->database, code);
    gw_database_end(rows);
    return rc;
}

void gw_database_end(struct gw_database_rows *rows)
{
    sqlite3_reset(rows->statement);
    sqlite3_clear_bindings(rows->statement);
}

int64_t gw_database_integer(const struct gw_database_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

struct gw_str gw_database_bytes(const struct gw_database_rows *rows, int column)
{
    const char *bytes = sqlite3_column_blob(rows->statement, column);

    return gw_str_from(bytes, (size_t)sqlite3_column_bytes(rows->statement, column));
}

int gw_database_do(struct gw_database *database, const char *sql,
                   const struct gw_database_value *values, size_t count)
{
    struct gw_database_rows rows = {database, NULL};
    int rc = gw_database_ask(database, sql, values, count, &rows);

    if (rc != 0)
        return rc;
    rc = gw_database_next(&rows);
    if (rc > 0) {
        gw_database_end(&rows);
        rc = 0;
    }
    return rc;
}

int gw_database_number(struct gw_database *database, const char *sql,
                       const struct gw_database_value *values, size_t count, int64_t *out_number)
{
    struct gw_database_rows rows = {database, NULL};
    int rc = gw_database_ask(database, sql, values, count, &rows);

    if (rc == 0)
        rc = gw_database_next(&rows);
    if (rc <= 0)
        return rc;
    *out_number = gw_database_integer(&rows, 0);
    gw_database_end(&rows);
    return 0;
}

int64_t gw_database_changed(struct gw_database *database)
{
    return sqlite3_changes64(database->handle);
}

/* --- the thread --- */

static int run_job(struct gw_database *database, struct gw_database_job *job)
{
    int rc = gw_database_do(database, "SAVEPOINT job", NULL, 0);

    if (rc != 0)
        return rc;
    rc = job->run(job, database);
    if (sqlite3_get_autocommit(database->handle)) /* SQLite has taken the whole group back */
        return rc != 0 ? rc : -EIO;
    if (rc != 0 && gw_database_do(database, "ROLLBACK TO job", NULL, 0) != 0)
        return rc;
    int released = gw_database_do(database, "RELEASE job", NULL, 0);
    return rc != 0 ? rc : released;
}

/* 0, or why none of the group stands. */
static int run_group(struct gw_database *database, struct gw_list *group)
{
    int rc = gw_database_do(database, "BEGIN IMMEDIATE", NULL, 0);

    for (struct gw_list *at = group->next; rc == 0 && at != group; at = at->next) {
        struct gw_database_job *job = GW_LIST_ITEM(at, struct gw_database_job, node);
        job->rc = run_job(database, job);
        if (sqlite3_get_autocommit(database->handle))
            rc = job->rc;
    }
    if (rc == 0)
        rc = gw_database_do(database, "COMMIT", NULL, 0);
    if (rc != 0 && !sqlite3_get_autocommit(database->handle))
        (void)sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static void count(struct gw_database *database, int rc, uint64_t took_ns)
{
    struct gw_database_stats *stats = &database->stats;
    struct gw_database_rows rows = {database, NULL};

    if ((rc != 0) != stats->is_failing) {
        stats->is_failing = rc != 0;
        if (rc != 0)
            gw_log_error("%s cannot be written: %s", sqlite3_db_filename(database->handle, "main"),
                         strerror(-rc));
        else
            gw_log_info("%s can be written again", sqlite3_db_filename(database->handle, "main"));
    }
    stats->commits++;
    stats->failures += rc != 0;
    if (took_ns > stats->slowest_ns)
        stats->slowest_ns = took_ns;
    if (gw_database_ask(database,
                        "SELECT page_count * page_size FROM pragma_page_count(), "
                        "pragma_page_size()",
                        NULL, 0, &rows) == 0 &&
        gw_database_next(&rows) == 1) {
        stats->file_bytes = (uint64_t)gw_database_integer(&rows, 0);
        gw_database_end(&rows);
    }
}

static void take_group(struct gw_database *database, struct gw_list *group)
{
    gw_list_init(group);
    for (size_t i = 0; i < MAX_GROUP && !gw_list_is_empty(&database->waiting); i++)
        gw_list_append(group, gw_list_take(&database->waiting));
}

static void give_back(struct gw_database *database, struct gw_list *group, int rc)
{
    struct gw_list *node;

    while ((node = gw_list_take(group)) != NULL) {
        if (rc != 0)
            GW_LIST_ITEM(node, struct gw_database_job, node)->rc = rc;
        gw_list_append(&database->finished, node);
        database->waiting_count--;
    }
}

static void *work(void *self)
{
    struct gw_database *database = self;
    struct gw_list group;

    pthread_mutex_lock(&database->lock);
    for (;;) {
        while (gw_list_is_empty(&database->waiting) && !database->must_end)
            pthread_cond_wait(&database->changed, &database->lock);
        if (gw_list_is_empty(&database->waiting))
            break;
        take_group(database, &group);
        pthread_mutex_unlock(&database->lock);
        uint64_t from_ns = gw_clock_monotonic_ns();
        int rc = run_group(database, &group);
        uint64_t took_ns = gw_clock_monotonic_ns() - from_ns;
        pthread_mutex_lock(&database->lock);
        count(database, rc, took_ns);
        give_back(database, &group, rc);
        pthread_cond_broadcast(&database->finished_one);
        gw_async_send(database->wake);
    }
    pthread_mutex_unlock(&database->lock);
    return NULL;
}

/* --- for the loop --- */

static void finish_jobs(void *self)
{
    struct gw_database *database = self;
    struct gw_list finished, *node;

    gw_list_init(&finished);
    pthread_mutex_lock(&database->lock);
    while ((node = gw_list_take(&database->finished)) != NULL)
        gw_list_append(&finished, node);
    pthread_mutex_unlock(&database->lock);
    while ((node = gw_list_take(&finished)) != NULL) {
        struct gw_database_job *job = GW_LIST_ITEM(node, struct gw_database_job, node);
        if (job->done != NULL)
            job->done(job, job->rc);
    }
}

void gw_database_submit(struct gw_database *database, struct gw_database_job *job)
{
    pthread_mutex_lock(&database->lock);
    gw_list_append(&database->waiting, &job->node);
    database->waiting_count++;
    pthread_cond_signal(&database->changed);
    pthread_mutex_unlock(&database->lock);
}

int gw_database_run_now(struct gw_database *database, struct gw_database_job *job)
{
    bool is_done = false;

    job->rc = 0;
    gw_database_submit(database, job);
    pthread_mutex_lock(&database->lock);
    while (!is_done) {
        for (struct gw_list *at = database->finished.next; at != &database->finished; at = at->next)
            is_done = is_done || at == &job->node;
        if (!is_done)
            pthread_cond_wait(&database->finished_one, &database->lock);
    }
    gw_list_remove(&job->node);
    pthread_mutex_unlock(&database->lock);
    if (job->done != NULL)
        job->done(job, job->rc);
    return job->rc;
}

void gw_database_get_stats(struct gw_database *database, struct gw_database_stats *out_stats)
{
    pthread_mutex_lock(&database->lock);
    *out_stats = database->stats;
    out_stats->waiting = database->waiting_count;
    pthread_mutex_unlock(&database->lock);
}

bool gw_database_was_damaged(const struct gw_database *database)
{
    return database->was_damaged;
}

/* --- life --- */

int gw_database_open(const struct gw_database_config *config, struct gw_database **out_database,
                     struct gw_error *error)
{
    struct gw_database *database = calloc(1, sizeof(*database));

    if (database == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    gw_list_init(&database->waiting);
    gw_list_init(&database->finished);
    pthread_mutex_init(&database->lock, NULL);
    pthread_cond_init(&database->changed, NULL);
    pthread_cond_init(&database->finished_one, NULL);
    database->loop = config->loop;
    int rc = gw_database_file_open(config, &database->handle, &database->was_damaged, error);
    if (rc == 0 && gw_async_create(config->loop, finish_jobs, database, &database->wake) != 0)
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    if (rc == 0) {
        rc = -pthread_create(&database->thread, NULL, work, database);
        database->is_started = rc == 0;
        if (rc != 0)
            gw_error_set(error, rc, "cannot start the thread of %s", config->path);
    }
    if (rc != 0) {
        gw_database_close(database);
        return rc;
    }
    *out_database = database;
    return 0;
}

void gw_database_close(struct gw_database *database)
{
    if (database == NULL)
        return;
    if (database->is_started) {
        pthread_mutex_lock(&database->lock);
        database->must_end = true;
        pthread_cond_signal(&database->changed);
        pthread_mutex_unlock(&database->lock);
        pthread_join(database->thread, NULL);
        finish_jobs(database);
    }
    for (size_t i = 0; i < database->statement_count; i++)
        sqlite3_finalize(database->statements[i].statement);
    sqlite3_close(database->handle);
    gw_async_destroy(database->wake);
    pthread_cond_destroy(&database->finished_one);
    pthread_cond_destroy(&database->changed);
    pthread_mutex_destroy(&database->lock);
    free(database);
}
