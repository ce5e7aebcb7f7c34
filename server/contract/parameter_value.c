#include "server/contract/parameter_value.h"

#include <errno.h>

#include "server/core/arena.h"

#define ARRAY (1u << GW_JSON_ARRAY)
#define OBJECT (1u << GW_JSON_OBJECT)
#define SCALARS (GW_SHAPE_ANY & ~(ARRAY | OBJECT))

static const struct gw_shape any_shape = {.types = GW_SHAPE_ANY};

static unsigned types_of(const struct gw_shape *shape)
{
    return shape == NULL ? GW_SHAPE_ANY : shape->types;
}

static bool is_any(unsigned types)
{
    return (types & GW_SHAPE_ANY) == GW_SHAPE_ANY;
}

/* Where a schema allows both a list and a scalar, the list is tried first. */
static enum gw_style_kind kind_of(unsigned types, bool prefers_strings)
{
    if (is_any(types) || (prefers_strings && (types & SCALARS) != 0))
        return GW_STYLED_SCALAR;
    if ((types & OBJECT) != 0)
        return GW_STYLED_OBJECT;
    return (types & ARRAY) != 0 ? GW_STYLED_ARRAY : GW_STYLED_SCALAR;
}

static enum gw_style_kind kind_of_parameter(const struct gw_parameter *parameter,
                                            const struct gw_value_tape *tape)
{
    if (parameter->style == GW_STYLE_DEEP_OBJECT)
        return GW_STYLED_OBJECT;
    return kind_of(parameter->shape.types, tape->prefers_strings);
}

bool gw_parameter_is_spread(const struct gw_parameter *parameter)
{
    bool is_pairs = parameter->place == GW_IN_QUERY || parameter->place == GW_IN_COOKIE;
    return is_pairs && !parameter->is_content && parameter->explode &&
           parameter->style != GW_STYLE_DEEP_OBJECT &&
           kind_of(parameter->shape.types, false) == GW_STYLED_OBJECT;
}

/* --- from pieces to values -------------------------------------------------------------------- */

static void add_scalar(struct gw_value_tape *tape, struct gw_str text, enum gw_percent_form form,
                       unsigned types)
{
    struct gw_str decoded;
    int rc = gw_percent_decode(text, form, tape->arena, &decoded);

    if (rc != 0)
        gw_value_tape_fail(tape, rc);
    else
        gw_value_tape_add_text(tape, decoded, is_any(types) ? types : types & ~(ARRAY | OBJECT));
}

static void add_array(struct gw_value_tape *tape, const struct gw_shape *items,
                      const struct gw_style_pieces *pieces, enum gw_percent_form form)
{
    uint32_t opened = gw_value_tape_open(tape, GW_JSON_ARRAY);

    for (size_t i = 0; i < pieces->count; i++)
        add_scalar(tape, pieces->items[i].value, form, types_of(items));
    gw_value_tape_close(tape, opened, (uint32_t)pieces->count);
}

/* All pieces from `first` on that have its name, as an array. */
static void add_member_array(struct gw_value_tape *tape, const struct gw_shape *shape,
                             const struct gw_style_pieces *pieces, size_t first,
                             enum gw_percent_form form)
{
    uint32_t opened = gw_value_tape_open(tape, GW_JSON_ARRAY);
    uint32_t count = 0;

    for (size_t i = first; i < pieces->count; i++) {
        if (!gw_str_equal(pieces->items[i].name, pieces->items[first].name))
            continue;
        add_scalar(tape, pieces->items[i].value, form, types_of(shape->items));
        count++;
    }
    gw_value_tape_close(tape, opened, count);
}

static size_t find_name(const struct gw_style_pieces *pieces, size_t from, size_t until,
                        struct gw_str name)
{
    while (from < until && !gw_str_equal(pieces->items[from].name, name))
        from++;
    return from;
}

