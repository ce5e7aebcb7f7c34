/* Retry-After of any bytes: digits are that many seconds, whatever the time; a date is as far away
 * as the clock says, and past when it is past. */
#include <stdint.h>
#include <stdlib.h>

#include "server/upstream/retry_after.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static uint64_t parse_again(struct gw_str value, uint64_t now_s)
{
    uint64_t wait_s;

    if (gw_retry_after_parse(value, now_s, &wait_s) != 0)
        abort(); /* what it is does not depend on the time */
    return wait_s;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str value = gw_str_from((const char *)bytes, len);
    uint64_t wait_s;

    if (gw_retry_after_parse(value, 0, &wait_s) != 0)
        return 0;
    if (value.ptr[0] >= '0' && value.ptr[0] <= '9') {
        if (parse_again(value, wait_s) != wait_s)
            abort();
        return 0;
    }
    if (wait_s == 0 || wait_s > UINT64_C(300000000000)) /* a date has four digits of a year */
        abort();
    if (parse_again(value, wait_s) != 0 || parse_again(value, wait_s - 1) != 1 ||
        parse_again(value, wait_s + 1) != 0)
        abort();
    return 0;
}
