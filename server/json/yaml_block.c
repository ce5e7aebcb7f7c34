/* Block structure and the document around it (YAML 1.2, chapters 8 and 9). */
#include <errno.h>

#include "server/core/utf8.h"
#include "server/json/yaml_scan.h"

/* What may stand where a node is expected. */
enum place {
    PLACE_LINE,    /* behind "key:" or "---": block collections only from the next line on */
    PLACE_COMPACT, /* behind "- ", "? ", ": ": they may begin here */
};

static int read_node(struct gw_yaml_scan *scan, int indent, enum place place, bool in_map);

static bool is_sign(const struct gw_yaml_scan *scan, char sign)
{
    return *scan->at == sign && gw_yaml_is_space(scan->at[1]);
}

/* Behind an entry of a block collection at `indent`: true if another one begins. */
static int next_entry(struct gw_yaml_scan *scan, int indent, bool *out_is_there)
{
    gw_yaml_skip_to_content(scan);
    *out_is_there = false;
    if (gw_yaml_is_over(scan))
        return 0;
    if (!gw_yaml_is_first(scan))
        return gw_yaml_fail(scan, *scan->at == ':' ? "a \":\" has no meaning here (put the text "
                                                     "before it in quotes)"
                                                   : "unexpected text behind a value");
    if (scan->indent < indent)
        return 0;
    if (scan->at != scan->line_start + scan->indent)
        return gw_yaml_fail(scan, "a tab cannot indent a line");
    if (scan->indent > indent)
        return gw_yaml_fail(scan, "this line is indented deeper than the one it belongs to");
    *out_is_there = true;
    return 0;
}

static int read_sequence(struct gw_yaml_scan *scan, int indent, bool is_in_map)
{
    bool is_there = true;
    int rc = 0;

    while (rc == 0 && is_there && is_sign(scan, '-')) {
        scan->at++;
        rc = read_node(scan, indent, PLACE_COMPACT, false);
        if (rc == 0)
            rc = next_entry(scan, indent, &is_there);
    }
    if (rc == 0 && is_there && !is_in_map)
        return gw_yaml_fail(scan, "\"- \" expected: this is within a list");
    return rc;
}

/* `? key`, and its `: value` if there is one. */
static int read_explicit_entry(struct gw_yaml_scan *scan, int indent)
{
    bool is_there;

    scan->at++;
    int rc = read_node(scan, indent, PLACE_COMPACT, false);
    if (rc == 0)
        rc = next_entry(scan, indent, &is_there);
    if (rc != 0)
        return rc;
    if (!is_there || !is_sign(scan, ':'))
        return gw_yaml_add_empty(scan, NULL);
    scan->at++;
    return read_node(scan, indent, PLACE_COMPACT, false);
}

/* From the ":" on. */
static int read_value(struct gw_yaml_scan *scan, int indent)
{
    scan->at++;
    return read_node(scan, indent, PLACE_LINE, true);
}

static int read_implicit_entry(struct gw_yaml_scan *scan, int indent)
{
    struct gw_yaml_properties properties;
    struct gw_yaml_node key;
    unsigned line = scan->line;
    int rc = gw_yaml_read_properties(scan, false, &properties);

    if (rc != 0)
        return rc;
    if (is_sign(scan, ':')) {
        rc = gw_yaml_add_empty(scan, &properties);
        return rc == 0 ? read_value(scan, indent) : rc;
    }
    if (*scan->at == '[' || *scan->at == '{')
        return gw_yaml_fail(scan, "a key must be a scalar, not a list or a map");
    rc = gw_yaml_read_scalar(scan, indent, false, &key);
    if (rc != 0)
        return rc;
    gw_yaml_skip_blanks(scan);
    if (!is_sign(scan, ':') || line != scan->line)
        return gw_yaml_fail(scan, "\":\" expected behind a key, on the same line");
    rc = gw_yaml_add(scan, &key, &properties);
    return rc == 0 ? read_value(scan, indent) : rc;
}

/* All entries but the first key, which the caller may have read; then `at` is on its ":". */
static int read_mapping(struct gw_yaml_scan *scan, int indent, bool has_key)
{
    bool is_there = true;
    int rc = 0;

    while (rc == 0 && is_there) {
        if (has_key)
            rc = read_value(scan, indent);
        else if (is_sign(scan, '?'))
            rc = read_explicit_entry(scan, indent);
        else
            rc = read_implicit_entry(scan, indent);
        has_key = false;
        if (rc == 0)
            rc = next_entry(scan, indent, &is_there);
    }
    return rc;
}

/* --- one node --------------------------------------------------------------------------------- */

