/* The files of a folder and of all below it that have one of some endings, in order of their names.
 */
#pragma once

#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/core/str.h"

struct gw_folder_walk {
    const struct gw_str *endings; /* ".flow.yaml" */
    size_t ending_count;
    const char *what; /* for a message: "flows" */
    /* 0: go on; else the walk ends with it. */
    int (*on_file)(void *self, const char *path);
    void *self;
    struct gw_diagnostics *diagnostics; /* of folders that cannot be read: the walk goes on */
};

/* A path that is a file is taken whatever its ending. Names that begin with a dot are left out;
 * eight levels at most. 0, or what `on_file` returned. */
GW_MUST_CHECK
int gw_folder_walk(const struct gw_folder_walk *walk, const char *path);
