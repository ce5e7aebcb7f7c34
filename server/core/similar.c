#include "server/core/similar.h"

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* One row of the table at a time; the row before last is for swapped neighbours. */
size_t gw_similar_distance(struct gw_str a, struct gw_str b)
{
    size_t rows[3][GW_SIMILAR_MAX_BYTES + 1];

    if (a.len > GW_SIMILAR_MAX_BYTES || b.len > GW_SIMILAR_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above_that = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1;
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                above_that[j - 2] + 1 < row[j])
                row[j] = above_that[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
}

void gw_similar_init(struct gw_similar *similar, struct gw_str wanted)
{
    *similar = (struct gw_similar){.wanted = wanted, .distance = SIZE_MAX};
}

void gw_similar_offer(struct gw_similar *similar, struct gw_str word)
{
    size_t distance = gw_similar_distance(similar->wanted, word);

    if (distance >= similar->distance || distance > (word.len + 2) / 3)
        return;
    similar->best = word;
    similar->distance = distance;
}