/* A node about to be read. */
struct node {
    int parent;    /* its parent's indentation */
    bool may_open; /* a block collection may begin at `at` */
    bool in_map;   /* the value of a key: a list may stand at the key's own column */
    struct gw_yaml_properties properties; /* of the whole node */
    struct gw_yaml_properties inner;      /* of the first key, if it is a mapping */
    const char *start; /* of what tells the indentation: the content, or inner's properties */
};

static int column_of(const struct gw_yaml_scan *scan, const char *start)
{
    return (int)(start - scan->line_start); /* only spaces and signs stand before it */
}

static int open_block(struct gw_yaml_scan *scan, const struct node *node, enum gw_yaml_kind kind,
                      struct gw_position position)
{
    struct gw_yaml_node opened = {.kind = kind, .position = position};

    return gw_yaml_add(scan, &opened, &node->properties);
}

/* A scalar, or the mapping of which it is the first key. */
static int read_scalar_or_mapping(struct gw_yaml_scan *scan, struct node *node)
{
    struct gw_yaml_node scalar;
    unsigned line = scan->line;
    int indent = column_of(scan, node->start);
    int rc = gw_yaml_read_scalar(scan, node->parent, false, &scalar);

    if (rc != 0)
        return rc;

    struct gw_yaml_scan behind = *scan;
    gw_yaml_skip_blanks(&behind);
    if (!is_sign(&behind, ':') || line != scan->line) {
        if (node->inner.start != NULL && node->properties.start != NULL)
            return gw_yaml_fail(scan, "two sets of anchor and tag for one value");
        return gw_yaml_add(scan, &scalar,
                           node->inner.start != NULL ? &node->inner : &node->properties);
    }
    if (!node->may_open)
        return gw_yaml_fail(scan, "a map cannot begin here (put the text in quotes if it holds "
                                  "\": \")");
    gw_yaml_skip_blanks(scan);
    rc = open_block(scan, node, GW_YAML_MAP, scalar.position);
    if (rc == 0)
        rc = gw_yaml_add(scan, &scalar, &node->inner);
    if (rc == 0)
        rc = read_mapping(scan, indent, true);
    if (rc == 0)
        gw_yaml_builder_close(scan->builder);
    return rc;
}

/* A collection that begins with a sign of its own. */
static int read_collection(struct gw_yaml_scan *scan, struct node *node, enum gw_yaml_kind kind)
{
    int indent = column_of(scan, scan->at);

    if (!node->may_open || node->inner.start != NULL)
        return gw_yaml_fail(scan, "a list or map cannot begin here");
    int rc = open_block(scan, node, kind, gw_yaml_here(scan));
    if (rc == 0)
        rc = kind == GW_YAML_LIST ? read_sequence(scan, indent, indent == node->parent)
                                  : read_mapping(scan, indent, false);
    if (rc == 0)
        gw_yaml_builder_close(scan->builder);
    return rc;
}

static int read_content(struct gw_yaml_scan *scan, struct node *node)
{
    struct gw_yaml_node scalar;
    const struct gw_yaml_properties *properties =
        node->inner.start != NULL ? &node->inner : &node->properties;
    int rc;

    if (is_sign(scan, '-'))
        return read_collection(scan, node, GW_YAML_LIST);
    if (is_sign(scan, '?') || (is_sign(scan, ':') && node->inner.start == NULL))
        return read_collection(scan, node, GW_YAML_MAP);
    if (*scan->at != '|' && *scan->at != '>' && *scan->at != '[' && *scan->at != '{')
        return read_scalar_or_mapping(scan, node);
    if (node->inner.start != NULL && node->properties.start != NULL)
        return gw_yaml_fail(scan, "two sets of anchor and tag for one value");
    if (*scan->at == '[' || *scan->at == '{') {
        rc = gw_yaml_read_flow(scan, node->parent, properties);
        gw_yaml_skip_blanks(scan);
        if (rc == 0 && is_sign(scan, ':'))
            return gw_yaml_fail(scan, "a key must be a scalar, not a list or a map");
        return rc;
    }
    rc = gw_yaml_read_block_scalar(scan, node->parent, &scalar);
    return rc == 0 ? gw_yaml_add(scan, &scalar, properties) : rc;
}

/* Is what stands first on this line still part of the node? */
static bool is_inside(const struct gw_yaml_scan *scan, const struct node *node)
{
    if (gw_yaml_is_over(scan))
        return false;
    if (!gw_yaml_is_first(scan) || scan->indent > node->parent)
        return true;
    return node->in_map && scan->indent == node->parent && is_sign(scan, '-') &&
           scan->at == scan->line_start + scan->indent;
}

