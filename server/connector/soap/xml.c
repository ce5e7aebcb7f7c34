#include "server/connector/soap/xml.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <stdbool.h>

#include "server/core/arena.h"
#include "server/core/buf.h"

/* expat puts it between URI and local name: no URI can have it. */
#define SEPARATOR '\x01'
#define MAX_CHARSET_BYTES 40
#define KNOWN_NAMES 64 /* a power of two */

/* A name that was kept already: lists repeat theirs thousands of times. */
struct known_name {
    struct gw_str raw;
    struct soap_name name;
};

struct reader {
    struct gw_arena *arena;
    XML_Parser parser;
    struct gw_error *error;
    int rc; /* what went wrong in a callback */
    size_t depth, elements;
    struct soap_element *root, *current;
    struct gw_buf text; /* of `current` since its last tag */
    struct known_name known[KNOWN_NAMES];
};

/* --- what goes wrong -------------------------------------------------------------------------- */

static void stop(struct reader *reader, int rc, const char *what)
{
    if (reader->rc != 0)
        return;
    reader->rc = rc;
    XML_StopParser(reader->parser, XML_FALSE);
    if (rc == -EINVAL)
        reader->rc = gw_error_set(reader->error, rc, "line %lu: %s",
                                  (unsigned long)XML_GetCurrentLineNumber(reader->parser), what);
}

/* --- names and text --------------------------------------------------------------------------- */

static bool keep_text(struct reader *reader, struct gw_str text, struct gw_str *out)
{
    *out = gw_arena_copy(reader->arena, text);
    if (out->ptr == NULL)
        stop(reader, -ENOMEM, "");
    return out->ptr != NULL;
}

/* By length and the last bytes, where names of one namespace differ. */
static struct known_name *slot_of(struct reader *reader, struct gw_str raw)
{
    size_t sum = raw.len;

    for (size_t i = raw.len > 8 ? raw.len - 8 : 0; i < raw.len; i++)
        sum = sum * 31 + (unsigned char)raw.ptr[i];
    return &reader->known[sum & (KNOWN_NAMES - 1)];
}

static bool keep_name(struct reader *reader, const char *raw, struct soap_name *out_name)
{
    struct gw_str text = gw_str_of(raw);
    struct known_name *known = slot_of(reader, text);

    if (known->raw.ptr == NULL || !gw_str_equal(known->raw, text)) {
        struct gw_str whole;
        if (!keep_text(reader, text, &whole))
            return false;
        size_t at = gw_str_find(whole, SEPARATOR);
        known->raw = whole;
        known->name = (struct soap_name){GW_STR(""), whole};
        if (at < whole.len)
            known->name =
                (struct soap_name){gw_str_from(whole.ptr, at), gw_str_tail(whole, at + 1)};
    }
    *out_name = known->name;
    return true;
}

/* What has been collected becomes part of the current element's text. */
static void end_text(struct reader *reader)
{
    struct soap_element *element = reader->current;
    struct gw_str more = gw_buf_str(&reader->text);

    if (reader->text.has_failed) {
        stop(reader, -ENOMEM, "");
        return;
    }
    if (more.len == 0 || element == NULL)
        return;
    const struct gw_str parts[] = {element->text, more};
    element->text = gw_arena_join(reader->arena, parts, GW_COUNT_OF(parts));
    if (element->text.ptr == NULL)
        stop(reader, -ENOMEM, "");
    gw_buf_clear(&reader->text);
}

/* White space between two elements says nothing, and would be joined to itself again and again. */
static void drop_space(struct reader *reader)
{
    if (soap_trim(gw_buf_str(&reader->text)).len == 0)
        gw_buf_clear(&reader->text);
}

/* --- what expat calls ------------------------------------------------------------------------- */

static bool keep_attributes(struct reader *reader, struct soap_element *element, const char **raw)
{
    size_t count = 0;

    while (raw[2 * count] != NULL)
        count++;
    if (count == 0)
        return true;
    if (count > SOAP_XML_MAX_ATTRIBUTES) {
        stop(reader, -EINVAL, "too many attributes");
        return false;
    }
    element->attributes = gw_arena_calloc(reader->arena, count, sizeof(*element->attributes));
    if (element->attributes == NULL) {
        stop(reader, -ENOMEM, "");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct soap_attribute *attribute = &element->attributes[i];
        if (!keep_name(reader, raw[2 * i], &attribute->name) ||
            !keep_text(reader, gw_str_of(raw[2 * i + 1]), &attribute->value))
            return false;
    }
    element->attribute_count = count;
    return true;
}

static void add_child(struct soap_element *parent, struct soap_element *child)
{
    child->parent = parent;
    if (parent->last_child == NULL)
        parent->first_child = child;
    else
        parent->last_child->next = child;
    parent->last_child = child;
    parent->child_count++;
}

static void XMLCALL on_start(void *self, const char *name, const char **attributes)
{
    struct reader *reader = self;

    if (reader->rc != 0)
        return; /* expat calls a little on after it was stopped */
    drop_space(reader);
    end_text(reader);
    if (reader->depth >= SOAP_XML_MAX_DEPTH || reader->elements >= SOAP_XML_MAX_ELEMENTS) {
        stop(reader, -EINVAL, "too deep, or too many elements");
        return;
    }
    struct soap_element *element = gw_arena_calloc(reader->arena, 1, sizeof(*element));
    if (element == NULL) {
        stop(reader, -ENOMEM, "");
        return;
    }
    element->text = GW_STR("");
    if (!keep_name(reader, name, &element->name) || !keep_attributes(reader, element, attributes))
        return;
    if (reader->current != NULL)
        add_child(reader->current, element);
    else
        reader->root = element;
    reader->current = element;
    reader->depth++;
    reader->elements++;
}

