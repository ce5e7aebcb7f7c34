#include "server/upstream/retry_after.h"

#include <errno.h>
#include <stdio.h>

#include "server/upstream/schedule.h"

#define DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

static bool is_day_name(const char *text)
{
    static const char names[] = "SunMonTueWedThuFriSat";

    for (size_t i = 0; i < sizeof(names) - 1; i += 3) {
        if (memcmp(names + i, text, 3) == 0)
            return true;
    }
    return false;
}

/* The same moment in the form that the schedule reads; -EINVAL if it is no IMF-fixdate. */
static int parse_date(struct gw_str value, uint64_t *out_s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[24];
    unsigned month = 0;

    if (value.len != DATE_BYTES || !is_day_name(value.ptr) || value.ptr[3] != ',' ||
        value.ptr[4] != ' ' || value.ptr[7] != ' ' || value.ptr[11] != ' ' ||
        value.ptr[16] != ' ' || !gw_str_equal(gw_str_tail(value, 25), GW_STR(" GMT")))
        return -EINVAL;
    while (month < 12 && memcmp(months + (size_t)3 * month, value.ptr + 8, 3) != 0)
        month++;
    if (month == 12)
        return -EINVAL;
    int len = snprintf(text, sizeof(text), "%.4s-%02u-%.2sT%.8sZ", value.ptr + 12, month + 1,
                       value.ptr + 5, value.ptr + 17);
    return gw_schedule_parse_moment(gw_str_from(text, (size_t)len), out_s);
}

int gw_retry_after_parse(struct gw_str value, uint64_t now_s, uint64_t *out_s)
{
    uint64_t at_s;
    int rc = gw_str_to_u64(value, out_s);

    if (rc == -ERANGE) { /* for ever, as far as we are concerned */
        *out_s = UINT32_MAX;
        return 0;
    }
    if (rc == 0)
        return 0;
    if (parse_date(value, &at_s) != 0)
        return -EINVAL;
    *out_s = at_s > now_s ? at_s - now_s : 0;
    return 0;
}
