#include "server/core/diagnostic.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 600 /* a sentence, with room for a name and an inner error's text */

void gw_diagnostics_init(struct gw_diagnostics *list)
{
    memset(list, 0, sizeof(*list));
}

void gw_diagnostics_finish(struct gw_diagnostics *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->findings[i].file);
        free(list->findings[i].text);
    }
    memset(list, 0, sizeof(*list));
}

void gw_diagnostics_add(struct gw_diagnostics *list, enum gw_severity severity, const char *file,
                        unsigned line, unsigned column, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    if (severity == GW_SEVERITY_ERROR)
        list->error_count++;
    if (list->count == GW_DIAGNOSTICS_MAX) {
        list->dropped_count++;
        return;
    }

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    struct gw_finding *finding = &list->findings[list->count];
    *finding = (struct gw_finding){
        .file = strdup(file != NULL ? file : ""),
        .text = strdup(text),
        .line = line,
        .column = column,
        .severity = severity,
        .order = (unsigned)list->count,
    };
    if (finding->file == NULL || finding->text == NULL) {
        free(finding->file);
        free(finding->text);
        list->dropped_count++;
        return;
    }
    list->count++;
}

static int compare_numbers(unsigned a, unsigned b)
{
    return (a > b) - (a < b);
}

static int compare_findings(const void *left, const void *right)
{
    const struct gw_finding *a = left;
    const struct gw_finding *b = right;
    int rc = strcmp(a->file, b->file);

    if (rc == 0)
        rc = compare_numbers(a->line, b->line);
    if (rc == 0)
        rc = compare_numbers(a->column, b->column);
    return rc != 0 ? rc : compare_numbers(a->order, b->order);
}

void gw_diagnostics_sort(struct gw_diagnostics *list)
{
    qsort(list->findings, list->count, sizeof(list->findings[0]), compare_findings);
}

/* "file:12:3: ", "file: " or "": what is known of the place. */
static void print_place(const struct gw_finding *finding, char *out, size_t size)
{
    if (finding->file[0] == '\0')
        out[0] = '\0';
    else if (finding->line == 0)
        snprintf(out, size, "%s: ", finding->file);
    else if (finding->column == 0)
        snprintf(out, size, "%s:%u: ", finding->file, finding->line);
    else
        snprintf(out, size, "%s:%u:%u: ", finding->file, finding->line, finding->column);
}

void gw_diagnostics_print(struct gw_diagnostics *list, FILE *out)
{
    gw_diagnostics_sort(list);
    for (size_t i = 0; i < list->count; i++) {
        const struct gw_finding *finding = &list->findings[i];
        char place[4200]; /* PATH_MAX and two numbers */

        print_place(finding, place, sizeof(place));
        fprintf(out, "%s%s: %s\n", place,
                finding->severity == GW_SEVERITY_ERROR ? "error" : "warning", finding->text);
    }
    if (list->dropped_count > 0)
        fprintf(out, "and %zu more\n", list->dropped_count);
}

int gw_diagnostics_to_error(struct gw_diagnostics *list, int code, struct gw_error *error)
{
    gw_diagnostics_sort(list);
    for (size_t i = 0; i < list->count; i++) {
        const struct gw_finding *finding = &list->findings[i];
        char place[256];

        if (finding->severity != GW_SEVERITY_ERROR)
            continue;
        print_place(finding, place, sizeof(place));
        return gw_error_set(error, code, "%s%s", place, finding->text);
    }
    return gw_error_set(error, code, "%zu problems, none of which could be kept",
                        list->dropped_count);
}
