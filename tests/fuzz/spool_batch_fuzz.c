/* What an edge delivers: unpacked within its bound, and what is a line is written the same again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/event/spool_line.h"
#include "server/net/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_line(struct gw_str text)
{
    struct gw_spool_line line;
    struct gw_buf again;

    if (gw_spool_line_parse(text, &line) != 0)
        return;
    gw_buf_init(&again, text.len + 64);
    gw_spool_line_write(&line, &again);
    again.len--;                                  /* the line's end */
    if (again.has_failed || again.len > text.len) /* it may have had zeroes before a number */
        abort();
    gw_buf_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_str rest = gw_str_from((const char *)data, size), line;
    struct gw_buf lines;

    gw_buf_init(&lines, 1 << 16);
    if (gw_gunzip(rest, &lines) == 0)
        rest = gw_buf_str(&lines);
    while (gw_str_split(&rest, '\n', &line))
        try_line(line);
    gw_buf_finish(&lines);
    return 0;
}
