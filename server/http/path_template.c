#include "path_template.h"

#include <errno.h>

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
        int byte = gw_path_byte_at(text, at, &step);
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
        len += gw_path_write_byte((unsigned char)byte, form + len);
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
        if (text.len > 0)
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
