/* Maintenance windows of any text: "FROM\nTO\nOFFSET" after a byte of days (weekly), or "FROM\nTO"
 * (once). A window that holds goes on holding until its end, and ends there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/upstream/schedule.h"

#define YEAR_S UINT64_C(31536000)
#define WEEK_S UINT64_C(604800)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void look(const struct gw_schedule_window *window, uint64_t now_s)
{
    uint64_t end_s = gw_schedule_end(window, 1, now_s);

    if (end_s == 0)
        return;
    if (end_s <= now_s || (window->is_weekly && end_s - now_s > 86400))
        abort();
    if (gw_schedule_end(window, 1, now_s + (end_s - now_s) / 2) != end_s ||
        gw_schedule_end(window, 1, end_s - 1) != end_s)
        abort();
    uint64_t next_s = gw_schedule_end(window, 1, end_s); /* the next day's may follow at once */
    if (next_s != 0 && (!window->is_weekly || next_s <= end_s))
        abort();
    if (window->is_weekly && gw_schedule_end(window, 1, now_s + WEEK_S) != end_s + WEEK_S)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_schedule_window window = {0};
    struct gw_str rest, from = GW_STR(""), to = from, offset = from;
    uint64_t now_s;

    if (len < 1 + sizeof(now_s))
        return 0;
    memcpy(&now_s, bytes + 1, sizeof(now_s));
    now_s = 2 * YEAR_S + now_s % (200 * YEAR_S);
    rest = gw_str_from((const char *)bytes + 1 + sizeof(now_s), len - 1 - sizeof(now_s));
    (void)gw_str_split(&rest, '\n', &from);
    (void)gw_str_split(&rest, '\n', &to);
    (void)gw_str_split(&rest, '\n', &offset);
    if (gw_schedule_parse_day(from) > 6)
        abort();
    window.is_weekly = bytes[0] < 128;
    window.days = bytes[0] & 127;
    if (window.is_weekly) {
        if (gw_schedule_parse_time(from, &window.from_s) != 0 ||
            gw_schedule_parse_time(to, &window.to_s) != 0 ||
            gw_schedule_parse_offset(offset, &window.offset_s) != 0)
            return 0;
        if (window.from_s > 86400 || window.to_s > 86400 || abs(window.offset_s) >= 86400)
            abort();
        look(&window, now_s);
    } else if (gw_schedule_parse_moment(from, &window.from_s) == 0 &&
               gw_schedule_parse_moment(to, &window.to_s) == 0) {
        look(&window, now_s);
        look(&window, window.from_s);
        if (gw_schedule_end(&window, 1, window.to_s) != 0)
            abort();
    }
    return 0;
}
