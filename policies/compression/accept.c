#include "policies/compression/accept.h"

#define NOT_SAID (-1)

static const struct gw_str names[CODING_COUNT] = {
    [CODING_IDENTITY] = GW_STR_INIT(""),
    [CODING_GZIP] = GW_STR_INIT("gzip"),
    [CODING_ZSTD] = GW_STR_INIT("zstd"),
};

struct gw_str coding_name(enum coding coding)
{
    return names[coding];
}

enum coding coding_find(struct gw_str name)
{
    if (gw_str_equal_nocase(name, GW_STR("identity")))
        return CODING_IDENTITY;
    if (gw_str_equal_nocase(name, GW_STR("gzip")) || gw_str_equal_nocase(name, GW_STR("x-gzip")))
        return CODING_GZIP;
    return gw_str_equal_nocase(name, GW_STR("zstd")) ? CODING_ZSTD : CODING_COUNT;
}

/* RFC 9110, section 12.4.2: 0 to 1 with up to three decimals, here in thousandths. */
static int read_weight(struct gw_str text)
{
    int weight = 0;

    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
        (text.len > 1 && text.ptr[1] != '.'))
        return NOT_SAID;
    weight = (text.ptr[0] - '0') * 1000;
    for (size_t i = 2, unit = 100; i < text.len; i++, unit /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return NOT_SAID;
        weight += (text.ptr[i] - '0') * (int)unit;
    }
    return weight > 1000 ? NOT_SAID : weight;
}

/* "gzip;q=0.5". False: it cannot be read. */
static bool read_item(struct gw_str item, struct gw_str *out_name, int *out_weight)
{
    struct gw_str parameter;

    *out_weight = 1000;
    if (!gw_str_split(&item, ';', out_name))
        return false;
    *out_name = gw_str_trim(*out_name);
    while (gw_str_split(&item, ';', &parameter)) {
        parameter = gw_str_trim(parameter);
        if (gw_str_has_prefix_nocase(parameter, GW_STR("q=")))
            *out_weight = read_weight(gw_str_tail(parameter, 2));
    }
    return out_name->len > 0 && *out_weight != NOT_SAID;
}

struct weights {
    int of[CODING_COUNT];
    int of_others; /* "*" */
    bool is_given;
};

static void read_field(struct weights *weights, struct gw_str rest)
{
    struct gw_str item, name;
    int weight;

    while (gw_str_split(&rest, ',', &item)) {
        if (!read_item(item, &name, &weight))
            continue;
        enum coding coding = coding_find(name);
        if (gw_str_equal(name, GW_STR("*")))
            weights->of_others = weight;
        else if (coding != CODING_COUNT)
            weights->of[coding] = weight;
    }
}

static int weight_of(const struct weights *weights, enum coding coding)
{
    int weight = weights->of[coding] != NOT_SAID ? weights->of[coding] : weights->of_others;

    if (weight != NOT_SAID)
        return weight;
    return coding == CODING_IDENTITY ? 1 : 0; /* takes it, but less than what it asked for */
}

struct coding_choice coding_choose(const struct gw_field *fields, size_t field_count,
                                   const enum coding *offered, size_t offered_count)
{
    struct weights weights = {.of = {NOT_SAID, NOT_SAID, NOT_SAID}, .of_others = NOT_SAID};
    struct coding_choice choice = {CODING_IDENTITY, false};

    for (size_t i = 0; i < field_count; i++) {
        if (fields[i].name.len == 15 &&
            gw_str_equal_nocase(fields[i].name, GW_STR("accept-encoding"))) {
            weights.is_given = true;
            read_field(&weights, fields[i].value);
        }
    }
    if (!weights.is_given)
        return choice;
    int best = weight_of(&weights, CODING_IDENTITY);
    choice.is_identity_refused = best == 0;
    /* An identity of equal weight loses: who names a coding wants it. */
    for (size_t i = 0; i < offered_count; i++) {
        int weight = weight_of(&weights, offered[i]);
        if (weight > best || (weight == best && weight > 0 && choice.coding == CODING_IDENTITY)) {
            best = weight;
            choice.coding = offered[i];
        }
    }
    return choice;
}