void gw_parameter_add_object(struct gw_value_tape *tape, const struct gw_shape *shape,
                             const struct gw_style_pieces *pieces, enum gw_percent_form form)
{
    uint32_t opened = gw_value_tape_open(tape, GW_JSON_OBJECT);
    uint32_t count = 0;

    for (size_t i = 0; i < pieces->count; i++) {
        struct gw_str name = pieces->items[i].name;
        const struct gw_shape *member = gw_shape_member(shape, name);
        member = member != NULL ? member : &any_shape;
        if (find_name(pieces, 0, i, name) < i)
            continue; /* gathered, or failed, at the first of the name */
        gw_value_tape_add_name(tape, name);
        count++;
        if (kind_of(member->types, tape->prefers_strings) == GW_STYLED_ARRAY)
            add_member_array(tape, member, pieces, i, form);
        else if (find_name(pieces, i + 1, pieces->count, name) < pieces->count)
            gw_value_tape_fail(tape, -EEXIST);
        else
            add_scalar(tape, pieces->items[i].value, form, member->types);
    }
    gw_value_tape_close(tape, opened, count);
}

/* --- one text --------------------------------------------------------------------------------- */

static enum gw_percent_form form_of(const struct gw_parameter *parameter)
{
    if (parameter->place == GW_IN_HEADER)
        return GW_PERCENT_NONE; /* field values are not percent-encoded (OpenAPI 3.1.1, "Style") */
    return parameter->place == GW_IN_QUERY ? GW_PERCENT_QUERY : GW_PERCENT_PLAIN;
}

static int decode_names(struct gw_style_pieces *pieces, enum gw_percent_form form,
                        struct gw_arena *arena)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < pieces->count; i++)
        rc = gw_percent_decode(pieces->items[i].name, form, arena, &pieces->items[i].name);
    return rc;
}

/* RFC 9110, section 5.6.1: white space around the elements of a list means nothing. */
static void trim_pieces(struct gw_style_pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++) {
        pieces->items[i].name = gw_str_trim(pieces->items[i].name);
        pieces->items[i].value = gw_str_trim(pieces->items[i].value);
    }
}

static int add_one_text(const struct gw_parameter *parameter, struct gw_str text,
                        struct gw_value_tape *tape)
{
    enum gw_style_kind kind = kind_of_parameter(parameter, tape);
    enum gw_percent_form form = form_of(parameter);
    struct gw_style_pieces pieces;

    bool is_bare = parameter->style == GW_STYLE_FORM || parameter->style == GW_STYLE_SIMPLE;
    if (kind == GW_STYLED_SCALAR && is_bare) {
        add_scalar(tape, text, form, parameter->shape.types);
        return tape->error;
    }
    int rc = gw_style_split(parameter, kind, text, tape->arena, &pieces);
    if (rc != 0)
        return rc;
    if (parameter->place == GW_IN_HEADER)
        trim_pieces(&pieces);
    if (kind == GW_STYLED_SCALAR) {
        add_scalar(tape, pieces.items[0].value, form, parameter->shape.types);
    } else if (kind == GW_STYLED_ARRAY) {
        add_array(tape, parameter->shape.items, &pieces, form);
    } else {
        rc = decode_names(&pieces, form, tape->arena);
        if (rc == 0)
            gw_parameter_add_object(tape, &parameter->shape, &pieces, form);
    }
    tape->is_ambiguous =
        tape->is_ambiguous || (kind != GW_STYLED_SCALAR && (parameter->shape.types & SCALARS) != 0);
    return rc != 0 ? rc : tape->error;
}

/* Several field lines of one name are one list (RFC 9110, section 5.3). */
static int join_texts(const struct gw_parameter_source *source, struct gw_arena *arena,
                      struct gw_str *out_text)
{
    size_t len = 0;

