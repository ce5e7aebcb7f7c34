/* Documents: whatever is read keeps the bounds, dumps as JSON, and knows its places. */
#include <stdint.h>
#include <stdlib.h>

#include "server/json/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Every member of the tree must be found at a line of the text. */
static void check_places(struct gw_document *document)
{
    const char *key;
    json_t *value;

    json_object_foreach(document->root, key, value)
    {
        char pointer[256] = "/";
        struct gw_position position;
        size_t at = 1;

        for (const char *from = key; *from != '\0' && at < sizeof(pointer) - 3; from++) {
            pointer[at++] = *from == '~' || *from == '/' ? '~' : *from;
            if (*from == '~' || *from == '/')
                pointer[at++] = *from == '~' ? '0' : '1';
        }
        pointer[at] = '\0';
        bool is_found = gw_document_locate(document, pointer, &position);
        if (at < sizeof(pointer) - 3 && (!is_found || position.line == 0 || position.column == 0))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;

    gw_diagnostics_init(&diagnostics);
    int rc =
        gw_document_load(gw_str_from((const char *)bytes, len), "fuzz", &diagnostics, &document);
    if ((rc == 0) != (diagnostics.error_count == 0))
        abort();
    if (rc == 0) {
        char *text = json_dumps(document->root, JSON_ENCODE_ANY);
        if (text == NULL)
            abort();
        free(text);
        check_places(document);
    }
    gw_document_destroy(document);
    gw_diagnostics_finish(&diagnostics);
    return 0;
}