static void XMLCALL on_end(void *self, const char *name)
{
    struct reader *reader = self;

    (void)name;
    if (reader->rc != 0)
        return;
    if (reader->current->child_count > 0)
        drop_space(reader);
    end_text(reader);
    reader->current = reader->current->parent;
    reader->depth--;
}

static void XMLCALL on_text(void *self, const char *bytes, int len)
{
    struct reader *reader = self;

    if (reader->rc == 0)
        gw_buf_append(&reader->text, bytes, (size_t)len);
}

static void XMLCALL on_doctype(void *self, const char *name, const char *system, const char *public,
                               int has_internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal;
    stop(self, -EINVAL, "a document type (DTD) is not allowed");
}

/* What Windows calls "ANSI"; the five bytes that it leaves free stand for nothing. */
static int XMLCALL on_encoding(void *self, const char *name, XML_Encoding *encoding)
{
    static const short high[32] = {
        0x20ac, -1,     0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, -1,     0x017d, -1,     -1,     0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, -1,     0x017e, 0x0178,
    };

    (void)self;
    if (!gw_str_equal_nocase(gw_str_of(name), GW_STR("windows-1252")))
        return XML_STATUS_ERROR;
    for (int i = 0; i < 256; i++)
        encoding->map[i] = i >= 0x80 && i < 0xa0 ? high[i - 0x80] : i;
    return XML_STATUS_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool has_byte_order_mark(struct gw_str text)
{
    return gw_str_has_prefix(text, GW_STR("\xef\xbb\xbf")) ||
           gw_str_has_prefix(text, GW_STR("\xff\xfe")) ||
           gw_str_has_prefix(text, GW_STR("\xfe\xff"));
}

static XML_Parser create_parser(struct gw_str text, struct gw_str charset, struct reader *reader)
{
    char name[MAX_CHARSET_BYTES + 1] = "";

    if (!has_byte_order_mark(text) && charset.len <= MAX_CHARSET_BYTES && charset.len > 0)
        memcpy(name, charset.ptr, charset.len);
    XML_Parser parser = XML_ParserCreateNS(name[0] == '\0' ? NULL : name, SEPARATOR);
    if (parser == NULL)
        return NULL;
    XML_SetUserData(parser, reader);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    XML_SetUnknownEncodingHandler(parser, on_encoding, NULL);
    return parser;
}

static int parse(struct reader *reader, struct gw_str text)
{
    bool is_right = XML_Parse(reader->parser, text.ptr, (int)text.len, 1) == XML_STATUS_OK;

    if (reader->rc != 0)
        return reader->rc;
    if (is_right)
        return 0;
    enum XML_Error code = XML_GetErrorCode(reader->parser);
    if (code == XML_ERROR_NO_MEMORY)
        return -ENOMEM;
    return gw_error_set(reader->error, -EINVAL, "line %lu: %s",
                        (unsigned long)XML_GetCurrentLineNumber(reader->parser),
                        XML_ErrorString(code));
}

int soap_xml_read(struct gw_arena *arena, struct gw_str text, struct gw_str charset,
                  struct soap_element **out_root, struct gw_error *error)
{
    struct reader reader = {.arena = arena, .error = error};

    if (text.len == 0 || text.len > INT_MAX / 2)
        return gw_error_set(error, -EINVAL, "empty, or too long");
    reader.parser = create_parser(text, charset, &reader);
    if (reader.parser == NULL)
        return -ENOMEM;
    gw_buf_init(&reader.text, 4 * text.len); /* the most that a byte becomes in UTF-8 */
    int rc = parse(&reader, text);
    gw_buf_finish(&reader.text);
    XML_ParserFree(reader.parser);
    if (rc == 0)
        *out_root = reader.root;
    return rc;
}

/* --- looking ---------------------------------------------------------------------------------- */

bool soap_name_is(const struct soap_name *name, struct gw_str uri, struct gw_str local)
{
    return gw_str_equal(name->local, local) && gw_str_equal(name->uri, uri);
}

const struct soap_element *soap_child(const struct soap_element *element, struct gw_str uri,
                                      struct gw_str local)
{
    const struct soap_element *child = element == NULL ? NULL : element->first_child;

    while (child != NULL && !soap_name_is(&child->name, uri, local))
        child = child->next;
    return child;
}

struct gw_str soap_attribute_value(const struct soap_element *element, struct gw_str uri,
                                   struct gw_str local)
{
    for (size_t i = 0; i < element->attribute_count; i++) {
        if (soap_name_is(&element->attributes[i].name, uri, local))
            return element->attributes[i].value;
    }
    return gw_str_from(NULL, 0);
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

struct gw_str soap_trim(struct gw_str text)
{
    while (text.len > 0 && is_space(text.ptr[0]))
        text = gw_str_tail(text, 1);
    while (text.len > 0 && is_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}
