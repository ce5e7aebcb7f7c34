#include "policies/transform/template.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/transform/query.h"
#include "server/contract/operation.h"
#include "server/json/reader.h"
#include "server/json/uri.h"

#define MAX_PIECES 32

enum source { LITERAL, PATH, QUERY, HEADER, CLAIM, CONSUMER, REQUEST_ID, TRACE_ID, METHOD, PEER };

struct piece {
    enum source source;
    struct gw_str text; /* the literal, or the name */
};

struct template
{
    struct piece pieces[MAX_PIECES];
    size_t count;
    char *bytes; /* of the texts */
};

static const struct {
    struct gw_str text;
    enum source source;
    bool is_named;
} sources[] = {
    {GW_STR_INIT("path."), PATH, true},         {GW_STR_INIT("query."), QUERY, true},
    {GW_STR_INIT("header."), HEADER, true},     {GW_STR_INIT("claim."), CLAIM, true},
    {GW_STR_INIT("consumer"), CONSUMER, false}, {GW_STR_INIT("request_id"), REQUEST_ID, false},
    {GW_STR_INIT("trace_id"), TRACE_ID, false}, {GW_STR_INIT("method"), METHOD, false},
    {GW_STR_INIT("peer"), PEER, false},
};

/* --- making --- */

static bool read_place(struct gw_str inner, struct piece *out_piece)
{
    for (size_t i = 0; i < GW_COUNT_OF(sources); i++) {
        bool fits = sources[i].is_named ? gw_str_has_prefix(inner, sources[i].text) &&
                                              inner.len > sources[i].text.len
                                        : gw_str_equal(inner, sources[i].text);
        if (!fits)
            continue;
        *out_piece = (struct piece){
            sources[i].source,
            gw_str_tail(inner, sources[i].is_named ? sources[i].text.len : inner.len)};
        return true;
    }
    return false;
}

static int add_literal(struct template *template, char **at, const char *from, size_t len,
                       struct gw_error *error)
{
    struct piece *last = template->count > 0 ? &template->pieces[template->count - 1] : NULL;

    memcpy(*at, from, len);
    if (last != NULL && last->source == LITERAL) {
        last->text.len += len; /* literals lie one behind the other */
    } else if (template->count == MAX_PIECES) {
        return gw_error_set(error, -EINVAL, "there are more than %d pieces", MAX_PIECES);
    } else {
        template->pieces[template->count++] = (struct piece){LITERAL, gw_str_from(*at, len)};
    }
    *at += len;
    return 0;
}

static int add_place(struct template *template, char **at, struct gw_str text, size_t open,
                     size_t close, struct gw_error *error)
{
    struct gw_str inner = gw_str_from(text.ptr + open + 1, close - open - 1);
    struct piece piece;

    if (!read_place(inner, &piece))
        return gw_error_set(error, -EINVAL,
                            "at byte %zu: {%.*s} is none of {path.NAME}, {query.NAME}, "
                            "{header.NAME}, {claim.NAME}, {consumer}, {request_id}, {trace_id}, "
                            "{method}, {peer}",
                            open + 1, GW_STR_ARG(inner));
    if (template->count == MAX_PIECES)
        return gw_error_set(error, -EINVAL, "there are more than %d pieces", MAX_PIECES);
    memcpy(*at, piece.text.ptr, piece.text.len);
    piece.text.ptr = *at;
    *at += piece.text.len;
    template->pieces[template->count++] = piece;
    return 0;
}

static int read_text(struct template *template, struct gw_str text, struct gw_error *error)
{
    char *at = template->bytes;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < text.len; i++) {
        char c = text.ptr[i];
        bool is_doubled = i + 1 < text.len && text.ptr[i + 1] == c;
        if ((c == '{' || c == '}') && is_doubled) {
            rc = add_literal(template, &at, &text.ptr[i++], 1, error);
        } else if (c == '{') {
            size_t close = i + gw_str_find(gw_str_tail(text, i), '}');
            if (close == text.len)
                return gw_error_set(error, -EINVAL, "at byte %zu: the brace is not closed", i + 1);
            rc = add_place(template, &at, text, i, close, error);
            i = close;
        } else if (c == '}') {
            return gw_error_set(error, -EINVAL, "at byte %zu: a brace that nothing opens", i + 1);
        } else {
            rc = add_literal(template, &at, &text.ptr[i], 1, error);
        }
    }
    return rc;
}

