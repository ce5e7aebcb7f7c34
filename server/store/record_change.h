/* One change of a record: added, replaced or removed, in Redis and for all who mirror it.
 *
 * On the main thread; embedded in what waits for it. */
#pragma once

#include "server/store/record.h"
#include "server/store/record_script.h"

#define GW_RECORD_MAX_COUNT 250000
#define GW_RECORD_MAX_VALUE_BYTES 4096

enum gw_record_act {
    GW_RECORD_ADD,    /* -EEXIST if it is there */
    GW_RECORD_PUT,    /* added or replaced */
    GW_RECORD_REMOVE, /* -ENOENT if it is not there */
    GW_RECORD_TIDY,   /* only takes out some whose time is over, as every change does */
};

/* The first five are set by the caller; the strings are the caller's until on_done. */
struct gw_record_change {
    enum gw_record_act act;
    struct gw_str id, value;
    uint64_t expires_s; /* since 1970: from then on it may be taken out; 0: never */
    /* 0: durable. -EEXIST, -ENOENT, -ENOSPC (there are too many records); else as of
     * gw_record_write. */
    void (*on_done)(struct gw_record_change *change, int rc);

    /* --- private --- */
    struct gw_record_write write;
    struct gw_str args[GW_RECORD_ARGS];
    char expires_text[24];
    int result;
};

/* 0, and on_done will be called later; or a negative errno: it will not. -EMSGSIZE: the value is
 * too long. */
GW_MUST_CHECK
int gw_record_change_start(struct gw_record_writer *writer, struct gw_record_change *change);
