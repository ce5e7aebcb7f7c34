/* Which files of a folder are contracts. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "loading.h"
#include "server/core/scope.h"

#define MAX_ENTRIES 10000

static bool has_contract_suffix(struct gw_str name)
{
    return name.len > 0 && name.ptr[0] != '.' &&
           (gw_str_has_suffix(name, GW_STR(".yaml")) || gw_str_has_suffix(name, GW_STR(".yml")) ||
            gw_str_has_suffix(name, GW_STR(".json")));
}

static int is_candidate(const struct dirent *entry)
{
    return has_contract_suffix(gw_str_of(entry->d_name)) ? 1 : 0;
}

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* Unreadable files are told: one of them may be a contract. */
static bool is_contract(const char *path, struct gw_diagnostics *diagnostics)
{
    struct gw_document *document;

    if (gw_document_load_file(path, diagnostics, &document) != 0)
        return false;
    bool result = json_object_get(document->root, "openapi") != NULL;
    gw_document_destroy(document);
    return result;
}

static int visit(const char *folder, const char *name, struct gw_diagnostics *diagnostics,
                 int (*each)(void *self, const char *path), void *self)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);

    if (len < 0 || (size_t)len >= sizeof(path))
        return -ENAMETOOLONG;
    return is_contract(path, diagnostics) ? each(self, path) : 0;
}

int gw_contract_list(const char *folder, struct gw_diagnostics *diagnostics,
                     int (*each)(void *self, const char *path), void *self)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_candidate, by_name);
    int rc = 0;

    if (count < 0) {
        rc = -errno;
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, folder, 0, 0,
                           "the folder of contracts cannot be read: %s", strerror(-rc));
        return rc;
    }
    if (count > MAX_ENTRIES) {
        rc = -E2BIG;
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, folder, 0, 0, "more than %d files",
                           MAX_ENTRIES);
    }
    for (int i = 0; i < count; i++) {
        if (rc == 0)
            rc = visit(folder, entries[i]->d_name, diagnostics, each, self);
        free(entries[i]);
    }
    free(entries);
    return rc;
}
