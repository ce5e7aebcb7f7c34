#include "tests/unit/support/suite_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/core/scope.h"

#define SKIP_CODE 77

const char *suite_path(const char *name)
{
    static char paths[4][1024];
    static unsigned turn;
    const char *root = getenv("MILLGATE_SUITES");
    char *path = paths[turn++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", root != NULL ? root : "../shared/suites", name);
    return path;
}

void suite_require(const char *folder)
{
    struct stat status;

    if (stat(suite_path(folder), &status) == 0)
        return;
    printf("skipped: %s is not there (set MILLGATE_SUITES)\n", suite_path(folder));
    exit(SKIP_CODE);
}

struct gw_str suite_read(const char *path)
{
    struct gw_str none = {NULL, 0};
    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(path, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return none;
    long size = ftell(file);
    rewind(file);
    char *bytes = size < 0 ? NULL : malloc(size > 0 ? (size_t)size : 1);
    if (bytes == NULL)
        return none;
    if (fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        free(bytes);
        return none;
    }
    return gw_str_from(bytes, (size_t)size);
}

static int each_below(const char *path, const char *suffix,
                      void (*fn)(const char *path, const char *name, void *self), void *self)
{
    DIR *folder = opendir(path);
    int count = 0;

    if (folder == NULL)
        return 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char inner[2048];
        struct stat status;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] == '.' || stat(inner, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode)) {
            count += each_below(inner, suffix, fn, self);
        } else if (gw_str_has_suffix(gw_str_of(entry->d_name), gw_str_of(suffix))) {
            fn(inner, entry->d_name, self);
            count++;
        }
    }
    closedir(folder);
    return count;
}

int suite_each(const char *folder, const char *suffix,
               void (*fn)(const char *path, const char *name, void *self), void *self)
{
    char path[1024];

    snprintf(path, sizeof(path), "%s", suite_path(folder)); /* fn may ask for other paths */
    return each_below(path, suffix, fn, self);
}
