#include <errno.h>
#include <limits.h>

#include "server/connector/tryton/value.h"
#include "server/core/arena.h"
#include "server/json/number.h"

#define MAX_ZEROS 64 /* that a decimal's exponent may stand for; beyond it is left as it is */

typedef int read_class_fn(struct gw_arena *arena, const struct gw_value *wire,
                          struct gw_value *out_value);

/* --- classes: 0, -EINVAL or -ENOMEM ----------------------------------------------------------- */

static int text_value(struct gw_str text, struct gw_value *out_value)
{
    if (text.ptr == NULL)
        return -ENOMEM;
    *out_value = gw_value_string(text);
    return 0;
}

/* Python writes 0E-8 and 1E+2. Digits are digits, with the point where the exponent has it. */
static struct gw_str without_exponent(struct gw_arena *arena, const struct gw_decimal *decimal)
{
    size_t count = (size_t)decimal->digit_count;
    size_t zeros = decimal->exponent > 0 ? (size_t)decimal->exponent : 0;
    size_t places = decimal->exponent < 0 ? (size_t)-decimal->exponent : 0;
    size_t whole = count > places ? count - places : 0;
    char *out = gw_arena_alloc(arena, count + zeros + places + 4);
    size_t len = 0;

    if (out == NULL)
        return gw_str_from(NULL, 0);
    if (decimal->is_negative)
        out[len++] = '-';
    if (whole == 0)
        out[len++] = '0';
    for (size_t i = 0, taken = 0; i < decimal->digits.len; i++) {
        if (decimal->digits.ptr[i] == '.')
            continue;
        if (taken == whole && places > 0) {
            out[len++] = '.';
            for (size_t j = count; j < places; j++)
                out[len++] = '0';
        }
        out[len++] = decimal->digits.ptr[i];
        taken++;
    }
    for (; zeros > 0; zeros--)
        out[len++] = '0';
    out[len] = '\0';
    return gw_str_from(out, len);
}

static int read_decimal(struct gw_arena *arena, const struct gw_value *wire,
                        struct gw_value *out_value)
{
    struct gw_str text = gw_value_member_text(wire, GW_STR("decimal"));
    struct gw_decimal decimal;

    if (text.ptr == NULL)
        return -EINVAL;
    bool has_exponent = gw_str_find(text, 'E') < text.len || gw_str_find(text, 'e') < text.len;
    if (has_exponent && gw_decimal_parse(text, &decimal) == 0 && decimal.exponent <= MAX_ZEROS &&
        decimal.exponent >= -MAX_ZEROS)
        text = without_exponent(arena, &decimal);
    return text_value(text, out_value);
}

/* The integer member of that name; -1: there is none. */
static int part_of(const struct gw_value *wire, const char *name, int max)
{
    const struct gw_value *value = gw_value_member(wire, gw_str_of(name));
    uint64_t number;

    if (value == NULL || value->type != GW_JSON_NUMBER ||
        gw_str_to_u64(value->text, &number) != 0 || number > (uint64_t)max)
        return -1;
    return (int)number;
}

static struct gw_str date_text(struct gw_arena *arena, const struct gw_value *wire)
{
    int year = part_of(wire, "year", 9999);
    int month = part_of(wire, "month", 12);
    int day = part_of(wire, "day", 31);

    if (year < 1 || month < 1 || day < 1)
        return GW_STR("");
    return gw_arena_printf(arena, "%04d-%02d-%02d", year, month, day);
}

static struct gw_str time_text(struct gw_arena *arena, const struct gw_value *wire)
{
    int hour = part_of(wire, "hour", 23);
    int minute = part_of(wire, "minute", 59);
    int second = part_of(wire, "second", 59);
    int micro = part_of(wire, "microsecond", 999999);

    if (hour < 0 || minute < 0 || second < 0 || micro < 0)
        return GW_STR("");
    if (micro == 0)
        return gw_arena_printf(arena, "%02d:%02d:%02d", hour, minute, second);
    return gw_arena_printf(arena, "%02d:%02d:%02d.%06d", hour, minute, second, micro);
}

/* An empty text is one that had not all of its parts. */
static int checked_text(struct gw_str text, struct gw_value *out_value)
{
    return text.ptr != NULL && text.len == 0 ? -EINVAL : text_value(text, out_value);
}

static int read_date(struct gw_arena *arena, const struct gw_value *wire,
                     struct gw_value *out_value)
{
    return checked_text(date_text(arena, wire), out_value);
}

static int read_time(struct gw_arena *arena, const struct gw_value *wire,
                     struct gw_value *out_value)
{
    return checked_text(time_text(arena, wire), out_value);
}

