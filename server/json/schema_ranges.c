/* Bounds of numbers as ranges of the small numbers of each scale. */
#include "server/json/schema_compiler.h"

static __int128 power_of_ten(unsigned exponent)
{
    __int128 power = 1;

    for (; exponent > 0; exponent--)
        power *= 10;
    return power;
}

/* The bound in units of 10^-scale, rounded up; *out_is_exact when there was nothing to round. Small
 * numbers have at most 18 digits: nothing overflows. */
static __int128 scaled_bound(const struct bound *bound, unsigned scale, bool *out_is_exact)
{
    __int128 value = bound->small * power_of_ten(scale);
    __int128 divisor = power_of_ten(bound->scale);
    __int128 quotient = value / divisor;

    *out_is_exact = value % divisor == 0;
    return quotient + (!*out_is_exact && value > 0);
}

static void raise_lowest(struct number_part *part, const struct bound *bound, bool is_exclusive)
{
    for (unsigned scale = 0; bound->is_set && scale < RANGE_SCALES; scale++) {
        bool is_exact;
        __int128 least = scaled_bound(bound, scale, &is_exact);
        least += is_exclusive && is_exact;
        if (!bound->is_small || least > INT64_MAX)
            least = INT64_MAX; /* the bounds themselves decide */
        if (least > part->lowest[scale])
            part->lowest[scale] = (int64_t)least;
    }
}

static void lower_highest(struct number_part *part, const struct bound *bound, bool is_exclusive)
{
    for (unsigned scale = 0; bound->is_set && scale < RANGE_SCALES; scale++) {
        bool is_exact;
        __int128 most = scaled_bound(bound, scale, &is_exact);
        most -= !is_exact || is_exclusive; /* it was rounded up */
        if (!bound->is_small || most < INT64_MIN)
            most = INT64_MIN;
        if (most < part->highest[scale])
            part->highest[scale] = (int64_t)most;
    }
}

/* Leaves a range empty where it could not decide alone. Whatever is small is a float, and without a
 * fraction an int64. */
void schema_make_ranges(struct number_part *part)
{
    for (unsigned scale = 0; scale < RANGE_SCALES; scale++) {
        bool is_integer_format = part->format == NUMBER_INT32 || part->format == NUMBER_INT64;
        bool is_alone = !part->has_divisor && !(is_integer_format && scale > 0);
        part->lowest[scale] = is_alone ? INT64_MIN : INT64_MAX;
        part->highest[scale] = is_alone ? INT64_MAX : INT64_MIN;
    }
    if (part->format == NUMBER_INT32 && !part->has_divisor) {
        part->lowest[0] = INT32_MIN;
        part->highest[0] = INT32_MAX;
    }
    raise_lowest(part, &part->minimum, part->is_minimum_exclusive);
    raise_lowest(part, &part->exclusive_minimum, true);
    lower_highest(part, &part->maximum, part->is_maximum_exclusive);
    lower_highest(part, &part->exclusive_maximum, true);
}
