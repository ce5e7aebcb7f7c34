/* Durations: ISO 8601 texts and objects. Pure. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/core/duration.h"
#include "server/flow/task.h"

#define MAX_DURATION_NS ((uint64_t)GW_DURATION_MAX_DAYS * 86400 * GW_NS_PER_SECOND)
#define MAX_DIGITS 12

int flow_integer_of(const struct gw_value *value, int64_t *out_number)
{
    uint64_t number;

    if (value == NULL || value->type != GW_JSON_NUMBER || value->text.len > MAX_DIGITS ||
        gw_str_to_u64(value->text, &number) != 0)
        return -EINVAL;
    *out_number = (int64_t)number;
    return 0;
}

int flow_duration_of(const struct gw_value *value, uint64_t *out_ns)
{
    static const struct {
        struct gw_str name;
        uint64_t unit_ms;
    } units[] = {
        {GW_STR_INIT("days"), 86400000},  {GW_STR_INIT("hours"), 3600000},
        {GW_STR_INIT("minutes"), 60000},  {GW_STR_INIT("seconds"), 1000},
        {GW_STR_INIT("milliseconds"), 1},
    };
    uint64_t sum_ns = 0;
    uint32_t known = 0;

    if (value->type == GW_JSON_STRING)
        return gw_duration_parse(value->text, out_ns);
    for (size_t i = 0; i < GW_COUNT_OF(units); i++) {
        const struct gw_value *part = gw_value_member(value, units[i].name);
        int64_t number;
        if (part == NULL)
            continue;
        if (flow_integer_of(part, &number) != 0)
            return -EINVAL;
        if ((uint64_t)number > MAX_DURATION_NS / GW_NS_PER_MS / units[i].unit_ms)
            return -ERANGE;
        sum_ns += (uint64_t)number * units[i].unit_ms * GW_NS_PER_MS;
        known++;
    }
    if (known == 0 || known != value->count)
        return -EINVAL;
    if (sum_ns > MAX_DURATION_NS)
        return -ERANGE;
    *out_ns = sum_ns;
    return 0;
}
