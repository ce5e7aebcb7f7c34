#include "server/http/request_head.h"

/* RFC 9110, section 5.6.2: token characters. */
static const unsigned char token_bytes[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

static bool is_token(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!token_bytes[(unsigned char)text.ptr[i]])
            return false;
    }
    return text.len > 0;
}

static bool has_control(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return true;
    }
    return false;
}

/* From the colon's NUL to the value there is only white space; behind the value CR LF was. */
static bool lies_as_one_line(const char *line, const struct gw_field *field, const char **out_next)
{
    const char *value = field->value.ptr;

    if (field->name.ptr != line || line[field->name.len] != '\0')
        return false;
    const char *at = line + field->name.len + 1;
    while (at != value && (*at == ' ' || *at == '\t'))
        at++;
    if (at != value || value[field->value.len] != '\0' || value[field->value.len + 1] != '\0')
        return false;
    *out_next = value + field->value.len + 2;
    return true;
}

const char *gw_request_head_flaw(const struct gw_raw_head *head)
{
    struct gw_str method = gw_str_of(head->method);
    struct gw_str version = gw_str_of(head->version);

    if (!is_token(method))
        return "the method is not a token";
    if (!gw_str_equal(version, GW_STR("HTTP/1.1")) && !gw_str_equal(version, GW_STR("HTTP/1.0")))
        return "the version is neither HTTP/1.1 nor HTTP/1.0";
    if (head->target != head->method + method.len + 1 ||
        head->version != head->target + head->target_len + 1)
        return "the request line has other than single spaces";

    const char *line = head->version + version.len;
    if (line[0] != '\0' || line[1] != '\0')
        return "the request line does not end in CR LF";
    line += 2;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct gw_field *field = &head->fields[i];
        if (!is_token(field->name))
            return "a field name is not a token";
        if (has_control(field->value))
            return "a field value has a control byte";
        if (!lies_as_one_line(line, field, &line))
            return "a field line is folded, holds a NUL or does not end in CR LF";
    }
    /* What lies behind the head may be NULs too, so they alone do not tell its end. */
    if (line + 2 != head->method + head->head_bytes || line[0] != '\0' || line[1] != '\0')
        return "the head does not end in CR LF";
    return NULL;
}

static bool is_target_text(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte <= 0x20 || byte >= 0x7f || byte == '#')
            return false;
    }
    return true;
}

/* RFC 9110, section 7.2, in the characters that a host and port are made of. */
static bool is_host(struct gw_str host)
{
    for (size_t i = 0; i < host.len; i++) {
        unsigned char byte = (unsigned char)host.ptr[i];
        bool is_alnum = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                        (byte >= 'A' && byte <= 'Z');
        if (!is_alnum && (byte == 0 || strchr("-._~!$&'()*+,;=:[]%", byte) == NULL))
            return false;
    }
    return true;
}

/* RFC 9112, section 3.2.2: "http://host/path?query". */
static bool take_authority(struct gw_request *request, struct gw_str *target)
{
    struct gw_str rest = *target;

    if (gw_str_has_prefix_nocase(rest, GW_STR("http://")))
        rest = gw_str_tail(rest, 7);
    else if (gw_str_has_prefix_nocase(rest, GW_STR("https://")))
        rest = gw_str_tail(rest, 8);
    else
        return false;
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    struct gw_str authority = gw_str_from(rest.ptr, end);
    if (end == 0 || !is_host(authority)) /* which also keeps user information out */
        return false;
    request->host = authority;
    *target = gw_str_tail(rest, end);
    return true;
}

const char *gw_request_target_flaw(struct gw_request *request, struct gw_str target)
{
    if (target.len == 0 || !is_target_text(target))
        return "the target has bytes that a URI cannot have";
    request->target = target;
    if (gw_str_equal(target, GW_STR("*"))) {
        request->path = target;
        return request->method == GW_METHOD_OPTIONS ? NULL : "the target * is for OPTIONS only";
    }
    if (target.ptr[0] != '/' && !take_authority(request, &target))
        return "the target is neither a path nor an http URI";

    size_t path_len = gw_str_find(target, '?');
    request->path = path_len == 0 ? GW_STR("/") : gw_str_from(target.ptr, path_len);
    request->query = path_len < target.len ? gw_str_tail(target, path_len + 1) : GW_STR("");
    return NULL;
}

struct framing_fields {
    const struct gw_str *host, *content_length, *transfer_encoding;
    size_t host_count, content_length_count, transfer_encoding_count;
};

static struct framing_fields find_framing(const struct gw_request *request)
{
    struct framing_fields found = {0};

    for (size_t i = 0; i < request->field_count; i++) {
        const struct gw_field *field = &request->fields[i];
        if (field->name.len == 4 && gw_str_equal_nocase(field->name, GW_STR("host"))) {
            found.host = &field->value;
            found.host_count++;
        } else if (field->name.len == 14 &&
                   gw_str_equal_nocase(field->name, GW_STR("content-length"))) {
            found.content_length = &field->value;
            found.content_length_count++;
        } else if (field->name.len == 17 &&
                   gw_str_equal_nocase(field->name, GW_STR("transfer-encoding"))) {
            found.transfer_encoding = &field->value;
            found.transfer_encoding_count++;
        }
    }
    return found;
}

static const char *host_flaw(struct gw_request *request, const struct framing_fields *found,
                             bool is_http_1_0)
{
    if (found->host_count > 1 || (found->host_count == 0 && !is_http_1_0))
        return "there is not exactly one Host";
    if (found->host_count == 1 && !is_host(*found->host))
        return "Host is not a host";
    if (request->host.len == 0 && found->host_count == 1) /* an absolute target's host goes first */
        request->host = *found->host;
    return NULL;
}

const char *gw_request_framing_flaw(struct gw_request *request, bool is_http_1_0)
{
    struct framing_fields found = find_framing(request);
    uint64_t length;

    request->body_bytes = 0;
    if (found.transfer_encoding_count > 0) {
        if (found.content_length_count > 0)
            return "both Content-Length and Transfer-Encoding are given";
        if (found.transfer_encoding_count > 1 || is_http_1_0 ||
            !gw_str_equal_nocase(*found.transfer_encoding, GW_STR("chunked")))
            return "Transfer-Encoding is not just chunked";
        request->body_bytes = -1;
    } else if (found.content_length_count > 0) {
        if (found.content_length_count > 1 || gw_str_to_u64(*found.content_length, &length) != 0 ||
            length > INT64_MAX)
            return "Content-Length is not one number";
        request->body_bytes = (int64_t)length;
    }
    return host_flaw(request, &found, is_http_1_0);
}
