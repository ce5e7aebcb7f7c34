/* Runs a fuzz entry over every file of the folders and files named, once each: without libFuzzer
 * the seeds are still a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/core/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int replay_file(const char *path)
{
    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    if (fseek(file, 0, SEEK_END) != 0)
        return -1;
    long size = ftell(file);
    if (size < 0)
        return -1;
    rewind(file);

    /* Exactly as large as the input, so that a read past it is seen by ASan. */
    GW_SCOPED(gw_scope_free) uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size)
        return -1;
    return LLVMFuzzerTestOneInput(bytes, (size_t)size);
}

static int replay(const char *path, int *count)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return -1;
    if (!S_ISDIR(status.st_mode)) {
        (*count)++;
        return replay_file(path);
    }

    DIR *folder = opendir(path);
    if (folder == NULL)
        return -1;
    int rc = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && rc == 0;
         entry = readdir(folder)) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        rc = replay(inner, count);
    }
    closedir(folder);
    return rc;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (replay(argv[i], &count) != 0) {
            fprintf(stderr, "cannot replay %s\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    printf("%d seeds replayed\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
