#include "suggest.h"

#define MAX_BYTES 64

void gw_suggest_init(struct gw_suggest *suggest, struct gw_str name)
{
    *suggest = (struct gw_suggest){.name = name};
    /* A third of the letters may be wrong, and two at most. */
    suggest->distance = name.len > MAX_BYTES ? 0 : 1 + (name.len >= 3 ? 1 : 0) + (name.len >= 6);
}

static unsigned char fold(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 'A' && value <= 'Z' ? (unsigned char)(value | 0x20) : value;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Optimal string alignment: insertions, deletions, changes, swaps of neighbours. */
static size_t measure(struct gw_str a, struct gw_str b)
{
    size_t rows[3][MAX_BYTES + 1];

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *twice_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = fold(a.ptr[i - 1]) == fold(b.ptr[j - 1]) ? 0 : 1;
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && fold(a.ptr[i - 1]) == fold(b.ptr[j - 2]) &&
                fold(a.ptr[i - 2]) == fold(b.ptr[j - 1]) && twice_above[j - 2] + 1 < row[j])
                row[j] = twice_above[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
}

void gw_suggest_offer(struct gw_suggest *suggest, struct gw_str candidate)
{
    if (candidate.len > MAX_BYTES || suggest->distance == 0)
        return;

    size_t distance = measure(suggest->name, candidate);
    if (distance < suggest->distance) {
        suggest->distance = distance;
        suggest->best = candidate;
    }
}
