/* Aliases, plain scalars and quoted ones (YAML 1.2, chapter 7). */
#include <errno.h>

#include "server/core/utf8.h"
#include "server/json/yaml_scan.h"

/* `at` is on a break within a scalar: folds it and the empty lines behind it (chapter 6.5). */
static void fold_lines(struct gw_yaml_scan *scan, bool is_escaped)
{
    unsigned breaks = 0;

    while (gw_yaml_is_break(*scan->at)) {
        gw_yaml_skip_break(scan);
        scan->at = scan->line_content;
        breaks++;
    }
    if (breaks == 1 && !is_escaped)
        gw_buf_append_byte(&scan->scratch, ' ');
    for (; breaks > 1; breaks--)
        gw_buf_append_byte(&scan->scratch, '\n');
}

/* --- plain ------------------------------------------------------------------------------------ */

/* May a plain scalar go on with the byte at `at`, given what stands around it? */
static bool is_plain_byte(const char *at, bool in_flow)
{
    if (gw_yaml_is_break(*at) || *at == '\0')
        return false;
    if (*at == ':')
        return !gw_yaml_is_space(at[1]) && !(in_flow && gw_yaml_is_flow_sign(at[1]));
    if (*at == '#')
        return !gw_yaml_is_space(at[-1]);
    return !(in_flow && gw_yaml_is_flow_sign(*at));
}

static bool can_begin_plain(const char *at, bool in_flow)
{
    if (*at == '-' || *at == '?' || *at == ':')
        return !gw_yaml_is_space(at[1]) && !(in_flow && gw_yaml_is_flow_sign(at[1]));
    return !gw_yaml_is_space(*at) && strchr(",[]{}#&*!|>'\"%@`", *at) == NULL;
}

/* The part on one line, without the blanks at its end; `at` moves behind it. */
static struct gw_str read_plain_line(struct gw_yaml_scan *scan, bool in_flow)
{
    const char *from = scan->at;
    const char *end = from;

    while (is_plain_byte(scan->at, in_flow)) {
        scan->at++;
        if (!gw_yaml_is_blank(scan->at[-1]))
            end = scan->at;
    }
    scan->at = end;
    return gw_str_from(from, (size_t)(end - from));
}

/* Is there a further line of this scalar behind the break (and blanks) at `at`? */
static bool goes_on(const struct gw_yaml_scan *scan, int indent, bool in_flow)
{
    struct gw_yaml_scan ahead = *scan;

    gw_yaml_skip_blanks(&ahead);
    if (!gw_yaml_is_break(*ahead.at))
        return false;
    while (gw_yaml_is_break(*ahead.at)) {
        gw_yaml_skip_break(&ahead);
        if (gw_yaml_is_marker(&ahead))
            return false;
        ahead.at = ahead.line_content;
    }
    return ahead.indent > indent && *ahead.at != '#' && is_plain_byte(ahead.at, in_flow);
}

static int read_plain(struct gw_yaml_scan *scan, int indent, bool in_flow,
                      struct gw_yaml_node *node)
{
    node->is_plain = true;
    if (!can_begin_plain(scan->at, in_flow))
        return gw_yaml_fail(scan, "a value cannot begin with \"%c\" here", *scan->at);
    node->text = read_plain_line(scan, in_flow);
    if (!goes_on(scan, indent, in_flow)) /* nearly always: borrow it */
        return 0;

    gw_buf_clear(&scan->scratch);
    gw_buf_append_str(&scan->scratch, node->text);
    while (goes_on(scan, indent, in_flow)) {
        gw_yaml_skip_blanks(scan);
        fold_lines(scan, false);
        gw_buf_append_str(&scan->scratch, read_plain_line(scan, in_flow));
    }
    return gw_yaml_keep_scratch(scan, &node->text);
}

/* --- quoted ----------------------------------------------------------------------------------- */

static int32_t read_hex(const char *at, int digits)
{
    int32_t value = 0;

    for (; digits > 0; digits--, at++) {
        int32_t digit = *at >= '0' && *at <= '9'   ? *at - '0'
                        : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10
                        : *at >= 'A' && *at <= 'F' ? *at - 'A' + 10
                                                   : -1;
        if (digit < 0 || value > 0xFFFFFF)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void append_code_point(struct gw_yaml_scan *scan, int32_t code_point)
{
    char bytes[4];

    gw_buf_append(&scan->scratch, bytes, gw_utf8_encode((uint32_t)code_point, bytes));
}

/* \xHH, \uHHHH, \UHHHHHHHH; JSON's surrogate pairs, too. */
static int read_hex_escape(struct gw_yaml_scan *scan, int digits)
{
    int32_t code_point = read_hex(scan->at + 2, digits);
    const char *next = scan->at + 2 + digits;

    if (code_point >= 0xD800 && code_point <= 0xDBFF && next[0] == '\\' && next[1] == 'u') {
        int32_t low = read_hex(next + 2, 4);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
            next += 6;
        }
    }
    if (code_point < 0 || code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF))
        return gw_yaml_fail(scan, "this escape is no Unicode character");
    append_code_point(scan, code_point);
    scan->at = next;
    return 0;
}

