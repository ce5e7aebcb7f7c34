#include "server/core/duration.h"

#include <errno.h>

#include "server/core/clock.h"

#define MAX_DURATION_NS ((uint64_t)GW_DURATION_MAX_DAYS * 86400 * GW_NS_PER_SECOND)
#define MAX_DIGITS 12

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Takes "12" or "0.5" off *rest as `unit_ns` times that. */
static int take_amount(struct gw_str *rest, uint64_t *out_whole, uint64_t *out_billionths)
{
    uint64_t whole = 0, billionths = 0, weight = GW_NS_PER_SECOND;
    size_t at = 0;

    for (; at < rest->len && is_digit(rest->ptr[at]); at++) {
        if (at >= MAX_DIGITS)
            return -ERANGE;
        whole = whole * 10 + (uint64_t)(rest->ptr[at] - '0');
    }
    if (at == 0)
        return -EINVAL;
    if (at < rest->len && (rest->ptr[at] == '.' || rest->ptr[at] == ',')) {
        size_t start = ++at;
        for (; at < rest->len && is_digit(rest->ptr[at]); at++) {
            weight /= 10;
            billionths += (uint64_t)(rest->ptr[at] - '0') * weight;
        }
        if (at == start)
            return -EINVAL;
    }
    *rest = gw_str_tail(*rest, at);
    *out_whole = whole;
    *out_billionths = billionths;
    return 0;
}

static int add(uint64_t *sum_ns, uint64_t whole, uint64_t billionths, uint64_t unit_s)
{
    uint64_t limit_s = MAX_DURATION_NS / GW_NS_PER_SECOND;

    if (whole > limit_s / unit_s)
        return -ERANGE;
    *sum_ns += whole * unit_s * GW_NS_PER_SECOND + billionths * unit_s;
    return *sum_ns <= MAX_DURATION_NS ? 0 : -ERANGE;
}

/* The units of one half, in the order in which they stand. */
static int take_units(struct gw_str *rest, const char *letters, const uint64_t *unit_s,
                      uint64_t *sum_ns)
{
    while (rest->len > 0 && rest->ptr[0] != 'T') {
        uint64_t whole, billionths;
        int rc = take_amount(rest, &whole, &billionths);
        if (rc != 0)
            return rc;
        while (*letters != '\0' && (rest->len == 0 || rest->ptr[0] != *letters)) {
            letters++;
            unit_s++;
        }
        if (*letters == '\0')
            return -EINVAL;
        rc = add(sum_ns, whole, billionths, *unit_s);
        if (rc != 0)
            return rc;
        *rest = gw_str_tail(*rest, 1);
        letters++;
        unit_s++;
    }
    return 0;
}

int gw_duration_parse(struct gw_str text, uint64_t *out_ns)
{
    static const uint64_t days_s[] = {7 * 86400, 86400};
    static const uint64_t times_s[] = {3600, 60, 1};
    uint64_t sum_ns = 0;

    if (text.len < 3 || text.ptr[0] != 'P')
        return -EINVAL;
    struct gw_str rest = gw_str_tail(text, 1);
    int rc = take_units(&rest, "WD", days_s, &sum_ns);
    if (rc == 0 && rest.len > 0) {
        rest = gw_str_tail(rest, 1);
        rc = rest.len == 0 ? -EINVAL : take_units(&rest, "HMS", times_s, &sum_ns);
    }
    if (rc != 0 || rest.len > 0)
        return rc != 0 ? rc : -EINVAL;
    *out_ns = sum_ns;
    return 0;
}
