#include "server/gateway/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 8

static bool has_ending(const struct gw_folder_walk *walk, const char *name)
{
    for (size_t i = 0; i < walk->ending_count; i++)
        if (gw_str_has_suffix(gw_str_of(name), walk->endings[i]))
            return true;
    return false;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int walk_folder(const struct gw_folder_walk *walk, const char *folder, unsigned depth);

static int visit(const struct gw_folder_walk *walk, const char *folder, const char *name,
                 unsigned depth)
{
    char path[4096];
    struct stat status;
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);

    if (len < 0 || (size_t)len >= sizeof(path) || stat(path, &status) != 0)
        return 0;
    if (S_ISDIR(status.st_mode))
        return depth < MAX_DEPTH ? walk_folder(walk, path, depth + 1) : 0;
    return S_ISREG(status.st_mode) && has_ending(walk, name) ? walk->on_file(walk->self, path) : 0;
}

static int walk_folder(const struct gw_folder_walk *walk, const char *folder, unsigned depth)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible, by_name);
    int rc = 0;

    if (count < 0) {
        gw_diagnostics_add(walk->diagnostics, GW_SEVERITY_ERROR, folder, 0, 0,
                           "the folder of %s cannot be read: %s", walk->what, strerror(errno));
        return 0;
    }
    for (int i = 0; i < count; i++) {
        if (rc == 0)
            rc = visit(walk, folder, entries[i]->d_name, depth);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int gw_folder_walk(const struct gw_folder_walk *walk, const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return walk_folder(walk, path, 0);
    return walk->on_file(walk->self, path);
}
