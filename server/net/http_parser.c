#include "server/net/http_parser.h"

#include <errno.h>
#include <string.h>

#include "server/net/http_bytes.h"

#define STATUS_LINE_BYTES 12 /* HTTP/1.1 200 */

void gw_http_head_parser_init(struct gw_http_head_parser *parser, size_t max_bytes)
{
    /* Not the fields: that is 4 KiB to clear for each answer. */
    memset(parser, 0, offsetof(struct gw_http_head_parser, head));
    memset(&parser->head, 0, offsetof(struct gw_http_head, fields));
    parser->max_bytes = max_bytes != 0 ? max_bytes : GW_HTTP_MAX_HEAD_BYTES;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* RFC 9112 section 4. The space before an empty reason may be missing. */
static bool parse_status_line(struct gw_http_head *head, struct gw_str line)
{
    const char *at = line.ptr;

    if (line.len < STATUS_LINE_BYTES || memcmp(at, "HTTP/1.", 7) != 0 ||
        (at[7] != '0' && at[7] != '1') || at[8] != ' ')
        return false;
    if (at[9] < '1' || at[9] > '5' || !is_digit(at[10]) || !is_digit(at[11]))
        return false;
    head->status = (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
    head->is_http_1_0 = at[7] == '0';
    if (line.len == STATUS_LINE_BYTES)
        return true;
    head->reason = gw_str_tail(line, STATUS_LINE_BYTES + 1);
    return at[STATUS_LINE_BYTES] == ' ' && gw_http_is_value(head->reason);
}

/* --- fields that mean something to the connection --- */

static const char *take_length(struct gw_http_head *head, struct gw_str value)
{
    if (head->has_length)
        return "more than one Content-Length";
    if (gw_str_to_u64(value, &head->length) != 0 || head->length > INT64_MAX)
        return "Content-Length is not one number";
    head->has_length = true;
    return NULL;
}

static const char *take_coding(struct gw_http_head *head, struct gw_str value)
{
    if (head->is_chunked || !gw_str_equal_nocase(value, GW_STR("chunked")))
        return "a Transfer-Encoding other than one \"chunked\"";
    head->is_chunked = true;
    return NULL;
}

static const char *take_connection(struct gw_http_head_parser *parser, struct gw_str value)
{
    struct gw_str option;

    while (gw_str_split(&value, ',', &option)) {
        option = gw_str_trim(option);
        if (option.len == 0)
            continue;
        if (!gw_http_is_token(option))
            return "Connection is not a list of tokens";
        if (gw_str_equal_nocase(option, GW_STR("close")))
            parser->closes = true;
        else if (gw_str_equal_nocase(option, GW_STR("keep-alive")))
            parser->keeps_alive = true;
        else
            parser->has_nominations = true;
    }
    return NULL;
}

enum role { END_TO_END, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE, DROPPED };

/* By length first: nearly all names are done with after one comparison. */
static enum role role_of(struct gw_str name)
{
    static const struct {
        struct gw_str name;
        enum role role;
    } known[] = {
        {GW_STR_INIT("TE"), DROPPED},
        {GW_STR_INIT("Trailer"), DROPPED},
        {GW_STR_INIT("Upgrade"), UPGRADE},
        {GW_STR_INIT("Connection"), CONNECTION},
        {GW_STR_INIT("Keep-Alive"), DROPPED},
        {GW_STR_INIT("Content-Length"), CONTENT_LENGTH},
        {GW_STR_INIT("Proxy-Connection"), DROPPED},
        {GW_STR_INIT("Transfer-Encoding"), TRANSFER_ENCODING},
    };
    static const uint32_t lengths = 1U << 2 | 1U << 7 | 1U << 10 | 1U << 14 | 1U << 16 | 1U << 17;

    if (name.len > 17 || (lengths >> name.len & 1) == 0)
        return END_TO_END;
    for (size_t at = 0; at < GW_COUNT_OF(known); at++) {
        if (gw_str_equal_nocase(name, known[at].name))
            return known[at].role;
    }
    return END_TO_END;
}

static const char *take_field(struct gw_http_head_parser *parser, struct gw_str name,
                              struct gw_str value)
{
    struct gw_http_head *head = &parser->head;

    switch (role_of(name)) {
    case END_TO_END:
        head->fields[head->field_count++] = (struct gw_field){name, value};
        return NULL;
    case CONTENT_LENGTH:
        return take_length(head, value);
    case TRANSFER_ENCODING:
        return take_coding(head, value);
    case CONNECTION:
        /* Kept until the end: which fields it names can be told only when all are there. */
        head->fields[head->field_count++] = (struct gw_field){name, value};
        return take_connection(parser, value);
    case UPGRADE:
        head->upgrade = value;
        break;
    case DROPPED:
        break;
    }
    return NULL;
}

static const char *parse_field_line(struct gw_http_head_parser *parser, struct gw_str line)
{
    size_t len = 0;

    while (len < line.len && gw_http_token_bytes[(uint8_t)line.ptr[len]])
        len++;
    if (len == 0 || len == line.len || line.ptr[len] != ':')
        return "a field's name is not a token followed by a colon";
    struct gw_str value = gw_str_trim(gw_str_tail(line, len + 1));

    if (!gw_http_is_value(value))
        return "a control byte in a field's value";
    return take_field(parser, gw_str_from(line.ptr, len), value);
}

/* --- the end of the head --- */

static bool has_option(struct gw_str list, struct gw_str wanted)
{
    struct gw_str option;

    while (gw_str_split(&list, ',', &option)) {
        if (gw_str_equal_nocase(gw_str_trim(option), wanted))
            return true;
    }
    return false;
}

static bool is_nominated(const struct gw_field *connections, size_t count, struct gw_str name)
{
    for (size_t at = 0; at < count; at++) {
        if (has_option(connections[at].value, name))
            return true;
    }
    return false;
}

static bool is_connection(const struct gw_field *field)
{
    return field->name.len == 10 && gw_str_equal_nocase(field->name, GW_STR("Connection"));
}

/* Drops Connection and the fields it names. More than four of them are none of a sane peer's. */
static const char *strip(struct gw_http_head_parser *parser)
{
    struct gw_http_head *head = &parser->head;
    struct gw_field connections[4];
    size_t connection_count = 0, kept = 0;

    for (size_t at = 0; at < head->field_count; at++) {
        if (!is_connection(&head->fields[at]))
            continue;
        if (connection_count == GW_COUNT_OF(connections))
            return "more than four Connection fields";
        connections[connection_count++] = head->fields[at];
    }
    if (connection_count == 0)
        return NULL;
    for (size_t at = 0; at < head->field_count; at++) {
        const struct gw_field *field = &head->fields[at];

        if (is_connection(field) ||
            (parser->has_nominations && is_nominated(connections, connection_count, field->name)))
            continue;
        head->fields[kept++] = *field;
    }
    head->field_count = kept;
    return NULL;
}

static const char *finish(struct gw_http_head_parser *parser)
{
    struct gw_http_head *head = &parser->head;

    if (head->is_chunked && head->has_length)
        return "Transfer-Encoding together with Content-Length";
    if (head->is_chunked && head->is_http_1_0)
        return "Transfer-Encoding in HTTP/1.0";
    /* RFC 9110 section 8.6, RFC 9112 section 6.1: a sender must not; a body might follow. */
    if (head->status < 200 || head->status == 204) {
        if (head->is_chunked || (head->has_length && head->length > 0))
            return "a body announced where none may be";
    }
    head->is_persistent = !parser->closes && (!head->is_http_1_0 || parser->keeps_alive);
    return strip(parser);
}

/* --- lines --- */

/* Takes the next line off, without its CRLF. Returns its length with it, 0 if it is not complete.
 */
static ssize_t next_line(struct gw_http_head_parser *parser, struct gw_str input,
                         struct gw_str *out_line)
{
    const char *begin = input.ptr + parser->line_at;
    size_t scan_from =
        parser->searched_to > parser->line_at ? parser->searched_to : parser->line_at;
    size_t limit = input.len < parser->max_bytes ? input.len : parser->max_bytes;
    const char *end =
        scan_from < limit ? memchr(input.ptr + scan_from, '\n', limit - scan_from) : NULL;

    if (end == NULL) {
        parser->searched_to = limit;
        return limit == parser->max_bytes ? -EMSGSIZE : 0;
    }
    if (end == begin || end[-1] != '\r')
        return -EBADMSG;
    *out_line = gw_str_from(begin, (size_t)(end - begin) - 1);
    return end - begin + 1;
}

static const char *take_line(struct gw_http_head_parser *parser, struct gw_str line)
{
    if (parser->has_status_line)
        return parse_field_line(parser, line);
    parser->has_status_line = true;
    return parse_status_line(&parser->head, line) ? NULL : "not the status line of HTTP/1.0 or 1.1";
}

ssize_t gw_http_head_parse(struct gw_http_head_parser *parser, struct gw_str input,
                           const char **out_why)
{
    for (;;) {
        struct gw_str line;
        ssize_t len = next_line(parser, input, &line);

        if (len == -EBADMSG)
            *out_why = "a line does not end in CRLF";
        if (len <= 0)
            return len;
        parser->line_at += (size_t)len;
        if (line.len == 0 && parser->has_status_line) {
            *out_why = finish(parser);
            return *out_why == NULL ? (ssize_t)parser->line_at : -EBADMSG;
        }
        if (parser->has_status_line && parser->line_count++ == GW_HTTP_MAX_FIELDS)
            return -EMSGSIZE;
        *out_why = take_line(parser, line);
        if (*out_why != NULL)
            return -EBADMSG;
    }
}

enum gw_http_framing gw_http_head_framing(const struct gw_http_head *head, bool is_to_head)
{
    if (is_to_head || head->status < 200 || head->status == 204 || head->status == 304)
        return GW_HTTP_NO_BODY;
    if (head->is_chunked)
        return GW_HTTP_BY_CHUNKS;
    if (head->has_length)
        return GW_HTTP_BY_LENGTH;
    return GW_HTTP_BY_CLOSE;
}
