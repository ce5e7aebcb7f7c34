/* Literal and folded scalars (YAML 1.2, chapter 8.1). */
#include "server/json/yaml_scan.h"

struct block {
    int indent; /* of the content; -1: not known yet */
    int least;  /* the least that it may be */
    bool is_folded;
    char chomping;     /* '-', '+', or '\0' to clip */
    unsigned breaks;   /* empty lines since the last line with content */
    bool has_line;     /* a line was read; its own break is still to be written */
    bool was_indented; /* that line began with white space: no folding around it */
};

static int read_header(struct gw_yaml_scan *scan, int parent, struct block *block)
{
    block->is_folded = *scan->at++ == '>';
    for (int i = 0; i < 2; i++) {
        char byte = *scan->at;
        if ((byte == '-' || byte == '+') && block->chomping == '\0') {
            block->chomping = byte;
            scan->at++;
        } else if (byte >= '1' && byte <= '9' && block->indent < 0) {
            block->indent = (parent < 0 ? 0 : parent) + byte - '0';
            scan->at++;
        }
    }
    if (!gw_yaml_is_space(*scan->at))
        return gw_yaml_fail(scan, "unexpected text behind the sign of a block scalar");
    gw_yaml_skip_blanks(scan);
    if (*scan->at == '#')
        while (*scan->at != '\0' && !gw_yaml_is_break(*scan->at))
            scan->at++;
    if (*scan->at != '\0' && !gw_yaml_is_break(*scan->at))
        return gw_yaml_fail(scan, "unexpected text behind the sign of a block scalar");
    if (*scan->at != '\0')
        gw_yaml_skip_break(scan);
    return 0;
}

/* The first line with content tells the indentation; empty lines before it must not be deeper. */
static int find_indent(struct gw_yaml_scan *scan, struct block *block)
{
    struct gw_yaml_scan ahead = *scan;
    int deepest = 0;

    for (;;) {
        const char *content = ahead.at + ahead.indent;
        if (*content == '\0' || !gw_yaml_is_break(*content))
            break;
        if (ahead.indent > deepest)
            deepest = ahead.indent;
        ahead.at = content;
        gw_yaml_skip_break(&ahead);
    }
    if (ahead.at[ahead.indent] == '\0') { /* nothing but empty lines */
        block->indent = ahead.indent > deepest ? ahead.indent : deepest;
        if (block->indent < block->least)
            block->indent = block->least;
        return 0;
    }
    if (ahead.indent < block->least && ahead.at[ahead.indent] == '\t')
        return gw_yaml_fail(&ahead, "a tab cannot indent a block scalar");
    if (ahead.indent >= block->least && deepest > ahead.indent)
        return gw_yaml_fail(scan, "an empty line at the start of a block scalar is indented deeper "
                                  "than its first line");
    block->indent = ahead.indent < block->least ? block->least : ahead.indent;
    return 0;
}

/* Writes what separates the line that was read from the one that begins with `first`. */
static void join(struct gw_yaml_scan *scan, struct block *block, char first)
{
    bool is_indented = gw_yaml_is_blank(first);
    bool folds = block->is_folded && !block->was_indented && !is_indented;

    if (block->has_line && (!folds || block->breaks == 0))
        gw_buf_append_byte(&scan->scratch, folds ? ' ' : '\n');
    for (; block->breaks > 0; block->breaks--)
        gw_buf_append_byte(&scan->scratch, '\n');
    block->was_indented = is_indented;
}

/* `at` is at a line's start. An empty line is one of at most `indent` spaces. */
static bool is_empty_line(const struct gw_yaml_scan *scan, const struct block *block)
{
    char byte = scan->at[scan->indent];

    return scan->indent <= block->indent && (gw_yaml_is_break(byte) || byte == '\0');
}

static void read_line(struct gw_yaml_scan *scan, struct block *block)
{
    const char *from = scan->at + block->indent;

    scan->at = from;
    join(scan, block, *from);
    while (*scan->at != '\0' && !gw_yaml_is_break(*scan->at))
        scan->at++;
    gw_buf_append(&scan->scratch, from, (size_t)(scan->at - from));
    block->has_line = true;
}

static void read_lines(struct gw_yaml_scan *scan, struct block *block)
{
    while (*scan->at != '\0' && !gw_yaml_is_marker(scan)) {
        if (is_empty_line(scan, block)) {
            scan->at += scan->indent;
            block->breaks++;
        } else if (scan->indent >= block->indent) {
            read_line(scan, block);
        } else {
            return;
        }
        if (*scan->at != '\0')
            gw_yaml_skip_break(scan);
    }
}

int gw_yaml_read_block_scalar(struct gw_yaml_scan *scan, int indent, struct gw_yaml_node *out_node)
{
    struct gw_yaml_node node = {.kind = GW_YAML_SCALAR, .position = gw_yaml_here(scan)};
    struct block block = {.indent = -1, .least = indent + 1};
    int rc = read_header(scan, indent, &block);

    if (rc == 0 && block.indent < 0)
        rc = find_indent(scan, &block);
    if (rc != 0)
        return rc;
    gw_buf_clear(&scan->scratch);
    read_lines(scan, &block);
    if (block.has_line && block.chomping != '-')
        gw_buf_append_byte(&scan->scratch, '\n');
    for (; block.chomping == '+' && block.breaks > 0; block.breaks--)
        gw_buf_append_byte(&scan->scratch, '\n');
    rc = gw_yaml_keep_scratch(scan, &node.text);
    if (rc == 0)
        *out_node = node;
    return rc;
}
