#include "server/gateway/iot_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/buf.h"
#include "server/gateway/folder.h"
#include "server/iot/registry.h"
#include "server/iot/signal.h"

#define MAX_FILES 2000
#define MAX_FILE_BYTES (16u << 20)

struct files {
    struct gw_arena *arena;
    struct gw_str *paths;
    size_t count;
};

static int add_file(void *self, const char *path)
{
    struct files *files = self;

    if (files->count == MAX_FILES)
        return -ENOSPC;
    struct gw_str copy = gw_arena_copy(files->arena, gw_str_of(path));
    if (copy.ptr == NULL)
        return -ENOMEM;
    files->paths[files->count++] = copy;
    return 0;
}

static int list_files(struct gw_arena *arena, const struct gw_str *from, size_t count,
                      const struct gw_folder_walk *how, struct files *files)
{
    struct gw_folder_walk walk = *how;
    int rc = 0;

    *files = (struct files){arena, gw_arena_calloc(arena, MAX_FILES, sizeof(struct gw_str)), 0};
    if (files->paths == NULL)
        return -ENOMEM;
    walk.on_file = add_file;
    walk.self = files;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = gw_folder_walk(&walk, from[i].ptr);
    if (rc != -ENOSPC)
        return rc;
    gw_diagnostics_add(walk.diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0, "more than %d files of %s",
                       MAX_FILES, walk.what);
    return 0;
}

/* --- has anything changed? --- */

/* What was digested before, and this. */
static void digest_on(uint8_t *digest, struct gw_str text)
{
    uint8_t both[2 * GW_SHA256_BYTES];

    memcpy(both, digest, GW_SHA256_BYTES);
    gw_digest_compute(GW_SHA256, text, both + GW_SHA256_BYTES);
    gw_digest_compute(GW_SHA256, gw_str_from((const char *)both, sizeof(both)), digest);
}

static void digest_file(uint8_t *digest, struct gw_str path)
{
    struct gw_buf bytes;
    FILE *file = fopen(path.ptr, "re");

    digest_on(digest, path);
    gw_buf_init(&bytes, MAX_FILE_BYTES);
    while (file != NULL && !bytes.has_failed) {
        char *room = gw_buf_reserve(&bytes, 64u << 10);
        size_t len = room == NULL ? 0 : fread(room, 1, 64u << 10, file);
        if (len == 0)
            break;
        bytes.len += len;
    }
    digest_on(digest, gw_buf_str(&bytes)); /* one that cannot be read is told when it is loaded */
    gw_buf_finish(&bytes);
    if (file != NULL)
        fclose(file);
}

static void digest_all(const struct files *registry, const struct files *signals, uint8_t *digest)
{
    for (size_t i = 0; i < registry->count; i++)
        digest_file(digest, registry->paths[i]);
    digest_on(digest, GW_STR("")); /* here the others begin */
    for (size_t i = 0; i < signals->count; i++)
        digest_file(digest, signals->paths[i]);
}

/* --- loading --- */

static int load(struct gw_iot_documents *documents, const struct files *registry,
                const struct files *signals, struct gw_diagnostics *diagnostics)
{
    int rc = gw_registry_load(registry->paths, registry->count, diagnostics, &documents->registry);

    if (rc == 0)
        rc = gw_signals_load(signals->paths, signals->count, documents->registry, diagnostics,
                             &documents->signals);
    return rc == -ENOMEM ? rc : 0; /* else it was told */
}

int gw_iot_documents_load(const struct gw_config *config, struct gw_arena *arena,
                          const struct gw_iot_documents *previous,
                          struct gw_diagnostics *diagnostics,
                          struct gw_iot_documents *out_documents)
{
    static const struct gw_str registry_endings[] = {GW_STR_INIT(".yaml"), GW_STR_INIT(".yml"),
                                                     GW_STR_INIT(".json")};
    static const struct gw_str signal_endings[] = {GW_STR_INIT(".signal.yaml"),
                                                   GW_STR_INIT(".signal.yml")};
    const struct gw_config_iot *iot = &config->iot;
    const struct gw_folder_walk registry_walk = {.endings = registry_endings,
                                                 .ending_count = 3,
                                                 .what = "the registry",
                                                 .diagnostics = diagnostics};
    const struct gw_folder_walk signal_walk = {.endings = signal_endings,
                                               .ending_count = 2,
                                               .what = "signals",
                                               .diagnostics = diagnostics};
    struct files registry, signals;

    *out_documents = (struct gw_iot_documents){.registry = NULL};
    if (!iot->is_on)
        return 0;
    int rc = list_files(arena, iot->registry, iot->registry_count, &registry_walk, &registry);
    if (rc == 0)
        rc = list_files(arena, iot->signals, iot->signal_count, &signal_walk, &signals);
    if (rc != 0)
        return rc;
    digest_all(&registry, &signals, out_documents->digest);
    if (previous == NULL || previous->registry == NULL ||
        memcmp(previous->digest, out_documents->digest, GW_SHA256_BYTES) != 0)
        return load(out_documents, &registry, &signals, diagnostics);
    out_documents->registry = gw_registry_hold(previous->registry);
    out_documents->signals = gw_signals_hold(previous->signals);
    return 0;
}

void gw_iot_documents_release(struct gw_iot_documents *documents)
{
    gw_registry_release(documents->registry);
    gw_signals_release(documents->signals);
}

int gw_iot_load(struct gw_snapshot *snapshot, const struct gw_snapshot *previous,
                struct gw_diagnostics *diagnostics)
{
    struct gw_iot_documents documents, before = {.registry = NULL};

    if (previous != NULL) {
        before.registry = previous->registry;
        before.signals = previous->signals;
        memcpy(before.digest, previous->iot_digest, GW_SHA256_BYTES);
    }
    int rc =
        gw_iot_documents_load(snapshot->config, &snapshot->arena, &before, diagnostics, &documents);
    snapshot->registry = documents.registry;
    snapshot->signals = documents.signals;
    memcpy(snapshot->iot_digest, documents.digest, GW_SHA256_BYTES);
    return rc;
}

void gw_iot_release(struct gw_snapshot *snapshot)
{
    gw_registry_release(snapshot->registry);
    gw_signals_release(snapshot->signals);
}
