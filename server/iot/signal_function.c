/* What is computed of a window: accumulators that take samples in the order of time, and are put
 * together pane by pane. Pure. */
#include <string.h>

#include "server/iot/signal_private.h"

struct average {
    double sum, count;
};

struct moments { /* Welford: of the deviations from the mean, which is told from the first one on */
    double mean, squares, count, base;
};

/* Sums of a line through the points; x in seconds from the pane's start, y from the first one on,
 * too: of a counter that is far along, the squares would leave nothing of what it goes on by. */
struct line {
    double count, x, y, xx, xy, base;
};

struct spread {
    double least, greatest;
    uint32_t bins[SIGNAL_BINS];
};

#define WORDS(type) (sizeof(type) / sizeof(uint64_t))

static const uint8_t words_of[SIGNAL_FUNCTION_COUNT] = {
    [SIGNAL_COUNT] = 1,
    [SIGNAL_MIN] = 1,
    [SIGNAL_MAX] = 1,
    [SIGNAL_MEAN] = WORDS(struct average),
    [SIGNAL_SUM] = 1,
    [SIGNAL_FIRST] = 1,
    [SIGNAL_LAST] = 1,
    [SIGNAL_DELTA] = 1,
    [SIGNAL_RATE] = 1,
    [SIGNAL_PERCENTILE] = WORDS(struct spread),
    [SIGNAL_STDDEV] = WORDS(struct moments),
    [SIGNAL_DURATION] = 1,
    [SIGNAL_TREND] = WORDS(struct line),
};

uint32_t signal_function_words(enum signal_function function)
{
    return words_of[function];
}

void signal_function_clear(const struct signal_value *value, uint64_t *words)
{
    double *number = (void *)words;
    struct spread *spread = (void *)words;

    memset(words, 0, words_of[value->function] * sizeof(*words));
    switch (value->function) {
    case SIGNAL_MIN:
    case SIGNAL_MAX:
    case SIGNAL_FIRST:
    case SIGNAL_LAST:
    case SIGNAL_SUM:
    case SIGNAL_DELTA:
    case SIGNAL_RATE:
    case SIGNAL_DURATION:
        *number = NAN; /* of nothing */
        break;
    case SIGNAL_PERCENTILE:
        spread->least = spread->greatest = NAN;
        break;
    default:
        break;
    }
}

/* --- adding --- */

/* NAN is the sum of nothing. */
static double sum_of(double sum, double number)
{
    return isnan(sum) ? number : isnan(number) ? sum : sum + number;
}

static void average_add(struct average *average, double number)
{
    average->sum += number;
    average->count += 1;
}

static void moments_add(struct moments *moments, double number)
{
    moments->base = moments->count == 0 ? number : moments->base;
    number -= moments->base;
    double before = number - moments->mean;

    moments->count += 1;
    moments->mean += before / moments->count;
    moments->squares += before * (number - moments->mean);
}

static void line_add(struct line *line, double x, double y)
{
    line->base = line->count == 0 ? y : line->base;
    y -= line->base;
    line->count += 1;
    line->x += x;
    line->y += y;
    line->xx += x * x;
    line->xy += x * y;
}

/* fmin and fmax take the other where one is NAN: the empty accumulator. */
static void spread_add(struct spread *spread, const struct signal_value *value, double number)
{
    double place = (number - value->from) / (value->to - value->from) * SIGNAL_BINS;
    uint32_t bin = place >= SIGNAL_BINS ? SIGNAL_BINS - 1 : place > 0 ? (uint32_t)place : 0;

    spread->least = fmin(spread->least, number);
    spread->greatest = fmax(spread->greatest, number);
    if (spread->bins[bin] < UINT32_MAX)
        spread->bins[bin]++;
}

void signal_function_add(const struct signal_value *value, uint64_t *words, double number,
                         double increment, int64_t offset_ms)
{
    void *at = words;
    double *own = at;

    switch (value->function) {
    case SIGNAL_COUNT:
        *own += 1;
        return;
    case SIGNAL_MIN:
        *own = fmin(*own, number);
        return;
    case SIGNAL_MAX:
        *own = fmax(*own, number);
        return;
    case SIGNAL_MEAN:
        average_add(at, number);
        return;
    case SIGNAL_SUM:
        *own = sum_of(*own, number);
        return;
    case SIGNAL_FIRST:
        *own = isnan(*own) ? number : *own;
        return;
    case SIGNAL_LAST:
        *own = number;
        return;
    case SIGNAL_DELTA:
    case SIGNAL_RATE:
    case SIGNAL_DURATION:
        *own = sum_of(*own, increment);
        return;
    case SIGNAL_PERCENTILE:
        spread_add(at, value, number);
        return;
    case SIGNAL_STDDEV:
        moments_add(at, number);
        return;
    case SIGNAL_TREND:
        line_add(at, (double)offset_ms / 1000, number);
        return;
    case SIGNAL_ADD:
    case SIGNAL_SUBTRACT:
    case SIGNAL_DIVIDE:
    case SIGNAL_FUNCTION_COUNT:
        return;
    }
}

/* --- putting together --- */