/* Moves to the content; a new line may open block collections unless a tab stands before it. */
static void move_to_content(struct gw_yaml_scan *scan, struct node *node)
{
    const char *from = scan->at;

    gw_yaml_skip_to_content(scan);
    if (gw_yaml_is_first(scan))
        node->may_open = scan->at == scan->line_start + scan->indent;
    else if (memchr(from, '\t', (size_t)(scan->at - from)) != NULL)
        node->may_open = false;
    node->start = scan->at;
}

/* Anchor on one line, tag on the next: both are of the whole node. */
static int merge_properties(struct gw_yaml_scan *scan, struct node *node)
{
    struct gw_yaml_properties *all = &node->properties;

    if ((all->anchor.ptr != NULL && node->inner.anchor.ptr != NULL) ||
        (all->tag.ptr != NULL && node->inner.tag.ptr != NULL))
        return gw_yaml_fail(scan, "two anchors or two tags for one value");
    if (all->anchor.ptr == NULL)
        all->anchor = node->inner.anchor;
    if (all->tag.ptr == NULL)
        all->tag = node->inner.tag;
    return 0;
}

/* Properties stood on a line of their own: they are of the whole node. Its first key may have more
 * on the line that `at` is on. */
static int read_behind_properties(struct gw_yaml_scan *scan, struct node *node)
{
    for (;;) {
        unsigned line = scan->line;
        int rc = gw_yaml_read_properties(scan, false, &node->inner);
        if (rc != 0)
            return rc;
        if (node->inner.start == NULL)
            return read_content(scan, node);

        struct node after = *node;
        move_to_content(scan, &after);
        bool is_here = is_inside(scan, &after);
        if (is_here && scan->line == line)
            return read_content(scan, node);
        rc = merge_properties(scan, &after);
        if (rc == 0 && !is_here)
            rc = gw_yaml_add_empty(scan, &after.properties);
        if (rc != 0 || !is_here)
            return rc;
        *node = after;
    }
}

static int read_node(struct gw_yaml_scan *scan, int indent, enum place place, bool in_map)
{
    struct node node = {.parent = indent, .may_open = place == PLACE_COMPACT, .in_map = in_map};

    move_to_content(scan, &node);
    if (!is_inside(scan, &node))
        return gw_yaml_add_empty(scan, NULL);

    unsigned line = scan->line;
    int rc = gw_yaml_read_properties(scan, false, &node.inner);
    if (rc != 0)
        return rc;
    if (node.inner.start == NULL)
        return read_content(scan, &node);

    struct node after = node;
    move_to_content(scan, &after);
    if (!is_inside(scan, &after))
        return gw_yaml_add_empty(scan, &node.inner);
    if (scan->line == line) /* properties and content on one line: of the content, or its key */
        return read_content(scan, &node);

    after.properties = node.inner;
    return read_behind_properties(scan, &after);
}

/* --- documents -------------------------------------------------------------------------------- */

static struct gw_str read_word(struct gw_yaml_scan *scan)
{
    gw_yaml_skip_blanks(scan);
    const char *from = scan->at;

    while (!gw_yaml_is_space(*scan->at))
        scan->at++;
    return gw_str_from(from, (size_t)(scan->at - from));
}

static int read_tag_directive(struct gw_yaml_scan *scan)
{
    struct gw_str handle = read_word(scan);
    struct gw_str prefix = read_word(scan);

    if (!gw_str_has_prefix(handle, GW_STR("!")) || !gw_str_has_suffix(handle, GW_STR("!")) ||
        prefix.len == 0)
        return gw_yaml_fail(scan, "%%TAG needs a handle such as !e! and a prefix");
    for (size_t i = 0; i < scan->handle_count; i++)
        if (gw_str_equal(scan->handles[i].handle, handle))
            return gw_yaml_fail(scan, "%%TAG declares this handle a second time");
    if (scan->handle_count == GW_YAML_MAX_HANDLES)
        return gw_yaml_fail(scan, "more than %d %%TAG lines", GW_YAML_MAX_HANDLES);
    scan->handles[scan->handle_count].handle = handle;
    scan->handles[scan->handle_count++].prefix = prefix;
    return 0;
}

static int read_version(struct gw_yaml_scan *scan, bool *has_version)
{
    struct gw_str version = read_word(scan);
    uint64_t minor;

    if (*has_version)
        return gw_yaml_fail(scan, "a second %%YAML line for one document");
    if (!gw_str_has_prefix(version, GW_STR("1.")) ||
        gw_str_to_u64(gw_str_tail(version, 2), &minor) != 0)
        return gw_yaml_fail(scan, "only versions 1.x of YAML can be read");
    *has_version = true;
    return 0;
}

