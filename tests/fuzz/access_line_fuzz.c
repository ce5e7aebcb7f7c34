/* An exchange full of any bytes: its line in the access log is one line, and JSON. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/http/exchange.h"
#include "server/observe/access_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* The next text of the input: a length byte, then so many bytes. */
static struct gw_str take(struct gw_str *rest)
{
    if (rest->len == 0)
        return GW_STR("");
    size_t len = (unsigned char)rest->ptr[0];
    if (len > rest->len - 1)
        len = rest->len - 1;
    struct gw_str text = gw_str_from(rest->ptr + 1, len);
    *rest = gw_str_tail(*rest, len + 1);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str rest = gw_str_from((const char *)bytes, len);
    struct gw_access_clock clock = {0};
    struct gw_exchange ex = {.wall_ns = UINT64_C(1767225600000000000) + len};
    struct gw_buf line;

    ex.request.method_name = take(&rest);
    ex.request.path = take(&rest);
    ex.request.peer = take(&rest);
    ex.identity.consumer = take(&rest);
    ex.record.detail = take(&rest);
    ex.record.route = take(&rest);
    ex.record.backend = take(&rest);
    ex.state = len % 3 == 0 ? GW_EXCHANGE_GONE : GW_EXCHANGE_RESPONDING;
    gw_buf_init(&line, 1 << 20);
    gw_access_line_append(&line, &clock, &ex, len * 1000);
    if (line.has_failed || memchr(line.ptr, '\n', line.len) != line.ptr + line.len - 1)
        abort();
    json_t *read = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, NULL);
    if (read == NULL)
        abort();
    json_decref(read);
    gw_buf_finish(&line);
    return 0;
}
