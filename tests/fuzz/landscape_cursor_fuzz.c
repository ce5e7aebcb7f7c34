/* A cursor over several systems, of any bytes: what is read is written and read again as the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "server/gateway/landscape_cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_part_cursor parts[GW_MAX_LANDSCAPE_SYSTEMS], again[GW_MAX_LANDSCAPE_SYSTEMS];
    struct gw_str text;
    struct gw_arena arena;
    size_t count, found;

    gw_arena_init(&arena, 4096, 1 << 20);
    if (gw_landscape_cursor_read(&arena, gw_str_from((const char *)bytes, len), parts, &count) ==
            0 &&
        gw_landscape_cursor_write(&arena, parts, count, &text) == 0) {
        if (gw_landscape_cursor_read(&arena, text, again, &found) != 0 || found != count)
            abort();
        for (size_t i = 0; i < count; i++) {
            if (!gw_str_equal(parts[i].system, again[i].system) ||
                !gw_str_equal(parts[i].cursor, again[i].cursor) || parts[i].skip != again[i].skip)
                abort();
        }
    }
    gw_arena_finish(&arena);
    return 0;
}
