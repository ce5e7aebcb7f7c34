#include "server/event/database_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"

#define PATH_BYTES 4096

int gw_database_file_errno(sqlite3 *handle, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_TOOBIG:
        return -EMSGSIZE;
    case SQLITE_IOERR:
        return -EIO;
    default:
        gw_log_error("SQLite: %s", sqlite3_errmsg(handle));
        return -EIO;
    }
}

/* 0: whole; -EBADMSG: it is not. */
static int check(sqlite3 *handle)
{
    sqlite3_stmt *statement = NULL;
    int rc = 0;
    int code = sqlite3_prepare_v2(handle, "PRAGMA integrity_check(1)", -1, &statement, NULL);

    if (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        rc = text != NULL && strcmp(text, "ok") == 0 ? 0 : -EBADMSG;
    } else {
        rc = gw_database_file_errno(handle, sqlite3_errcode(handle));
    }
    sqlite3_finalize(statement);
    return rc;
}

static int open_once(const struct gw_database_config *config, sqlite3 **out_handle)
{
    static const char *const settings[] = {
        /* Alone with the file, so that no second process computes the same. */
        "PRAGMA locking_mode=EXCLUSIVE",     "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
        "PRAGMA journal_size_limit=4194304", "BEGIN EXCLUSIVE; COMMIT",
    };
    sqlite3 *handle = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(config->path, &handle, flags, NULL);

    if (handle == NULL)
        return -ENOMEM;
    sqlite3_extended_result_codes(handle, 1);
    for (size_t i = 0; code == SQLITE_OK && i < GW_COUNT_OF(settings); i++)
        code = sqlite3_exec(handle, settings[i], NULL, NULL, NULL);
    int rc = gw_database_file_errno(handle, code);
    if (rc == 0)
        rc = check(handle);
    for (size_t i = 0; rc == 0 && config->schemas[i] != NULL; i++)
        rc = gw_database_file_errno(handle,
                                    sqlite3_exec(handle, config->schemas[i], NULL, NULL, NULL));
    if (rc != 0) {
        sqlite3_close(handle);
        return rc;
    }
    *out_handle = handle;
    return 0;
}

static bool set_aside_one(const char *path, const char *suffix, int64_t now_s)
{
    char from[PATH_BYTES], to[PATH_BYTES + 64];

    snprintf(from, sizeof(from), "%s%s", path, suffix);
    snprintf(to, sizeof(to), "%s.damaged-%lld%s", path, (long long)now_s, suffix);
    return rename(from, to) == 0 || errno == ENOENT;
}

static bool set_aside(const char *path)
{
    int64_t now_s = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_SECOND);

    gw_log_error("%s is damaged: it is set aside as %s.damaged-%lld, and begun anew", path, path,
                 (long long)now_s);
    return set_aside_one(path, "", now_s) && set_aside_one(path, "-wal", now_s) &&
           set_aside_one(path, "-shm", now_s);
}

int gw_database_file_open(const struct gw_database_config *config, sqlite3 **out_handle,
                          bool *out_was_damaged, struct gw_error *error)
{
    /* SQLite would make it readable for all. */
    int fd = open(config->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return gw_error_set(error, -errno, "%s: %s", config->path, strerror(errno));
    close(fd);
    int rc = open_once(config, out_handle);
    if (rc == -EBADMSG && set_aside(config->path)) {
        *out_was_damaged = true;
        rc = open_once(config, out_handle);
    }
    if (rc == -EBUSY)
        return gw_error_set(error, rc, "%s: another process has it", config->path);
    return rc == 0 ? 0 : gw_error_set(error, rc, "%s: %s", config->path, strerror(-rc));
}