    if (source->text_count == 1) {
        *out_text = source->texts[0];
        return 0;
    }
    for (size_t i = 0; i < source->text_count; i++)
        len += source->texts[i].len + 1;
    char *text = gw_arena_alloc(arena, len);
    if (text == NULL)
        return -ENOMEM;
    size_t at = 0;
    for (size_t i = 0; i < source->text_count; i++) {
        if (i > 0)
            text[at++] = ',';
        if (source->texts[i].len > 0)
            memcpy(text + at, source->texts[i].ptr, source->texts[i].len);
        at += source->texts[i].len;
    }
    *out_text = gw_str_from(text, at);
    return 0;
}

static int read_texts(const struct gw_parameter *parameter,
                      const struct gw_parameter_source *source, struct gw_value_tape *tape)
{
    struct gw_str text;

    if (source->text_count == 0)
        return -ENOENT;
    if (source->text_count > 1 && kind_of_parameter(parameter, tape) == GW_STYLED_SCALAR)
        return -EEXIST;
    int rc = join_texts(source, tape->arena, &text);
    return rc != 0 ? rc : add_one_text(parameter, text, tape);
}

/* --- names and values ------------------------------------------------------------------------- */

static size_t count_pairs(const struct gw_pairs *pairs, struct gw_str name)
{
    uint16_t hash = gw_json_name_hash(name);
    size_t count = 0;

    for (size_t i = 0; i < pairs->count; i++)
        count += pairs->items[i].hash == hash && gw_str_equal(pairs->items[i].name, name);
    return count;
}

static const struct gw_pair *take_pair(struct gw_pairs *pairs, const struct gw_parameter *parameter)
{
    uint16_t hash = gw_json_name_hash(parameter->name);

    for (size_t i = 0; i < pairs->count; i++) {
        struct gw_pair *pair = &pairs->items[i];
        if (pair->hash == hash && gw_str_equal(pair->name, parameter->name)) {
            pair->user = parameter;
            return pair;
        }
    }
    return NULL;
}

static int start_pieces(const struct gw_pairs *pairs, struct gw_arena *arena,
                        struct gw_style_pieces *pieces)
{
    pieces->items = gw_arena_alloc(arena, (pairs->count + 1) * sizeof(*pieces->items));
    pieces->count = 0;
    return pieces->items == NULL ? -ENOMEM : 0;
}

/* "id=1&id=2" */
static int read_repeated(const struct gw_parameter *parameter, struct gw_pairs *pairs,
                         struct gw_value_tape *tape)
{
    struct gw_style_pieces pieces;
    int rc = start_pieces(pairs, tape->arena, &pieces);

    for (size_t i = 0; rc == 0 && i < pairs->count; i++) {
        struct gw_pair *pair = &pairs->items[i];
        if (!gw_str_equal(pair->name, parameter->name))
            continue;
        pair->user = parameter;
        pieces.items[pieces.count++].value = pair->value;
    }
    if (rc != 0 || pieces.count == 0)
        return rc != 0 ? rc : -ENOENT;
    add_array(tape, parameter->shape.items, &pieces, form_of(parameter));
    tape->is_ambiguous =
        tape->is_ambiguous || (pieces.count == 1 && (parameter->shape.types & SCALARS) != 0);
    return tape->error;
}

/* "R=100&G=200": the names that the schema knows; all that are left when it says what others are.
 */
static int read_spread(const struct gw_parameter *parameter, struct gw_pairs *pairs,
                       struct gw_value_tape *tape)
{
    const struct gw_shape *shape = &parameter->shape;
    bool is_open = shape->others != NULL || (shape->member_count == 0 && !shape->is_closed);
    struct gw_style_pieces pieces;
    int rc = start_pieces(pairs, tape->arena, &pieces);