int template_create(struct gw_str text, struct template **out_template, struct gw_error *error)
{
    struct template *template = calloc(1, sizeof(*template));

    if (template == NULL || (template->bytes = malloc(text.len + 1)) == NULL) {
        free(template);
        return gw_error_set(error, -ENOMEM, "out of memory");
    }
    int rc = read_text(template, text, error);
    if (rc != 0) {
        template_destroy(template);
        return rc;
    }
    *out_template = template;
    return 0;
}

void template_destroy(struct template *template)
{
    if (template == NULL)
        return;
    free(template->bytes);
    free(template);
}

/* --- filling in --- */

static int path_value(struct gw_exchange *ex, struct gw_str name, struct gw_str *out_value)
{
    const struct gw_operation *operation = ex->operation;

    for (size_t i = 0; operation != NULL && i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        if (parameter->place != GW_IN_PATH || !gw_str_equal(parameter->name, name) ||
            parameter->path_index >= ex->path_parameter_count)
            continue;
        struct gw_str raw = ex->path_parameters[parameter->path_index];
        char *text = gw_arena_alloc(&ex->arena, raw.len + 1);
        size_t len;
        if (text == NULL)
            return -ENOMEM;
        if (!gw_uri_percent_decode(raw, text, &len))
            return -EINVAL;
        *out_value = gw_str_from(text, len);
        return 0;
    }
    return -ENOENT;
}

static int header_value(const struct gw_exchange *ex, struct gw_str name, struct gw_str *out_value)
{
    const struct gw_str *value = gw_request_field(ex, name);

    if (value == NULL)
        return -ENOENT;
    *out_value = *value;
    return 0;
}

static int claim_value(struct gw_exchange *ex, struct gw_str name, struct gw_str *out_value)
{
    struct gw_json_tape tape;
    struct gw_json_error error;

    if (ex->identity.claims.len == 0)
        return -ENOENT;
    int rc = gw_json_read(&ex->arena, ex->identity.claims, NULL, &tape, &error);
    if (rc != 0)
        return rc;
    uint32_t at = gw_json_get(&tape, 0, name);
    if (at == GW_JSON_NONE)
        return -ENOENT;
    return gw_json_scalar_text(&tape, at, out_value);
}

static int known_value(struct gw_str text, struct gw_str *out_value)
{
    if (text.len == 0)
        return -ENOENT;
    *out_value = text;
    return 0;
}

static int value_of(const struct piece *piece, struct gw_exchange *ex, struct gw_str *out_value)
{
    switch (piece->source) {
    case LITERAL:
        *out_value = piece->text;
        return 0;
    case PATH:
        return path_value(ex, piece->text, out_value);
    case QUERY:
        return query_get(ex->request.query, piece->text, &ex->arena, out_value);
    case HEADER:
        return header_value(ex, piece->text, out_value);
    case CLAIM:
        return claim_value(ex, piece->text, out_value);
    case CONSUMER:
        return known_value(ex->identity.consumer, out_value);
    case REQUEST_ID:
        return known_value(ex->record.request_id, out_value);
    case TRACE_ID:
        return known_value(ex->record.trace_id, out_value);
    case METHOD:
        return known_value(ex->request.method_name, out_value);
    case PEER:
        return known_value(ex->request.peer, out_value);
    }
    return -EINVAL;
}

static bool is_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f)
            return false;
    }
    return true;
}

int template_fill(const struct template *template, struct gw_exchange *ex, struct gw_str *out_text)
{
    struct gw_str values[MAX_PIECES];
    size_t len = 0;

    for (size_t i = 0; i < template->count; i++) {
        int rc = value_of(&template->pieces[i], ex, &values[i]);
        if (rc != 0)
            return rc;
        len += values[i].len;
        if (len > TEMPLATE_MAX_VALUE_BYTES)
            return -EINVAL;
    }
    char *text = gw_arena_alloc(&ex->arena, len + 1);
    char *at = text;
    if (text == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < template->count; i++) {
        if (values[i].len > 0)
            memcpy(at, values[i].ptr, values[i].len);
        at += values[i].len;
    }
    *at = '\0';
    if (!is_clean(text, len))
        return -EINVAL;
    *out_text = gw_str_from(text, len);
    return 0;
}