static int read_escape(struct gw_yaml_scan *scan)
{
    static const char letters[] = "0abt\tnvfre \"/\\N_LP";
    static const int32_t values[] = {0,  7,   8,   '\t', '\t', '\n', 11,   '\f',   '\r',
                                     27, ' ', '"', '/',  '\\', 0x85, 0xA0, 0x2028, 0x2029};
    char letter = scan->at[1];
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;

    if (letter == 'x')
        return read_hex_escape(scan, 2);
    if (letter == 'u')
        return read_hex_escape(scan, 4);
    if (letter == 'U')
        return read_hex_escape(scan, 8);
    if (gw_yaml_is_break(letter)) {
        scan->at++;
        fold_lines(scan, true);
        return 0;
    }
    if (found == NULL)
        return gw_yaml_fail(scan, "an unknown escape in a quoted text");
    append_code_point(scan, values[found - letters]);
    scan->at += 2;
    return 0;
}

/* A break within quotes; further lines must be deeper than the parent. */
static int fold_quoted(struct gw_yaml_scan *scan, int indent)
{
    fold_lines(scan, false);
    scan->at = scan->line_start;
    if (gw_yaml_is_marker(scan))
        return gw_yaml_fail(scan, "a document's end within a quoted text");
    scan->at = scan->line_content;
    if (*scan->at != '\0' && scan->indent <= indent)
        return gw_yaml_fail(scan, "this line of a quoted text must be indented deeper");
    return 0;
}

/* One step: a run of ordinary bytes, an escape, blanks, or a break. */
static int read_quoted_piece(struct gw_yaml_scan *scan, int indent, char quote)
{
    const char *from = scan->at;

    if (*from == '\0')
        return gw_yaml_fail(scan, "the text ends before its closing quote");
    if (gw_yaml_is_break(*from))
        return fold_quoted(scan, indent);
    if (quote == '"' && *from == '\\') {
        bool is_break = gw_yaml_is_break(from[1]);
        int rc = read_escape(scan);
        if (rc == 0 && is_break && *scan->at != '\0' && scan->indent <= indent)
            return gw_yaml_fail(scan, "this line of a quoted text must be indented deeper");
        return rc;
    }
    if (quote == '\'' && from[0] == '\'') { /* a pair: a single one ended the text */
        gw_buf_append_byte(&scan->scratch, '\'');
        scan->at += 2;
        return 0;
    }
    if (gw_yaml_is_blank(*from)) {
        gw_yaml_skip_blanks(scan);
        if (!gw_yaml_is_break(*scan->at)) /* those at a line's end are dropped */
            gw_buf_append(&scan->scratch, from, (size_t)(scan->at - from));
        return 0;
    }
    while (!gw_yaml_is_space(*scan->at) && *scan->at != quote &&
           !(quote == '"' && *scan->at == '\\'))
        scan->at++;
    gw_buf_append(&scan->scratch, from, (size_t)(scan->at - from));
    return 0;
}

static int read_quoted(struct gw_yaml_scan *scan, int indent, struct gw_yaml_node *node)
{
    char quote = *scan->at++;

    gw_buf_clear(&scan->scratch);
    while (*scan->at != quote || (quote == '\'' && scan->at[1] == '\'')) {
        int rc = read_quoted_piece(scan, indent, quote);
        if (rc != 0)
            return rc;
    }
    scan->at++;
    return gw_yaml_keep_scratch(scan, &node->text);
}

int gw_yaml_read_scalar(struct gw_yaml_scan *scan, int indent, bool in_flow,
                        struct gw_yaml_node *out_node)
{
    struct gw_yaml_node node = {.kind = GW_YAML_SCALAR, .position = gw_yaml_here(scan)};
    int rc = 0;

    if (*scan->at == '*') {
        const char *from = ++scan->at;
        while (!gw_yaml_is_space(*scan->at) && !gw_yaml_is_flow_sign(*scan->at))
            scan->at++;
        node.kind = GW_YAML_ALIAS;
        node.text = gw_str_from(from, (size_t)(scan->at - from));
        if (node.text.len == 0)
            rc = gw_yaml_fail(scan, "an alias needs a name");
    } else if (*scan->at == '"' || *scan->at == '\'') {
        rc = read_quoted(scan, indent, &node);
    } else {
        rc = read_plain(scan, indent, in_flow, &node);
    }
    if (rc == 0)
        *out_node = node;
    return rc;
}
