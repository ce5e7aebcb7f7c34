/* The files of an audit: opening them safely, finding where they end, and their order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/observe/audit_line.h"

/* Makes the folder (0700) if it is missing, and holds <path>.lock as long as *out_fd is open. 0;
 * -EBUSY: another process holds it; or another negative errno. */
GW_MUST_CHECK
int gw_audit_file_lock(const char *path, int *out_fd, struct gw_error *error);

/* Opens for appending; made 0600 if it is missing, and then durable in its folder. */
GW_MUST_CHECK
int gw_audit_file_open(const char *path, int *out_fd, struct gw_error *error);

struct gw_audit_end {
    size_t bytes;
    uint64_t seq; /* of the last good line; 0: there is none at all */
    char head[GW_AUDIT_HASH_LEN + 1];
    struct gw_buf torn; /* what stands behind that line and is none; to be finished */
    bool lacks_end;     /* the last line is good, but for its line end */
};

/* An empty file goes on from the newest one that was renamed. 0, -EBADMSG when no good line is near
 * the end, or another negative errno. */
GW_MUST_CHECK
int gw_audit_file_end(int fd, const char *path, struct gw_str key, struct gw_audit_end *out_end,
                      struct gw_error *error);

/* The paths of all files of an audit, oldest first, `path` itself last if it is there: to be freed,
 * as their array. 0, or a negative errno. */
GW_MUST_CHECK
int gw_audit_file_list(const char *path, char ***out_paths, size_t *out_count);
void gw_audit_file_list_free(char **paths, size_t count);
