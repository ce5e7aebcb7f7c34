#include "path_template.h"

#include <errno.h>

/* Unreserved, sub-delims, ":" and "@" (RFC 3986, section 3.3). */
static bool is_pchar(unsigned char byte)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9'))
        return true;
    return byte != '\0' && strchr("-._~!$&'()*+,;=:@", byte) != NULL;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* The byte that stands at text[at], decoded; *step is how many bytes spell it. -1: broken. */
static int byte_at(struct gw_str text, size_t at, size_t *step)
{
    *step = 1;
    if (text.ptr[at] != '%')
        return (unsigned char)text.ptr[at];
    if (text.len - at < 3)
        return -1;

    int high = hex_value(text.ptr[at + 1]);
    int low = hex_value(text.ptr[at + 2]);
    *step = 3;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Writes the normal form of one byte; returns its length. */
static size_t write_normal(unsigned char byte, char out[3])
{
    static const char digits[] = "0123456789ABCDEF";

    if (is_pchar(byte)) {
        out[0] = (char)byte;
        return 1;
    }
    out[0] = '%';
    out[1] = digits[byte >> 4];
    out[2] = digits[byte & 15];
    return 3;
}

bool gw_path_is_dots(struct gw_str text)
{
    struct gw_str part = text;

    /* "%2F" and "%5C" end a segment for a server that decodes first; ";" begins its parameters. */
    for (size_t at = 0, from = 0; at <= text.len; at++) {
        bool is_escape =
            at + 3 <= text.len && text.ptr[at] == '%' &&
            (memcmp(text.ptr + at, "%2F", 3) == 0 || memcmp(text.ptr + at, "%5C", 3) == 0);
        if (at < text.len && !is_escape)
            continue;
        part = gw_str_from(text.ptr + from, at - from);
        part.len = gw_str_find(part, ';');
        if (gw_str_equal(part, GW_STR(".")) || gw_str_equal(part, GW_STR("..")))
            return true;
        from = at + 3;
    }
    return false;
}

/* --- requests --------------------------------------------------------------------------------- */

/* What may stand in a path besides pchar: some clients send these four bare. */
static bool is_tolerated(unsigned char byte)
{
    return byte == '[' || byte == ']' || byte == '|' || byte == '^';
}

static int normalize_slowly(struct gw_str raw, struct gw_normal_path *path)
{
    size_t len = 0;
    size_t step;

    for (size_t at = 0; at < raw.len; at += step) {
        char form[3] = {'/'};
        size_t form_len = 1;
        int byte = byte_at(raw, at, &step);
        if (byte <= 0)
            return -EINVAL;
        if (step == 1 && byte != '/' && !is_pchar((unsigned char)byte) &&
            !is_tolerated((unsigned char)byte))
            return -EINVAL;
        if (step != 1 || byte != '/')
            form_len = write_normal((unsigned char)byte, form);
        if (sizeof(path->bytes) - len < form_len)
            return -EINVAL;
        for (size_t i = 0; i < form_len; i++, len++) {
            path->bytes[len] = form[i];
            path->raw_at[len] = (uint16_t)at;
        }
    }
    path->raw_at[len] = (uint16_t)raw.len;
    path->text = gw_str_from(path->bytes, len);
    path->is_raw = false;
    return 0;
}

/* 1: pchar; 2: "/"; 0: look closer. A table, because every request's path runs over it. */
static const uint8_t byte_class[256] = {
    ['!'] = 1, ['$'] = 1, ['&'] = 1, ['\''] = 1, ['('] = 1, [')'] = 1, ['*'] = 1, ['+'] = 1,
    [','] = 1, ['-'] = 1, ['.'] = 1, ['/'] = 2,  ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1,
    ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,  ['8'] = 1, ['9'] = 1, [':'] = 1, [';'] = 1,
    ['='] = 1, ['@'] = 1, ['A'] = 1, ['B'] = 1,  ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
    ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,  ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1,
    ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1,  ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1,
    ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1,  ['_'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,
    ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1,  ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,
    ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1,  ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,
    ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1,  ['x'] = 1, ['y'] = 1, ['z'] = 1, ['~'] = 1,
};

static void add_start(struct gw_normal_path *path, size_t at)
{
    if (path->segment_count <= GW_PATH_MAX_SEGMENTS)
        path->starts[path->segment_count] = (uint16_t)at;
    path->segment_count++;
}

/* Finds the segments; false where one acts as dots. */
static bool cut(struct gw_normal_path *path)
{
    struct gw_str rest = gw_str_tail(path->text, 1);
    struct gw_str segment;

    path->segment_count = 0;
    while (gw_str_split(&rest, '/', &segment)) {
        if (gw_path_is_dots(segment))
            return false;
        add_start(path, (size_t)(segment.ptr - path->text.ptr));
    }
    return true;
}

int gw_path_normalize(struct gw_str raw, struct gw_normal_path *out_path)
{
    bool must_look_closer = false;

    if (raw.len == 0 || raw.ptr[0] != '/' || raw.len > GW_PATH_MAX_BYTES)
        return -EINVAL;
    out_path->text = raw;
    out_path->is_raw = true;
    out_path->segment_count = 0;
    for (size_t at = 0; at < raw.len; at++) {
        uint8_t class = byte_class[(unsigned char)raw.ptr[at]];
        if (GW_LIKELY(class == 1))
            continue;
        if (class == 0) {
            if (normalize_slowly(raw, out_path) != 0)
                return -EINVAL;
            must_look_closer = true;
            break;
        }
        add_start(out_path, at + 1);
        if (at + 1 < raw.len && raw.ptr[at + 1] == '.')
            must_look_closer = true;
    }
    if (must_look_closer && !cut(out_path))
        return -EINVAL;
    if (out_path->segment_count <= GW_PATH_MAX_SEGMENTS)
        out_path->starts[out_path->segment_count] = (uint16_t)(out_path->text.len + 1);
    return 0;
}

struct gw_str gw_path_raw_part(const struct gw_normal_path *path, struct gw_str raw,
                               struct gw_str part)
{
    if (path->is_raw)
        return part;

    size_t from = (size_t)(part.ptr - path->text.ptr);
    size_t raw_from = path->raw_at[from];
    return gw_str_from(raw.ptr + raw_from, path->raw_at[from + part.len] - raw_from);
}

/* --- templates -------------------------------------------------------------------------------- */

struct reader {
    struct gw_arena *arena;
    struct gw_error *error;
    struct gw_str names[GW_PATH_MAX_PARAMETERS];
    size_t name_count;
};

static int out_of_memory(struct gw_error *error)
{
    return gw_error_set(error, -ENOMEM, "not enough memory for a path template");
}

static int read_name(struct reader *reader, struct gw_str name)
{
    struct gw_error *error = reader->error;

    if (name.len == 0)
        return gw_error_set(error, -EINVAL, "a path parameter has no name: {}");
    if (memchr(name.ptr, '{', name.len) != NULL)
        return gw_error_set(error, -EINVAL, "a brace inside of braces: {%.*s}", GW_STR_ARG(name));
    for (size_t i = 0; i < reader->name_count; i++) {
        if (gw_str_equal(reader->names[i], name))
            return gw_error_set(error, -EINVAL, "the path parameter {%.*s} comes twice",
                                GW_STR_ARG(name));
    }
    if (reader->name_count == GW_PATH_MAX_PARAMETERS)
        return gw_error_set(error, -EINVAL, "more than %d path parameters", GW_PATH_MAX_PARAMETERS);
    reader->names[reader->name_count++] = name;
    return 0;
}

static int read_literal(struct reader *reader, struct gw_str text, struct gw_str *out_literal)
{
    char form[GW_PATH_MAX_LITERAL + 3];
    size_t len = 0;
    size_t step;

    for (size_t at = 0; at < text.len; at += step) {
        int byte = byte_at(text, at, &step);
        if (byte < 0)
            return gw_error_set(reader->error, -EINVAL, "a broken %%-escape in \"%.*s\"",
                                GW_STR_ARG(text));
        if (step == 1 && (byte < ' ' || byte == 0x7f || byte == '?' || byte == '#' || byte == '}'))
            return gw_error_set(reader->error, -EINVAL,
                                byte == '}' ? "a closing brace without an opening one in \"%.*s\""
                                            : "no path has a query, a fragment or a control byte: "
                                              "\"%.*s\"",
                                GW_STR_ARG(text));
        if (byte == 0)
            return gw_error_set(reader->error, -EINVAL, "an encoded NUL in a path");
        if (len + 3 > GW_PATH_MAX_LITERAL)
            return gw_error_set(reader->error, -EINVAL, "a segment of more than %d bytes",
                                GW_PATH_MAX_LITERAL);
        len += write_normal((unsigned char)byte, form + len);
    }
    *out_literal = gw_arena_copy(reader->arena, gw_str_from(form, len));
    return out_literal->ptr != NULL ? 0 : out_of_memory(reader->error);
}

/* Pieces of one segment, at most one literal between two parameters. */
static int read_pieces(struct reader *reader, struct gw_str text, struct gw_path_piece *pieces,
                       struct gw_path_segment *segment)
{
    struct gw_str rest = text;

    while (rest.len > 0) {
        struct gw_path_piece *piece = &pieces[segment->piece_count];
        if (rest.ptr[0] == '{') {
            size_t end = gw_str_find(rest, '}');
            if (end == rest.len)
                return gw_error_set(reader->error, -EINVAL,
                                    "an opening brace without its end: %.*s", GW_STR_ARG(rest));
            if (segment->piece_count > 0 && piece[-1].is_parameter)
                return gw_error_set(reader->error, -EINVAL,
                                    "nothing separates the parameters in \"%.*s\"",
                                    GW_STR_ARG(text));
            *piece = (struct gw_path_piece){gw_str_from(rest.ptr + 1, end - 1), true};
            int rc = read_name(reader, piece->text);
            if (rc != 0)
                return rc;
            segment->parameter_count++;
            rest = gw_str_tail(rest, end + 1);
        } else {
            size_t end = gw_str_find(rest, '{');
            *piece = (struct gw_path_piece){.is_parameter = false};
            int rc = read_literal(reader, gw_str_from(rest.ptr, end), &piece->text);
            if (rc != 0)
                return rc;
            segment->literal_bytes += piece->text.len;
            rest = gw_str_tail(rest, end);
        }
        segment->piece_count++;
    }
    return 0;
}

static int write_shape(struct reader *reader, struct gw_path_segment *segment)
{
    size_t len = segment->literal_bytes + 2 * segment->parameter_count;
    char *shape = gw_arena_alloc(reader->arena, len + 1);
    size_t at = 0;

    if (shape == NULL)
        return out_of_memory(reader->error);
    for (size_t i = 0; i < segment->piece_count; i++) {
        const struct gw_path_piece *piece = &segment->pieces[i];
        struct gw_str text = piece->is_parameter ? GW_STR("{}") : piece->text;
        memcpy(shape + at, text.ptr, text.len);
        at += text.len;
    }
    shape[at] = '\0';
    segment->shape = gw_str_from(shape, at);
    return 0;
}

static int read_segment(struct reader *reader, struct gw_str text, struct gw_path_segment *segment)
{
    size_t max_pieces = 1;

    for (size_t i = 0; i < text.len; i++)
        max_pieces += text.ptr[i] == '{' ? 2 : 0;
    struct gw_path_piece *pieces = gw_arena_calloc(reader->arena, max_pieces, sizeof(*pieces));
    if (pieces == NULL)
        return out_of_memory(reader->error);

    *segment = (struct gw_path_segment){.pieces = pieces};
    int rc = read_pieces(reader, text, pieces, segment);
    if (rc != 0)
        return rc;
    if (segment->literal_bytes > GW_PATH_MAX_LITERAL)
        return gw_error_set(reader->error, -EINVAL, "a segment of more than %d bytes",
                            GW_PATH_MAX_LITERAL);
    rc = write_shape(reader, segment);
    if (rc == 0 && segment->parameter_count == 0 && gw_path_is_dots(segment->shape))
        return gw_error_set(reader->error, -EINVAL, "a path has no dot segments");
    return rc;
}

int gw_path_template_parse(struct gw_arena *arena, struct gw_str text,
                           struct gw_path_template *out_template, struct gw_error *error)
{
    struct reader reader = {.arena = arena, .error = error};
    struct gw_path_template path = {0};

    if (text.len == 0 || text.ptr[0] != '/')
        return gw_error_set(error, -EINVAL, "a path begins with a slash");

    struct gw_str rest = gw_str_tail(text, 1);
    size_t max_segments = 1;
    for (size_t i = 0; i < rest.len; i++)
        max_segments += rest.ptr[i] == '/' ? 1 : 0;
    if (max_segments > GW_PATH_MAX_SEGMENTS)
        return gw_error_set(error, -EINVAL, "a path of more than %d segments",
                            GW_PATH_MAX_SEGMENTS);

    struct gw_path_segment *segments = gw_arena_calloc(arena, max_segments, sizeof(*segments));
    if (segments == NULL)
        return out_of_memory(error);
    struct gw_str part;
    while (gw_str_split(&rest, '/', &part)) {
        int rc = read_segment(&reader, part, &segments[path.segment_count++]);
        if (rc != 0)
            return rc;
    }

    struct gw_str *names = gw_arena_calloc(arena, reader.name_count + 1, sizeof(*names));
    if (names == NULL)
        return out_of_memory(error);
    for (size_t i = 0; i < reader.name_count; i++) {
        names[i] = gw_arena_copy(arena, reader.names[i]);
        if (names[i].ptr == NULL)
            return out_of_memory(error);
    }
    path.segments = segments;
    path.parameters = names;
    path.parameter_count = reader.name_count;
    *out_template = path;
    return 0;
}

size_t gw_path_template_find(const struct gw_path_template *path, struct gw_str name)
{
    for (size_t i = 0; i < path->parameter_count; i++) {
        if (gw_str_equal(path->parameters[i], name))
            return i;
    }
    return SIZE_MAX;
}