/* Other directives than %YAML and %TAG are to be ignored (chapter 6.8). */
static int read_directives(struct gw_yaml_scan *scan, bool *out_has_any)
{
    bool has_version = false;
    int rc = 0;

    while (rc == 0 && *scan->at == '%' && scan->at == scan->line_start) {
        struct gw_str name = read_word(scan);
        bool is_known = true;

        *out_has_any = true;
        if (gw_str_equal(name, GW_STR("%YAML")))
            rc = read_version(scan, &has_version);
        else if (gw_str_equal(name, GW_STR("%TAG")))
            rc = read_tag_directive(scan);
        else
            is_known = false;
        gw_yaml_skip_blanks(scan);
        if (rc == 0 && is_known && *scan->at != '#' && !gw_yaml_is_space(*scan->at))
            return gw_yaml_fail(scan, "unexpected text behind a directive");
        while (*scan->at != '\0' && !gw_yaml_is_break(*scan->at))
            scan->at++;
        gw_yaml_skip_to_content(scan);
    }
    return rc;
}

/* Behind the document: only "..." and comments may follow. */
static int read_end(struct gw_yaml_scan *scan)
{
    gw_yaml_skip_to_content(scan);
    while (gw_yaml_is_marker(scan) && *scan->at == '.') {
        scan->at += 3;
        unsigned line = scan->line;
        gw_yaml_skip_to_content(scan);
        if (*scan->at != '\0' && scan->line == line)
            return gw_yaml_fail(scan, "unexpected text behind \"...\"");
        if (*scan->at != '\0' && !gw_yaml_is_marker(scan))
            return gw_yaml_fail(scan, "a second document begins here; one file holds one document");
    }
    if (*scan->at == '\0')
        return 0;
    if (gw_yaml_is_marker(scan))
        return gw_yaml_fail(scan, "a second document begins here; one file holds one document");
    return gw_yaml_fail(scan, gw_yaml_is_first(scan)
                                  ? "this line does not belong to the value above it"
                                  : "unexpected text behind a value");
}

static int read_document(struct gw_yaml_scan *scan)
{
    bool has_directives = false;

    gw_yaml_skip_to_content(scan);
    int rc = read_directives(scan, &has_directives);
    if (rc != 0)
        return rc;

    bool has_start = gw_yaml_is_marker(scan) && *scan->at == '-';
    if (has_directives && !has_start)
        return gw_yaml_fail(scan, "\"---\" expected behind directives");
    if (*scan->at == '\0' || (gw_yaml_is_marker(scan) && !has_start))
        return gw_yaml_builder_fail(scan->builder, (struct gw_position){0, 0},
                                    "there is no document in it");
    if (has_start)
        scan->at += 3;
    rc = read_node(scan, -1, PLACE_LINE, false);
    return rc == 0 ? read_end(scan) : rc;
}

/* Well-formed UTF-8 without control characters (chapter 5.1), so that NUL can end the text. */
static int check_bytes(struct gw_yaml_scan *scan)
{
    while (scan->at < scan->end) {
        unsigned char byte = (unsigned char)*scan->at;
        size_t len =
            byte < 0x80 ? 1 : gw_utf8_length(gw_str_from(scan->at, (size_t)(scan->end - scan->at)));
        if (len == 0)
            return gw_yaml_fail(scan, "a byte that is no UTF-8");
        if (byte < 0x20 && !gw_yaml_is_blank((char)byte) && !gw_yaml_is_break((char)byte))
            return gw_yaml_fail(scan, "a control character (0x%02X)", byte);
        if (gw_yaml_is_break((char)byte))
            gw_yaml_skip_break(scan);
        else
            scan->at += len;
    }
    return 0;
}

static void rewind_to(struct gw_yaml_scan *scan, const char *from)
{
    scan->at = scan->counted = from;
    scan->line = 1;
    scan->column = 1;
    gw_yaml_line_begin(scan);
}

int gw_yaml_scan(struct gw_yaml_builder *builder, struct gw_str text)
{
    struct gw_yaml_scan scan = {.builder = builder, .end = text.ptr + text.len};

    if (gw_str_has_prefix(text, GW_STR("\xEF\xBB\xBF"))) /* a byte order mark is no content */
        text = gw_str_tail(text, 3);
    gw_buf_init(&scan.scratch, GW_DOCUMENT_MAX_BYTES * 2);
    rewind_to(&scan, text.ptr);
    int rc = check_bytes(&scan);
    if (rc == 0) {
        rewind_to(&scan, text.ptr);
        rc = read_document(&scan);
    }
    gw_buf_finish(&scan.scratch);
    return rc;
}
