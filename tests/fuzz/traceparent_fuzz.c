/* A traceparent of any bytes: what is accepted can be printed and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/observe/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = malloc(len + 1); /* so that reading beyond it is noticed */
    char printed[GW_TRACEPARENT_LEN];
    struct gw_traceparent parent, again;

    if (copy == NULL)
        return 0;
    if (len > 0)
        memcpy(copy + 1, bytes, len);
    if (gw_traceparent_parse(gw_str_from(copy + 1, len), &parent)) {
        gw_traceparent_print(parent.trace_id, parent.parent_id, parent.is_sampled, printed);
        if (!gw_traceparent_parse(gw_str_from(printed, sizeof(printed)), &again) ||
            !gw_str_equal(parent.trace_id, again.trace_id) ||
            !gw_str_equal(parent.parent_id, again.parent_id) ||
            parent.is_sampled != again.is_sampled)
            abort();
    }
    free(copy);
    return 0;
}