    for (size_t i = 0; rc == 0 && i < pairs->count; i++) {
        struct gw_pair *pair = &pairs->items[i];
        bool is_others = pair->user != NULL && pair->user != parameter;
        if (gw_shape_named_member(shape, pair->name) == NULL && (!is_open || is_others))
            continue;
        pair->user = parameter;
        pieces.items[pieces.count++] = (struct gw_style_piece){pair->name, pair->value};
    }
    if (rc != 0 || pieces.count == 0)
        return rc != 0 ? rc : -ENOENT;
    gw_parameter_add_object(tape, shape, &pieces, form_of(parameter));
    return tape->error;
}

/* "color[R]=100&color[G]=200". Deeper brackets have no meaning that OpenAPI defines. */
static int read_deep(const struct gw_parameter *parameter, struct gw_pairs *pairs,
                     struct gw_value_tape *tape)
{
    struct gw_str name = parameter->name;
    struct gw_style_pieces pieces;
    int rc = start_pieces(pairs, tape->arena, &pieces);

    for (size_t i = 0; rc == 0 && i < pairs->count; i++) {
        struct gw_pair *pair = &pairs->items[i];
        if (!gw_str_has_prefix(pair->name, name))
            continue;
        struct gw_str rest = gw_str_tail(pair->name, name.len);
        if (rest.len > 0 && rest.ptr[0] != '[')
            continue;
        size_t close = gw_str_find(rest, ']');
        if (rest.len < 3 || close != rest.len - 1 || memchr(rest.ptr + 1, '[', rest.len - 1))
            return -EINVAL;
        pair->user = parameter;
        pieces.items[pieces.count++] =
            (struct gw_style_piece){gw_str_from(rest.ptr + 1, close - 1), pair->value};
    }
    if (rc != 0 || pieces.count == 0)
        return rc != 0 ? rc : -ENOENT;
    gw_parameter_add_object(tape, &parameter->shape, &pieces, form_of(parameter));
    return tape->error;
}

static int read_pairs(const struct gw_parameter *parameter, struct gw_pairs *pairs,
                      struct gw_value_tape *tape)
{
    enum gw_style_kind kind = kind_of_parameter(parameter, tape);

    if (parameter->style == GW_STYLE_DEEP_OBJECT)
        return read_deep(parameter, pairs, tape);
    if (kind == GW_STYLED_OBJECT && parameter->explode)
        return read_spread(parameter, pairs, tape);
    if (kind == GW_STYLED_ARRAY && parameter->explode)
        return read_repeated(parameter, pairs, tape);
    const struct gw_pair *pair = take_pair(pairs, parameter);
    if (pair == NULL)
        return -ENOENT;
    if (count_pairs(pairs, parameter->name) > 1)
        return -EEXIST;
    return add_one_text(parameter, pair->value, tape);
}

/* --- what the policy asks for ----------------------------------------------------------------- */

int gw_parameter_read(const struct gw_parameter *parameter,
                      const struct gw_parameter_source *source, struct gw_value_tape *tape)
{
    return source->pairs != NULL ? read_pairs(parameter, source->pairs, tape)
                                 : read_texts(parameter, source, tape);
}

bool gw_parameter_is_empty(const struct gw_parameter *parameter,
                           const struct gw_parameter_source *source)
{
    const struct gw_pair *pair;

    if (source->pairs == NULL || count_pairs(source->pairs, parameter->name) != 1)
        return false;
    pair = take_pair(source->pairs, parameter);
    return pair->value.len == 0;
}

int gw_parameter_text(const struct gw_parameter *parameter,
                      const struct gw_parameter_source *source, struct gw_arena *arena,
                      struct gw_str *out_text)
{
    struct gw_str text;

    if (source->pairs != NULL) {
        const struct gw_pair *pair = take_pair(source->pairs, parameter);
        if (pair == NULL)
            return -ENOENT;
        if (count_pairs(source->pairs, parameter->name) > 1)
            return -EEXIST;
        text = pair->value;
    } else {
        if (source->text_count != 1)
            return source->text_count == 0 ? -ENOENT : -EEXIST;
        text = source->texts[0];
    }
    return gw_percent_decode(text, form_of(parameter), arena, out_text);
}
