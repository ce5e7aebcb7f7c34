#include "answer.h"

#include <errno.h>

#include "server/core/buf.h"

/* "MG1 201 whole" */
#define FORMAT "MG1 "
#define STATUS_AT (sizeof(FORMAT) - 1)
#define WORD_AT (STATUS_AT + 4)

static const struct gw_str kept[] = {
    GW_STR_INIT("content-type"),
    GW_STR_INIT("content-language"),
    GW_STR_INIT("content-encoding"),
    GW_STR_INIT("content-disposition"),
    GW_STR_INIT("content-location"),
    GW_STR_INIT("content-digest"),
    GW_STR_INIT("repr-digest"),
    GW_STR_INIT("location"),
    GW_STR_INIT("etag"),
    GW_STR_INIT("last-modified"),
    GW_STR_INIT("link"),
    GW_STR_INIT("vary"),
    GW_STR_INIT("cache-control"),
    GW_STR_INIT("allow"),
    GW_STR_INIT("preference-applied"),
    GW_STR_INIT("odata-version"),
    GW_STR_INIT("odata-entityid"),
    GW_STR_INIT("deprecation"),
    GW_STR_INIT("sunset"),
};

static const struct gw_str never[] = {
    GW_STR_INIT("set-cookie"),
    GW_STR_INIT("date"),
    GW_STR_INIT("age"),
    GW_STR_INIT("connection"),
    GW_STR_INIT("keep-alive"),
    GW_STR_INIT("transfer-encoding"),
    GW_STR_INIT("content-length"),
    GW_STR_INIT("trailer"),
    GW_STR_INIT("te"),
    GW_STR_INIT("upgrade"),
    GW_STR_INIT("proxy-authenticate"),
    GW_STR_INIT("www-authenticate"),
    GW_STR_INIT("authentication-info"),
    GW_STR_INIT("dpop-nonce"),
    GW_STR_INIT("x-request-id"),
    GW_STR_INIT("traceparent"),
    GW_STR_INIT("tracestate"),
    GW_STR_INIT("idempotency-replayed"),
};

static bool is_in(struct gw_str name, const struct gw_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal_nocase(name, names[i]))
            return true;
    }
    return false;
}

bool answer_may_keep(struct gw_str name)
{
    return name.len > 0 && !is_in(name, never, GW_COUNT_OF(never));
}

bool answer_keeps(struct gw_str name, const struct gw_str *more, size_t more_count)
{
    return is_in(name, kept, GW_COUNT_OF(kept)) ||
           (is_in(name, more, more_count) && answer_may_keep(name));
}

int answer_add(struct answer *answer, struct gw_str name, struct gw_str value)
{
    if (answer->field_count == ANSWER_MAX_FIELDS)
        return -ENOSPC;
    answer->fields[answer->field_count++] = (struct gw_field){name, value};
    return 0;
}

/* --- writing --- */

static bool is_text(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static bool is_name(struct gw_str name)
{
    return name.len > 0 && is_text(name) && gw_str_find(name, ':') == name.len &&
           gw_str_find(name, ' ') == name.len;
}

/* Without the white space at its ends that a field cannot have. */
static bool is_field(const struct gw_field *field)
{
    return is_name(field->name) && is_text(field->value) &&
           gw_str_trim(field->value).len == field->value.len;
}

int answer_write(struct gw_arena *arena, const struct answer *answer, struct gw_str *out_text)
{
    struct gw_buf text;
    size_t head_len = 0;
    int rc = 0;

    for (size_t i = 0; i < answer->field_count; i++) {
        if (!is_field(&answer->fields[i]))
            return -EINVAL;
        head_len += answer->fields[i].name.len + answer->fields[i].value.len + 3;
    }
    if (head_len > ANSWER_MAX_HEAD_BYTES)
        return -ENOSPC;
    if (answer->status < 200 || answer->status > 499)
        return -EINVAL;
    gw_buf_init(&text, head_len + answer->body.len + 64);
    gw_buf_printf(&text, FORMAT "%d %s\n", answer->status, answer->is_whole ? "whole" : "absent");
    for (size_t i = 0; i < answer->field_count; i++) {
        gw_buf_append_str(&text, answer->fields[i].name);
        gw_buf_append_text(&text, ": ");
        gw_buf_append_str(&text, answer->fields[i].value);
        gw_buf_append_byte(&text, '\n');
    }
    gw_buf_append_byte(&text, '\n');
    if (answer->is_whole)
        gw_buf_append_str(&text, answer->body);
    struct gw_str copy =
        text.has_failed ? gw_str_from(NULL, 0) : gw_arena_copy(arena, gw_buf_str(&text));
    if (copy.ptr == NULL)
        rc = -ENOMEM;
    else
        *out_text = copy;
    gw_buf_finish(&text);
    return rc;
}

/* --- reading --- */

static bool take_line(struct gw_str *rest, struct gw_str *out_line)
{
    size_t end = gw_str_find(*rest, '\n');

    if (end == rest->len)
        return false;
    *out_line = gw_str_from(rest->ptr, end);
    *rest = gw_str_tail(*rest, end + 1);
    return true;
}

static bool read_first(struct gw_str line, struct answer *answer)
{
    uint64_t status;

    if (!gw_str_has_prefix(line, GW_STR(FORMAT)) || line.len < WORD_AT + 1 ||
        line.ptr[WORD_AT - 1] != ' ' ||
        gw_str_to_u64(gw_str_from(line.ptr + STATUS_AT, 3), &status) != 0 || status < 200 ||
        status > 499)
        return false;
    struct gw_str word = gw_str_tail(line, WORD_AT);
    answer->status = (int)status;
    answer->is_whole = gw_str_equal(word, GW_STR("whole"));
    return answer->is_whole || gw_str_equal(word, GW_STR("absent"));
}

static int read_field(struct gw_arena *arena, struct gw_str line, struct answer *answer)
{
    size_t colon = gw_str_find(line, ':');

    if (colon + 1 >= line.len || line.ptr[colon + 1] != ' ')
        return -EINVAL;
    struct gw_field field = {gw_str_from(line.ptr, colon), gw_str_tail(line, colon + 2)};
    if (!is_field(&field))
        return -EINVAL;
    field.name = gw_arena_copy(arena, field.name);
    field.value = gw_arena_copy(arena, field.value);
    if (field.name.ptr == NULL || field.value.ptr == NULL)
        return -ENOMEM;
    return answer_add(answer, field.name, field.value) == 0 ? 0 : -EINVAL;
}

int answer_read(struct gw_arena *arena, struct gw_str text, struct answer *out_answer)
{
    struct answer answer = {0};
    struct gw_str line, rest = text;
    int rc = 0;

    if (!take_line(&rest, &line) || !read_first(line, &answer))
        return -EINVAL;
    while (rc == 0) {
        if (!take_line(&rest, &line))
            return -EINVAL;
        if (line.len == 0)
            break;
        rc = read_field(arena, line, &answer);
    }
    if (rc == 0 && !answer.is_whole && rest.len > 0)
        rc = -EINVAL;
    if (rc == 0 && text.len - rest.len > ANSWER_MAX_HEAD_BYTES + 64)
        rc = -EINVAL;
    answer.body = rest;
    if (rc == 0)
        *out_answer = answer;
    return rc;
}
