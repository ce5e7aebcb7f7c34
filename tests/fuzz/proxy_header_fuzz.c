/* A PROXY header of any bytes: what is accepted lies within them and within the bounds, and every
 * part of it asks for more. */
#include <stdint.h>
#include <stdlib.h>

#include "server/http/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str text = gw_str_from((const char *)bytes, len);
    struct gw_proxy_header header, again;
    int rc = gw_proxy_header_read(text, &header);

    if (rc == 0 && len >= GW_PROXY_HEADER_MAX_BYTES)
        abort();
    if (rc <= 0)
        return 0;
    size_t own = (size_t)rc;
    if (own > len || own > GW_PROXY_HEADER_MAX_BYTES)
        abort();
    for (size_t part = 0; part < own; part++) {
        if (gw_proxy_header_read(gw_str_from(text.ptr, part), &again) != 0)
            abort();
    }
    if (gw_proxy_header_read(gw_str_from(text.ptr, own), &again) != rc ||
        again.has_source != header.has_source)
        abort();
    return 0;
}