static void moments_merge(struct moments *moments, const struct moments *later)
{
    if (later->count == 0)
        return;
    moments->base = moments->count == 0 ? later->base : moments->base;
    double count = moments->count + later->count;
    double apart = later->mean + (later->base - moments->base) - moments->mean;
    moments->squares += later->squares + apart * apart * moments->count * later->count / count;
    moments->mean += apart * later->count / count;
    moments->count = count;
}

static void line_merge(struct line *line, const struct line *later, double shift)
{
    line->base = line->count == 0 ? later->base : line->base;
    double above = later->base - line->base, y = later->y + above * later->count;

    line->xx += later->xx + 2 * shift * later->x + shift * shift * later->count;
    line->xy += later->xy + above * later->x + shift * y;
    line->x += later->x + shift * later->count;
    line->y += y;
    line->count += later->count;
}

static void spread_merge(struct spread *spread, const struct spread *later)
{
    spread->least = fmin(spread->least, later->least);
    spread->greatest = fmax(spread->greatest, later->greatest);
    for (uint32_t i = 0; i < SIGNAL_BINS; i++) {
        uint64_t sum = (uint64_t)spread->bins[i] + later->bins[i];
        spread->bins[i] = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
    }
}

void signal_function_merge(const struct signal_value *value, uint64_t *words, const uint64_t *later,
                           int64_t shift_ms)
{
    void *at = words;
    const void *other_at = later;
    double *own = at;
    const double *other = other_at;
    const struct average *other_average = other_at;
    struct average *average = at;

    switch (value->function) {
    case SIGNAL_COUNT:
        *own += *other;
        return;
    case SIGNAL_MIN:
        *own = fmin(*own, *other);
        return;
    case SIGNAL_MAX:
        *own = fmax(*own, *other);
        return;
    case SIGNAL_SUM:
    case SIGNAL_DELTA:
    case SIGNAL_RATE:
    case SIGNAL_DURATION:
        *own = sum_of(*own, *other);
        return;
    case SIGNAL_MEAN:
        average->sum += other_average->sum;
        average->count += other_average->count;
        return;
    case SIGNAL_FIRST:
        *own = isnan(*own) ? *other : *own;
        return;
    case SIGNAL_LAST:
        *own = isnan(*other) ? *own : *other;
        return;
    case SIGNAL_PERCENTILE:
        spread_merge(at, other_at);
        return;
    case SIGNAL_STDDEV:
        moments_merge(at, other_at);
        return;
    case SIGNAL_TREND:
        line_merge(at, other_at, (double)shift_ms / 1000);
        return;
    case SIGNAL_ADD:
    case SIGNAL_SUBTRACT:
    case SIGNAL_DIVIDE:
    case SIGNAL_FUNCTION_COUNT:
        return;
    }
}

/* --- results --- */

/* The middle of the bin in which the sample of that rank lies (nearest rank). */
static double spread_result(const struct spread *spread, const struct signal_value *value)
{
    double width = (value->to - value->from) / SIGNAL_BINS;
    uint64_t count = 0, seen = 0;
    uint32_t bin = 0;

    for (uint32_t i = 0; i < SIGNAL_BINS; i++)
        count += spread->bins[i];
    if (count == 0)
        return NAN;
    uint64_t rank = (uint64_t)ceil(value->percent * (double)count / 100); /* 7 % of 100 is 7 */
    for (bin = 0; bin < SIGNAL_BINS - 1; bin++) {
        seen += spread->bins[bin];
        if (seen >= rank)
            break;
    }
    double middle = value->from + (bin + 0.5) * width;
    return fmax(spread->least, fmin(spread->greatest, middle));
}

static double line_result(const struct line *line, int64_t per_ms)
{
    double below = line->count * line->xx - line->x * line->x;

    if (line->count < 2 || below <= 0)
        return NAN;
    return (line->count * line->xy - line->x * line->y) / below * ((double)per_ms / 1000);
}

double signal_function_result(const struct signal_value *value, const uint64_t *words,
                              int64_t length_ms)
{
    const void *at = words;
    const double *own = at;
    const struct average *average = at;
    const struct moments *moments = at;

    switch (value->function) {
    case SIGNAL_COUNT:
    case SIGNAL_MIN:
    case SIGNAL_MAX:
    case SIGNAL_FIRST:
    case SIGNAL_LAST:
    case SIGNAL_SUM:
    case SIGNAL_DELTA:
        return *own;
    case SIGNAL_MEAN:
        return average->count > 0 ? average->sum / average->count : NAN;
    case SIGNAL_DURATION:
        return *own / 1000;
    case SIGNAL_RATE:
        return length_ms > 0 ? *own * (double)value->per_ms / (double)length_ms : NAN;
    case SIGNAL_PERCENTILE:
        return spread_result(at, value);
    case SIGNAL_STDDEV:
        return moments->count > 1 ? sqrt(fmax(0, moments->squares) / (moments->count - 1)) : NAN;
    case SIGNAL_TREND:
        return line_result(at, value->per_ms);
    case SIGNAL_ADD:
    case SIGNAL_SUBTRACT:
    case SIGNAL_DIVIDE:
    case SIGNAL_FUNCTION_COUNT:
        break;
    }
    return NAN;
}

bool signal_set_has(const struct signal_set *set, double number)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (set->items[i] == number)
            return true;
    return false;
}

/* FNV-1a, of which as many bits are kept as a double holds exactly. */
double signal_text_code(struct gw_str text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3);
    return (double)(hash >> 11);
}
