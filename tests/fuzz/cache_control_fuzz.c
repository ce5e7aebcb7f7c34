/* Cache-Control of any bytes: nothing read makes a lifetime longer than the largest, and reading
 * more never makes it laxer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policies/cache/cache_control.h"
#include "policies/cache/http_date.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(int64_t delta)
{
    if (delta < CACHE_NO_DELTA || delta > CACHE_MAX_DELTA_S)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = malloc(len + 1); /* so that reading beyond it is noticed */
    struct cache_control once, twice;
    int64_t date_s;

    if (copy == NULL)
        return 0;
    if (len > 0)
        memcpy(copy + 1, bytes, len);
    struct gw_str text = gw_str_from(copy + 1, len);
    cache_control_init(&once);
    cache_control_read(&once, text);
    check(once.max_age_s);
    check(once.s_maxage_s);
    check(once.min_fresh_s);
    check(once.max_stale_s);
    check(once.stale_while_revalidate_s);
    check(once.stale_if_error_s);
    twice = once;
    cache_control_read(&twice, text);
    if (memcmp(&once, &twice, sizeof(once)) != 0)
        abort();
    (void)!http_date_parse(text, 1767225600, &date_s);
    free(copy);
    return 0;
}
