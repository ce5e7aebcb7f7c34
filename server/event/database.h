/* One SQLite file (WAL, synchronous=FULL) and the thread that works on it.
 *
 * Work comes as jobs. The thread takes all that wait, runs each in a savepoint of its own, and
 * commits them together: a group commit, behind which the answers go back to the loop. What is
 * answered with 0 is on the disk. A file that is damaged is set aside under another name and begun
 * anew; a file that another process has is refused.
 *
 * Jobs are submitted on the loop's thread, and done there; between the two they belong to the
 * database. What is said to be "within a job" is called by jobs alone, on the thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/list.h"
#include "server/core/str.h"

struct gw_database;
struct gw_loop;

struct gw_database_config {
    struct gw_loop *loop;
    const char *path;
    const char *const *schemas; /* CREATE ... IF NOT EXISTS; NULL at the end */
};

/* The reason names the file. -EBUSY: another process has it. */
GW_MUST_CHECK
int gw_database_open(const struct gw_database_config *config, struct gw_database **out_database,
                     struct gw_error *error);
/* All jobs are run to their end and done before it returns. NULL is safe. */
void gw_database_close(struct gw_database *database);

/* Whether the file was damaged when it was opened, and begun anew. */
bool gw_database_was_damaged(const struct gw_database *database);

struct gw_database_job {
    /* Within a transaction. A negative errno takes back what it did, and nothing else. */
    int (*run)(struct gw_database_job *job, struct gw_database *database);
    /* On the loop's thread, always, once. 0: committed. -ENOSPC: the disk is full; -EIO, -EBADMSG:
     * it or the file is broken; else as `run` said. */
    void (*done)(struct gw_database_job *job, int rc);
    /* --- the database's --- */
    struct gw_list node;
    int rc;
};

void gw_database_submit(struct gw_database *database, struct gw_database_job *job);
/* The same, and waits for it; `done` may be NULL. For starting, and for tests. */
GW_MUST_CHECK
int gw_database_run_now(struct gw_database *database, struct gw_database_job *job);

struct gw_database_stats {
    size_t waiting;      /* jobs */
    uint64_t commits;    /* groups */
    uint64_t failures;   /* of them */
    bool is_failing;     /* the last one did */
    uint64_t slowest_ns; /* commit */
    uint64_t file_bytes; /* without its write-ahead log */
};
void gw_database_get_stats(struct gw_database *database, struct gw_database_stats *out_stats);

/* --- within a job --- */

struct gw_database_value {
    bool is_bytes, is_text; /* text: bytes that are UTF-8; neither: the integer */
    int64_t integer;
    struct gw_str bytes;
};
#define GW_DB_INTEGER(number) ((struct gw_database_value){.integer = (int64_t)(number)})
#define GW_DB_BYTES(str) ((struct gw_database_value){.is_bytes = true, .bytes = (str)})
#define GW_DB_TEXT(str) ((struct gw_database_value){.is_text = true, .bytes = (str)})

struct gw_database_rows {
    struct gw_database *database;
    void *statement;
};

/* `sql` is a literal: it is compiled once. The values are copied. */
GW_MUST_CHECK
int gw_database_ask(struct gw_database *database, const char *sql,
                    const struct gw_database_value *values, size_t count,
                    struct gw_database_rows *out_rows);
/* 1: there is a row; 0: no more, and it has ended; else a negative errno, likewise. */
GW_MUST_CHECK
int gw_database_next(struct gw_database_rows *rows);
void gw_database_end(struct gw_database_rows *rows); /* before all rows were seen */
int64_t gw_database_integer(const struct gw_database_rows *rows, int column);
struct gw_str gw_database_bytes(const struct gw_database_rows *rows, int column); /* until next */

/* Of what gives no rows. */
GW_MUST_CHECK
int gw_database_do(struct gw_database *database, const char *sql,
                   const struct gw_database_value *values, size_t count);
/* The first row's first column; *out_number is left alone without a row. */
GW_MUST_CHECK
int gw_database_number(struct gw_database *database, const char *sql,
                       const struct gw_database_value *values, size_t count, int64_t *out_number);
/* How many rows the last change changed. */
int64_t gw_database_changed(struct gw_database *database);
