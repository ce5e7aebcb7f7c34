#include "server/event/spool_line.h"

#include <errno.h>
#include <inttypes.h>

#include "server/core/buf.h"

#define HEAD GW_STR("{\"sequence\":")
#define EVENT GW_STR(",\"event\":")
#define DROPPED GW_STR(",\"dropped\":")

static bool take(struct gw_str *rest, struct gw_str prefix)
{
    if (!gw_str_has_prefix(*rest, prefix))
        return false;
    *rest = gw_str_tail(*rest, prefix.len);
    return true;
}

static bool take_number(struct gw_str *rest, uint64_t *out_number)
{
    size_t len = 0;

    while (len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
        len++;
    if (gw_str_to_u64(gw_str_from(rest->ptr, len), out_number) != 0 || *out_number == 0 ||
        *out_number > GW_SPOOL_MAX_SEQUENCE)
        return false;
    *rest = gw_str_tail(*rest, len);
    return true;
}

int gw_spool_line_parse(struct gw_str line, struct gw_spool_line *out_line)
{
    struct gw_spool_line result = {.event = GW_STR("")};

    if (!take(&line, HEAD) || !take_number(&line, &result.sequence) ||
        !gw_str_has_suffix(line, GW_STR("}")))
        return -EINVAL;
    line.len--;
    if (take(&line, EVENT))
        result.event = line;
    else if (!take(&line, DROPPED) || !take_number(&line, &result.dropped) || line.len > 0)
        return -EINVAL;
    if (result.dropped == 0 && result.event.len == 0)
        return -EINVAL;
    *out_line = result;
    return 0;
}

void gw_spool_line_write(const struct gw_spool_line *line, struct gw_buf *out)
{
    gw_buf_printf(out, "{\"sequence\":%" PRIu64, line->sequence);
    if (line->dropped > 0) {
        gw_buf_printf(out, ",\"dropped\":%" PRIu64 "}\n", line->dropped);
        return;
    }
    gw_buf_append_str(out, EVENT);
    gw_buf_append_str(out, line->event);
    gw_buf_append_text(out, "}\n");
}
