/* Scalars of payloads: times, qualities and values. */
#include <errno.h>

#include "server/core/instant.h"
#include "server/iot/json_map_private.h"
#include "server/iot/sample_json.h"
#include "server/iot/sample_text.h"
#include "server/json/number.h"
#include "server/json/value.h"

#define MAX_TIME_DIGITS 15 /* of GW_INSTANT_MAX_MS */

/* --- times --- */

/* To whole milliseconds, exactly; what is behind them is dropped. */
static bool read_number_time(enum gw_json_time_unit unit, struct gw_str literal,
                             int64_t *out_time_ms)
{
    static const int shifts[] = {[GW_JSON_TIME_S] = 3,
                                 [GW_JSON_TIME_MS] = 0,
                                 [GW_JSON_TIME_US] = -3,
                                 [GW_JSON_TIME_NS] = -6};
    struct gw_decimal decimal;
    int64_t time_ms = 0;

    if (gw_decimal_parse(literal, &decimal) != 0 || decimal.is_negative)
        return false;
    /* What is before the point once it is in milliseconds: so many digits, then zeros. */
    int64_t wanted = decimal.digit_count + decimal.exponent + shifts[unit];
    if (decimal.digit_count > 0 && wanted > MAX_TIME_DIGITS)
        return false;
    for (size_t i = 0; i < decimal.digits.len && wanted > 0; i++) {
        if (decimal.digits.ptr[i] == '.')
            continue;
        time_ms = time_ms * 10 + (decimal.digits.ptr[i] - '0');
        wanted--;
    }
    for (; decimal.digit_count > 0 && wanted > 0; wanted--)
        time_ms *= 10;
    if (time_ms > GW_INSTANT_MAX_MS)
        return false;
    *out_time_ms = time_ms;
    return true;
}

bool gw_json_map_read_time(const struct gw_json_map *map, const struct gw_json_tape *tape,
                           uint32_t at, int64_t *out_time_ms)
{
    enum gw_json_type type = gw_json_type(tape, at);

    if (type == GW_JSON_NUMBER)
        return read_number_time(map->time_unit, gw_json_number(tape, at), out_time_ms);
    if (type != GW_JSON_STRING)
        return false;
    struct gw_str text = gw_str_trim(gw_json_string(tape, at));
    return gw_instant_read(text, out_time_ms) == 0 ||
           read_number_time(map->time_unit, text, out_time_ms);
}

/* --- qualities --- */

/* By OPC: the upper two bits of the lower byte; and Sparkplug's 500 (6.4.11). */
static bool read_number_quality(struct gw_str literal, enum gw_quality *out_quality)
{
    uint64_t number;

    if (gw_str_to_u64(literal, &number) != 0 || (number > UINT8_MAX && number != 500))
        return false;
    if (number == 500)
        *out_quality = GW_QUALITY_STALE;
    else
        *out_quality = number >= 192  ? GW_QUALITY_GOOD
                       : number >= 64 ? GW_QUALITY_UNCERTAIN
                                      : GW_QUALITY_BAD;
    return true;
}

static bool read_word(struct gw_str word, enum gw_quality *out_quality)
{
    for (enum gw_quality quality = GW_QUALITY_GOOD; quality <= GW_QUALITY_STALE; quality++) {
        if (!gw_str_equal_nocase(word, gw_str_of(gw_quality_name(quality))))
            continue;
        *out_quality = quality;
        return true;
    }
    return read_number_quality(word, out_quality);
}

bool gw_json_map_read_quality(const struct gw_json_map *map, const struct gw_json_tape *tape,
                              uint32_t at, enum gw_quality *out_quality)
{
    struct gw_str text;

    if (gw_json_scalar_text(tape, at, &text) != 0)
        return false;
    if (map->good_count > 0) {
        *out_quality = GW_QUALITY_BAD;
        for (size_t i = 0; i < map->good_count; i++)
            if (gw_str_equal(map->good[i], text))
                *out_quality = GW_QUALITY_GOOD;
        return true;
    }
    switch (gw_json_type(tape, at)) {
    case GW_JSON_TRUE:
        *out_quality = GW_QUALITY_GOOD;
        return true;
    case GW_JSON_FALSE:
        *out_quality = GW_QUALITY_BAD;
        return true;
    default:
        return read_word(text, out_quality);
    }
}

/* --- values --- */

int gw_json_map_read_value(const struct gw_json_map *map, const struct gw_json_tape *tape,
                           uint32_t at, struct gw_sample *sample)
{
    struct gw_value value = {.type = gw_json_type(tape, at)};
    struct gw_json_tape number;
    struct gw_json_token token;

    if (value.type == GW_JSON_NUMBER)
        value.text = gw_json_number(tape, at);
    if (value.type == GW_JSON_STRING)
        value.text = gw_json_string(tape, at);
    if (value.type == GW_JSON_STRING && map->has_numeric_texts) {
        struct gw_str text = gw_str_trim(value.text);
        if (gw_json_tape_of_number(text, &token, &number) == 0)
            value = gw_value_number(text);
    }
    int rc = gw_sample_set_value(&value, sample);
    if (rc == 0 && sample->type == GW_SAMPLE_NONE && sample->quality < GW_QUALITY_BAD)
        sample->quality = GW_QUALITY_BAD;
    return rc;
}
