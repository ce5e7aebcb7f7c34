#include "normal_path.h"

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

int gw_path_byte_at(struct gw_str text, size_t at, size_t *out_step)
{
    *out_step = 1;
    if (text.ptr[at] != '%')
        return (unsigned char)text.ptr[at];
    if (text.len - at < 3)
        return -1;

    int high = hex_value(text.ptr[at + 1]);
    int low = hex_value(text.ptr[at + 2]);
    *out_step = 3;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

size_t gw_path_write_byte(unsigned char byte, char out[3])
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
    /* "%2F" and "%5C" end a segment for a server that decodes first; ";" begins its parameters. */
    for (size_t at = 0, from = 0; at <= text.len; at++) {
        bool is_escape =
            at + 3 <= text.len && text.ptr[at] == '%' &&
            (memcmp(text.ptr + at, "%2F", 3) == 0 || memcmp(text.ptr + at, "%5C", 3) == 0);
        if (at < text.len && !is_escape)
            continue;
        struct gw_str part = gw_str_from(text.ptr + from, at - from);
        part.len = gw_str_find(part, ';');
        if (gw_str_equal(part, GW_STR(".")) || gw_str_equal(part, GW_STR("..")))
            return true;
        from = at + 3;
    }
    return false;
}

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
        int byte = gw_path_byte_at(raw, at, &step);
        if (byte <= 0)
            return -EINVAL;
        if (step == 1 && byte != '/' && !is_pchar((unsigned char)byte) &&
            !is_tolerated((unsigned char)byte))
            return -EINVAL;
        if (step != 1 || byte != '/')
            form_len = gw_path_write_byte((unsigned char)byte, form);
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
