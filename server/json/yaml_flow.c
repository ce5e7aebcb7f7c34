/* Flow collections: [a, b] and {a: b} (YAML 1.2, chapter 7.4). */
#include "server/json/yaml_scan.h"

static int read_list(struct gw_yaml_scan *scan, int indent);
static int read_map(struct gw_yaml_scan *scan, int indent);

/* Skips to the next sign or value. Lines must be deeper than the parent; only a closing bracket may
 * stand at the parent's own column, as people write it. */
static int skip(struct gw_yaml_scan *scan, int indent)
{
    gw_yaml_skip_to_content(scan);
    bool is_closing = *scan->at == ']' || *scan->at == '}';

    if (gw_yaml_is_over(scan))
        return gw_yaml_fail(scan, "the text ends before a closing bracket");
    if (*scan->at == '#')
        return gw_yaml_fail(scan, "a comment needs white space before it");
    if (gw_yaml_is_first(scan) && scan->indent <= indent && !(is_closing && scan->indent == indent))
        return gw_yaml_fail(scan, "this line must be indented deeper, within brackets or not");
    return 0;
}

static bool is_value_sign(const struct gw_yaml_scan *scan, bool is_json_like)
{
    char next = scan->at[1];

    return *scan->at == ':' &&
           (is_json_like || gw_yaml_is_space(next) || gw_yaml_is_flow_sign(next));
}

static bool is_key_sign(const struct gw_yaml_scan *scan)
{
    return *scan->at == '?' && gw_yaml_is_space(scan->at[1]);
}

static bool is_end_of_entry(const struct gw_yaml_scan *scan)
{
    return *scan->at == ',' || *scan->at == ']' || *scan->at == '}';
}

/* What one entry begins with. A collection is in the graph already, a scalar is not. */
struct entry {
    struct gw_yaml_properties properties;
    struct gw_yaml_node scalar;
    bool is_collection, is_empty, is_json_like;
    unsigned line;
};

static int read_entry(struct gw_yaml_scan *scan, int indent, struct entry *entry)
{
    entry->line = scan->line;
    int rc = gw_yaml_read_properties(scan, true, &entry->properties);
    if (rc == 0)
        rc = skip(scan, indent);
    if (rc != 0)
        return rc;
    if (*scan->at == '[' || *scan->at == '{') {
        entry->is_collection = entry->is_json_like = true;
        return gw_yaml_read_flow(scan, indent, &entry->properties);
    }
    if (is_end_of_entry(scan) || is_value_sign(scan, false)) {
        entry->is_empty = true;
        return 0;
    }
    entry->is_json_like = *scan->at == '"' || *scan->at == '\'';
    return gw_yaml_read_scalar(scan, indent, true, &entry->scalar);
}

static int add_entry(struct gw_yaml_scan *scan, struct entry *entry)
{
    if (entry->is_collection)
        return 0;
    if (entry->is_empty)
        return gw_yaml_add_empty(scan, &entry->properties);
    return gw_yaml_add(scan, &entry->scalar, &entry->properties);
}

/* The value of a pair, `at` at what follows the key. */
static int read_value(struct gw_yaml_scan *scan, int indent, bool is_json_like)
{
    struct entry value = {0};

    if (!is_value_sign(scan, is_json_like))
        return gw_yaml_add_empty(scan, NULL);
    scan->at++;
    int rc = skip(scan, indent);
    if (rc == 0)
        rc = read_entry(scan, indent, &value);
    return rc == 0 ? add_entry(scan, &value) : rc;
}

/* A key without its "?", then its value. */
static int read_pair(struct gw_yaml_scan *scan, int indent)
{
    struct entry key = {0};
    int rc = read_entry(scan, indent, &key);

    if (rc == 0)
        rc = add_entry(scan, &key);
    if (rc == 0)
        rc = skip(scan, indent);
    return rc == 0 ? read_value(scan, indent, key.is_json_like) : rc;
}

static int open_pair(struct gw_yaml_scan *scan, struct gw_position position)
{
    struct gw_yaml_node node = {.kind = GW_YAML_MAP, .position = position};

    return gw_yaml_add(scan, &node, NULL);
}

/* An item of a list that turned out to be the key of a map with one pair. */
static int read_single_pair(struct gw_yaml_scan *scan, int indent, struct entry *key)
{
    if (key->is_collection)
        return gw_yaml_fail(scan, "a key must be a scalar, not a list or a map");
    if (key->line != scan->line)
        return gw_yaml_fail(scan, "the key of a single pair must stand on one line with its \":\"");

    int rc = open_pair(scan, key->is_empty ? gw_yaml_here(scan) : key->scalar.position);
    if (rc == 0)
        rc = add_entry(scan, key);
    if (rc == 0)
        rc = read_value(scan, indent, key->is_json_like);
    if (rc == 0)
        gw_yaml_builder_close(scan->builder);
    return rc;
}

static int read_item(struct gw_yaml_scan *scan, int indent)
{
    struct entry item = {0};
    int rc;

    if (is_key_sign(scan)) {
        rc = open_pair(scan, gw_yaml_here(scan));
        scan->at++;
        if (rc == 0)
            rc = skip(scan, indent);
        if (rc == 0)
            rc = read_pair(scan, indent);
        if (rc == 0)
            gw_yaml_builder_close(scan->builder);
        return rc;
    }
    rc = read_entry(scan, indent, &item);
    if (rc == 0)
        rc = skip(scan, indent);
    if (rc != 0)
        return rc;
    if (is_value_sign(scan, item.is_json_like))
        return read_single_pair(scan, indent, &item);
    if (item.is_empty && item.properties.start == NULL)
        return gw_yaml_fail(scan, "a value expected");
    return add_entry(scan, &item);
}

/* Behind an entry: past its comma, or up to the closing bracket. */
static int read_comma(struct gw_yaml_scan *scan, int indent, char closing)
{
    int rc = skip(scan, indent);

    if (rc != 0)
        return rc;
    if (*scan->at == ',') {
        scan->at++;
        return skip(scan, indent);
    }
    return *scan->at == closing ? 0 : gw_yaml_fail(scan, "\",\" or \"%c\" expected", closing);
}

static int read_list(struct gw_yaml_scan *scan, int indent)
{
    int rc = skip(scan, indent);

    while (rc == 0 && *scan->at != ']') {
        rc = read_item(scan, indent);
        if (rc == 0)
            rc = read_comma(scan, indent, ']');
    }
    return rc;
}

static int read_map(struct gw_yaml_scan *scan, int indent)
{
    int rc = skip(scan, indent);

    while (rc == 0 && *scan->at != '}') {
        if (*scan->at == ',')
            return gw_yaml_fail(scan, "a key expected");
        if (is_key_sign(scan)) {
            scan->at++;
            rc = skip(scan, indent);
        }
        if (rc == 0)
            rc = read_pair(scan, indent);
        if (rc == 0)
            rc = read_comma(scan, indent, '}');
    }
    return rc;
}

int gw_yaml_read_flow(struct gw_yaml_scan *scan, int indent,
                      const struct gw_yaml_properties *properties)
{
    bool is_list = *scan->at == '[';
    struct gw_yaml_node node = {
        .kind = is_list ? GW_YAML_LIST : GW_YAML_MAP,
        .position = gw_yaml_here(scan),
    };
    int rc = gw_yaml_add(scan, &node, properties);

    scan->at++;
    if (rc == 0)
        rc = is_list ? read_list(scan, indent) : read_map(scan, indent);
    if (rc != 0)
        return rc;
    scan->at++;
    gw_yaml_builder_close(scan->builder);
    return 0;
}
