/* What turns out to be wrong with a flow after it was loaded, told at its place: the document is
 * read once more for that, as nobody keeps it. */
#include <errno.h>
#include <stdio.h>

#include "server/flow/task.h"
#include "server/json/yaml.h"

struct blame {
    const struct gw_flow *flow;
    struct gw_diagnostics *diagnostics;
    struct gw_document *document; /* NULL: not read yet, or unreadable by now */
};

static void tell(struct blame *blame, const struct flow_mention *mention, const char *text)
{
    const char *file = blame->flow->file.ptr;

    if (blame->document == NULL) {
        struct gw_diagnostics ignored;
        gw_diagnostics_init(&ignored);
        if (gw_document_load_file(file, &ignored, &blame->document) != 0)
            blame->document = NULL;
        gw_diagnostics_finish(&ignored);
    }
    if (blame->document != NULL)
        gw_document_report(blame->document, mention->pointer.ptr, GW_SEVERITY_ERROR,
                           blame->diagnostics, "%s", text);
    else
        gw_diagnostics_add(blame->diagnostics, GW_SEVERITY_ERROR, file, 0, 0, "%s: %s",
                           mention->pointer.ptr, text);
}

void gw_flow_blame(const struct gw_flow *flow, uint32_t expression, const char *why,
                   struct gw_diagnostics *diagnostics)
{
    struct blame blame = {.flow = flow, .diagnostics = diagnostics};

    for (const struct flow_mention *each = flow->expression_mentions; each != NULL;
         each = each->next)
        if (each->expression == expression)
            tell(&blame, each, why);
    gw_document_destroy(blame.document);
}

int gw_flow_check_names(const struct gw_flow *flow, const struct gw_flow_names *names,
                        struct gw_diagnostics *diagnostics)
{
    struct blame blame = {.flow = flow, .diagnostics = diagnostics};
    char text[480];
    int rc = 0;

    for (const struct flow_mention *each = flow->name_mentions; each != NULL; each = each->next) {
        const char *why = NULL;
        if (each->is_default)
            continue;
        if (each->type != NULL && names->check_backend != NULL)
            why = names->check_backend(names->self, each->name, each->type);
        else if (each->type == NULL && names->check_operation != NULL)
            why = names->check_operation(names->self, each->name);
        if (why == NULL)
            continue;
        snprintf(text, sizeof(text), "\"%.*s\": %s", GW_STR_ARG(each->name), why);
        tell(&blame, each, text);
        rc = -EINVAL;
    }
    gw_document_destroy(blame.document);
    return rc;
}

int gw_flow_check_backend(const struct gw_flow *flow, const struct gw_flow_names *names,
                          struct gw_str backend, struct gw_diagnostics *diagnostics)
{
    struct blame blame = {.flow = flow, .diagnostics = diagnostics};
    char text[480];
    int rc = 0;

    for (const struct flow_mention *each = flow->name_mentions; each != NULL; each = each->next) {
        const char *why = "no backend is named, and no operation of a landscape is served by this";
        if (!each->is_default || each->type->needs_no_backend)
            continue;
        if (backend.len > 0)
            why = names->check_backend != NULL
                      ? names->check_backend(names->self, backend, each->type)
                      : NULL;
        if (why == NULL)
            continue;
        snprintf(text, sizeof(text), "%s%.*s%s%s", backend.len > 0 ? "at the backend \"" : "",
                 GW_STR_ARG(backend), backend.len > 0 ? "\" of the landscape: " : "", why);
        tell(&blame, each, text);
        rc = -EINVAL;
    }
    gw_document_destroy(blame.document);
    return rc;
}
