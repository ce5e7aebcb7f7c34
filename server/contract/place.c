#include <stdarg.h>
#include <stdio.h>

#include "resolve.h"

#define MAX_POINTER_BYTES 65536

struct gw_place gw_place_of_root(struct gw_contract_file *file)
{
    return (struct gw_place){.file = file, .value = file->document->root, .base = ""};
}

struct gw_place gw_place_member(const struct gw_place *place, const char *key)
{
    return (struct gw_place){
        .file = place->file,
        .value = json_object_get(place->value, key),
        .parent = place,
        .key = key,
    };
}

struct gw_place gw_place_item(const struct gw_place *place, size_t index)
{
    return (struct gw_place){
        .file = place->file,
        .value = json_array_get(place->value, index),
        .parent = place,
        .index = index,
    };
}

static void append_token(struct gw_buf *buf, const char *key)
{
    for (; *key != '\0'; key++) {
        if (*key == '~')
            gw_buf_append_text(buf, "~0");
        else if (*key == '/')
            gw_buf_append_text(buf, "~1");
        else
            gw_buf_append_byte(buf, *key);
    }
}

/* As deep as the loader nests places: a dozen. */
void gw_place_write_pointer(const struct gw_place *place, struct gw_buf *buf)
{
    if (place->parent == NULL) {
        gw_buf_append_text(buf, place->base);
        return;
    }
    gw_place_write_pointer(place->parent, buf);
    gw_buf_append_byte(buf, '/');
    if (place->key != NULL)
        append_token(buf, place->key);
    else
        gw_buf_printf(buf, "%zu", place->index);
}

typedef void report_fn(struct gw_document *document, const char *pointer, enum gw_severity severity,
                       struct gw_diagnostics *diagnostics, const char *format, ...);

GW_PRINTF(5, 0)
static void report(struct gw_reference_resolver *resolver, const struct gw_place *place,
                   enum gw_severity severity, report_fn *fn, const char *format, va_list args)
{
    struct gw_buf pointer;
    char text[1024];

    gw_buf_init(&pointer, MAX_POINTER_BYTES);
    gw_place_write_pointer(place, &pointer);
    gw_buf_append_byte(&pointer, '\0');
    vsnprintf(text, sizeof(text), format, args);
    fn(place->file->document, pointer.has_failed ? "" : pointer.ptr, severity,
       resolver->diagnostics, "%s", text);
    gw_buf_finish(&pointer);
}

void gw_place_report(struct gw_reference_resolver *resolver, const struct gw_place *place,
                     enum gw_severity severity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(resolver, place, severity, gw_document_report, format, args);
    va_end(args);
}

void gw_place_report_key(struct gw_reference_resolver *resolver, const struct gw_place *place,
                         enum gw_severity severity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(resolver, place, severity, gw_document_report_key, format, args);
    va_end(args);
}
