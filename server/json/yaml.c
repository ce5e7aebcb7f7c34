#include "server/json/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/core/scope.h"
#include "server/json/yaml_graph.h"

#define ARENA_BLOCK_BYTES (256u << 10)
#define ARENA_MAX_BYTES (512u << 20) /* two million nodes and sixteen MiB of text */

static void graph_destroy(struct gw_yaml_graph *graph)
{
    if (graph == NULL)
        return;
    gw_arena_finish(&graph->arena);
    free(graph);
}

typedef int scan_fn(struct gw_yaml_builder *builder, struct gw_str text);

static int graph_scan(struct gw_yaml_graph *graph, const struct gw_document *document,
                      struct gw_diagnostics *diagnostics, scan_fn *scan)
{
    struct gw_yaml_builder builder;
    struct gw_str text = gw_str_from(document->text, document->text_len);

    gw_yaml_builder_init(&builder, graph, document->file, diagnostics);
    int rc = scan(&builder, text);
    gw_yaml_builder_finish(&builder);
    return rc;
}

/* Does the text begin like a JSON object or array? YAML in flow style does, too. */
static bool looks_like_json(const struct gw_document *document)
{
    const char *text = document->text;

    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    text += strspn(text, " \t\r\n");
    return *text == '{' || *text == '[';
}

static bool is_named_json(const char *file)
{
    return gw_str_has_suffix(gw_str_of(file), GW_STR(".json"));
}

static int graph_build(const struct gw_document *document, struct gw_diagnostics *diagnostics,
                       struct gw_yaml_graph **out_graph)
{
    struct gw_yaml_graph *graph = calloc(1, sizeof(*graph));
    int rc = -EINVAL;

    if (graph == NULL)
        return -ENOMEM;
    gw_arena_init(&graph->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    if (looks_like_json(document)) {
        /* On the heap: a list of findings is large for a stack. */
        GW_SCOPED(gw_scope_free) struct gw_diagnostics *unused = calloc(1, sizeof(*unused));
        bool is_final = is_named_json(document->file);
        if (unused != NULL)
            rc = graph_scan(graph, document, is_final ? diagnostics : unused, gw_yaml_scan_json);
        if (unused != NULL)
            gw_diagnostics_finish(unused);
        if (rc == 0 || is_final)
            goto done;
        gw_arena_reset(&graph->arena);
        graph->root = NULL;
    }
    rc = graph_scan(graph, document, diagnostics, gw_yaml_scan);
done:
    if (rc != 0)
        graph_destroy(graph);
    else
        *out_graph = graph;
    return rc;
}

int gw_yaml_graph_load(const struct gw_document *document, struct gw_yaml_graph **out_graph)
{
    GW_SCOPED(gw_scope_free) struct gw_diagnostics *unused = calloc(1, sizeof(*unused));

    if (unused == NULL)
        return -ENOMEM;
    int rc = graph_build(document, unused, out_graph);
    gw_diagnostics_finish(unused);
    return rc;
}

static struct gw_document *document_create(struct gw_str text, const char *file)
{
    struct gw_document *document = calloc(1, sizeof(*document));

    if (document == NULL)
        return NULL;
    document->file = strdup(file);
    document->text = malloc(text.len + 1);
    if (document->file == NULL || document->text == NULL) {
        gw_document_destroy(document);
        return NULL;
    }
    if (text.len > 0)
        memcpy(document->text, text.ptr, text.len);
    document->text[text.len] = '\0'; /* the scanners stop at it */
    document->text_len = text.len;
    return document;
}

void gw_document_destroy(struct gw_document *document)
{
    if (document == NULL)
        return;
    json_decref(document->root);
    graph_destroy(document->graph);
    free(document->file);
    free(document->text);
    free(document);
}

static int fail(struct gw_diagnostics *diagnostics, const char *file, int code, const char *text)
{
    gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, file, 0, 0, "%s", text);
    return code;
}

int gw_document_load(struct gw_str text, const char *file, struct gw_diagnostics *diagnostics,
                     struct gw_document **out_document)
{
    if (text.len > GW_DOCUMENT_MAX_BYTES)
        return fail(diagnostics, file, -EINVAL, "larger than 16 MiB");

    struct gw_document *document = document_create(text, file);
    struct gw_yaml_graph *graph = NULL;
    if (document == NULL)
        return fail(diagnostics, file, -ENOMEM, "not enough memory to read the document");

    int rc = graph_build(document, diagnostics, &graph);
    if (rc == 0)
        rc = gw_yaml_tree(graph, document, diagnostics, &document->root);
    graph_destroy(graph); /* built again should somebody ask for a place: few do */
    if (rc != 0) {
        gw_document_destroy(document);
        return rc;
    }
    *out_document = document;
    return 0;
}

/* Reads exactly the size that the file has; a change meanwhile is an error. */
static int read_all(int fd, char *text, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t got = read(fd, text + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        len += (size_t)got;
    }
    return 0;
}

int gw_document_load_file(const char *path, struct gw_diagnostics *diagnostics,
                          struct gw_document **out_document)
{
    GW_SCOPED(gw_scope_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0) {
        int code = -errno;
        return fail(diagnostics, path, code, strerror(-code));
    }
    if (!S_ISREG(status.st_mode))
        return fail(diagnostics, path, -EINVAL, "not a regular file");
    if (status.st_size > GW_DOCUMENT_MAX_BYTES)
        return fail(diagnostics, path, -EINVAL, "larger than 16 MiB");

    size_t size = (size_t)status.st_size;
    GW_SCOPED(gw_scope_free) char *text = malloc(size + 1);
    if (text == NULL)
        return fail(diagnostics, path, -ENOMEM, "not enough memory to read the document");
    int rc = read_all(fd, text, size);
    if (rc != 0)
        return fail(diagnostics, path, rc, "cannot be read to its end");
    return gw_document_load(gw_str_from(text, size), path, diagnostics, out_document);
}