static int read_datetime(struct gw_arena *arena, const struct gw_value *wire,
                         struct gw_value *out_value)
{
    struct gw_str date = date_text(arena, wire);
    struct gw_str time = time_text(arena, wire);
    const struct gw_str parts[] = {date, GW_STR("T"), time, GW_STR("Z")};

    if (date.ptr == NULL || time.ptr == NULL)
        return -ENOMEM;
    if (date.len == 0 || time.len == 0)
        return -EINVAL;
    return text_value(gw_arena_join(arena, parts, GW_COUNT_OF(parts)), out_value);
}

static int read_timedelta(struct gw_arena *arena, const struct gw_value *wire,
                          struct gw_value *out_value)
{
    const struct gw_value *seconds = gw_value_member(wire, GW_STR("seconds"));

    (void)arena;
    if (seconds == NULL || seconds->type != GW_JSON_NUMBER)
        return -EINVAL;
    *out_value = *seconds;
    return 0;
}

/* Python breaks base64 into lines. */
static int read_bytes(struct gw_arena *arena, const struct gw_value *wire,
                      struct gw_value *out_value)
{
    struct gw_str text = gw_value_member_text(wire, GW_STR("base64"));
    char *out = text.ptr == NULL ? NULL : gw_arena_alloc(arena, text.len + 1);
    size_t len = 0;

    if (text.ptr == NULL)
        return -EINVAL;
    if (out == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\n')
            out[len++] = text.ptr[i];
    }
    out[len] = '\0';
    return text_value(gw_str_from(out, len), out_value);
}

static const struct {
    struct gw_str name;
    read_class_fn *read;
} classes[] = {
    {GW_STR_INIT("Decimal"), read_decimal},     {GW_STR_INIT("date"), read_date},
    {GW_STR_INIT("datetime"), read_datetime},   {GW_STR_INIT("time"), read_time},
    {GW_STR_INIT("timedelta"), read_timedelta}, {GW_STR_INIT("bytes"), read_bytes},
};

/* --- all else --------------------------------------------------------------------------------- */

static read_class_fn *class_of(const struct gw_value *object)
{
    struct gw_str name = gw_value_member_text(object, GW_STR("__class__"));

    for (size_t i = 0; i < GW_COUNT_OF(classes) && name.ptr != NULL; i++) {
        if (gw_str_equal(name, classes[i].name))
            return classes[i].read;
    }
    return NULL;
}

static bool is_dotted(struct gw_str name)
{
    return name.len > 1 && name.ptr[name.len - 1] == '.';
}

/* Either the plain members, or those with a dot, under their name without it. */
static int add_members(struct gw_value_builder *builder, const struct gw_value *wire, bool dotted)
{
    for (uint32_t i = 0; i < wire->count; i++) {
        struct gw_str name = wire->members[i].name;
        struct gw_value value;
        if (is_dotted(name) != dotted)
            continue;
        if (dotted)
            name.len--;
        int rc = tryton_value_read(builder->arena, &wire->members[i].value, &value);
        if (rc == 0)
            rc = gw_value_add_member(builder, name, value);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The parts come last, so that they take the place of the bare id: they say more than it does. */
static int read_members(struct gw_arena *arena, const struct gw_value *wire,
                        struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = arena};
    int rc = add_members(&builder, wire, false);

    if (rc == 0)
        rc = add_members(&builder, wire, true);
    if (rc == 0)
        *out_value = gw_value_built_object(&builder);
    return rc;
}

static int read_items(struct gw_arena *arena, const struct gw_value *wire,
                      struct gw_value *out_value)
{
    struct gw_value *items = gw_arena_calloc(arena, wire->count + 1, sizeof(*items));

    if (items == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < wire->count; i++) {
        int rc = tryton_value_read(arena, &wire->items[i], &items[i]);
        if (rc != 0)
            return rc;
    }
    *out_value = gw_value_array(items, wire->count);
    return 0;
}

/* As deep as the reader of JSON lets it be. */
int tryton_value_read(struct gw_arena *arena, const struct gw_value *wire,
                      struct gw_value *out_value)
{
    read_class_fn *read_class;

    switch (wire->type) {
    case GW_JSON_ARRAY:
        return read_items(arena, wire, out_value);
    case GW_JSON_OBJECT:
        read_class = class_of(wire);
        return read_class != NULL ? read_class(arena, wire, out_value)
                                  : read_members(arena, wire, out_value);
    default:
        *out_value = *wire;
        return 0;
    }
}
