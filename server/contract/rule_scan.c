#include "server/contract/rule_scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "server/core/similar.h"
#include "server/core/utf8.h"

#define MAX_NUMBER_BYTES 32

uint32_t rule_column(struct gw_str text, size_t at)
{
    uint32_t column = 1;

    for (size_t i = 0; i < at && i < text.len; i++)
        column += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return column;
}

void rule_fail(struct rule_scan *scan, size_t at, const char *format, ...)
{
    va_list args;

    if (scan->rc != 0)
        return;
    scan->rc = -EINVAL;
    scan->fault->column = rule_column(scan->text, at);
    va_start(args, format);
    vsnprintf(scan->fault->text, sizeof(scan->fault->text), format, args);
    va_end(args);
}

void rule_fail_word(struct rule_scan *scan, size_t at, struct gw_str word, const char *const *words)
{
    struct gw_similar similar;

    gw_similar_init(&similar, word);
    for (; *words != NULL; words++)
        gw_similar_offer(&similar, gw_str_of(*words));
    if (word.len > 40)
        word.len = 40;
    if (similar.best.ptr != NULL)
        rule_fail(scan, at, "\"%.*s\" is not known; did you mean \"%.*s\"?", GW_STR_ARG(word),
                  GW_STR_ARG(similar.best));
    else
        rule_fail(scan, at, "\"%.*s\" is not known", GW_STR_ARG(word));
}

static char byte_at(const struct rule_scan *scan, size_t at)
{
    return at < scan->text.len ? scan->text.ptr[at] : '\0';
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

void rule_skip_space(struct rule_scan *scan)
{
    char byte = byte_at(scan, scan->at);

    while (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
        byte = byte_at(scan, ++scan->at);
}

bool rule_is_end(struct rule_scan *scan)
{
    rule_skip_space(scan);
    return scan->at >= scan->text.len;
}

struct gw_str rule_peek_word(struct rule_scan *scan)
{
    size_t end;

    rule_skip_space(scan);
    if (scan->rc != 0 || !is_letter(byte_at(scan, scan->at)))
        return GW_STR("");
    for (end = scan->at; is_letter(byte_at(scan, end)) || is_digit(byte_at(scan, end)); end++)
        ;
    return gw_str_from(scan->text.ptr + scan->at, end - scan->at);
}

bool rule_take_word(struct rule_scan *scan, const char *word)
{
    if (!gw_str_equal(rule_peek_word(scan), gw_str_of(word)))
        return false;
    scan->at += strlen(word);
    return true;
}

bool rule_take_sign(struct rule_scan *scan, const char *sign)
{
    rule_skip_space(scan);
    if (scan->rc != 0 || !gw_str_has_prefix(gw_str_tail(scan->text, scan->at), gw_str_of(sign)))
        return false;
    scan->at += strlen(sign);
    return true;
}

/* Its bytes without the escapes; scan->at is behind the opening quote. */
static bool decode_text(struct rule_scan *scan, char quote, size_t start, struct gw_str *out_text)
{
    char *out = gw_arena_alloc(scan->arena, scan->text.len - start);
    size_t len = 0;

    if (out == NULL) {
        scan->rc = -ENOMEM;
        return false;
    }
    for (; scan->at < scan->text.len; scan->at++) {
        char byte = scan->text.ptr[scan->at];
        if (byte == quote) {
            scan->at++;
            *out_text = gw_str_from(out, len);
            return true;
        }
        if ((unsigned char)byte < 0x20 || byte == 0x7f) {
            rule_fail(scan, scan->at, "a text has no control characters");
            return false;
        }
        if (byte == '\\') {
            byte = byte_at(scan, ++scan->at);
            if (byte != '\\' && byte != '"' && byte != '\'') {
                rule_fail(scan, scan->at - 1, "only \\\\, \\\" and \\' are escapes");
                return false;
            }
        }
        out[len++] = byte;
    }
    rule_fail(scan, start, "the text that begins here has no end");
    return false;
}

bool rule_take_text(struct rule_scan *scan, struct gw_str *out_text)
{
    rule_skip_space(scan);
    size_t start = scan->at;
    char quote = byte_at(scan, start);

    if (scan->rc != 0 || (quote != '"' && quote != '\''))
        return false;
    scan->at++;
    return decode_text(scan, quote, start, out_text);
}

static bool is_name_byte(char byte)
{
    return is_letter(byte) || is_digit(byte) || byte == '-';
}

static bool take_plain_member(struct rule_scan *scan, struct gw_str *out_name)
{
    size_t end = scan->at;

    while (is_name_byte(byte_at(scan, end)))
        end++;
    if (end == scan->at) {
        rule_fail(scan, scan->at, "a name must follow the full stop; write others as [\"name\"]");
        return false;
    }
    *out_name = gw_str_from(scan->text.ptr + scan->at, end - scan->at);
    scan->at = end;
    return true;
}

bool rule_take_member(struct rule_scan *scan, struct gw_str *out_name)
{
    size_t start = scan->at;

    /* No space before it: "path .x" is no member, but a mistake. */
    if (scan->rc != 0)
        return false;
    if (byte_at(scan, start) == '.') {
        scan->at++;
        return take_plain_member(scan, out_name);
    }
    if (byte_at(scan, start) != '[')
        return false;
    scan->at++;
    if (!rule_take_text(scan, out_name) || !rule_take_sign(scan, "]") || out_name->len == 0) {
        rule_fail(scan, start, "write a name in brackets as [\"name\"]");
        return false;
    }
    return true;
}

bool rule_take_number(struct rule_scan *scan, struct gw_str *out_literal)
{
    rule_skip_space(scan);
    size_t digits = scan->at + (byte_at(scan, scan->at) == '-');
    size_t end = digits;

    if (scan->rc != 0)
        return false;
    while (is_digit(byte_at(scan, end)))
        end++;
    if (end == digits)
        return false;
    bool has_more = byte_at(scan, end) == '.' || is_letter(byte_at(scan, end));
    bool has_zero = byte_at(scan, digits) == '0' && end - digits > 1;
    if (has_more || has_zero || end - digits > MAX_NUMBER_BYTES) {
        rule_fail(scan, scan->at, "a number is a whole one of at most %d digits", MAX_NUMBER_BYTES);
        return false;
    }
    *out_literal = gw_str_from(scan->text.ptr + scan->at, end - scan->at);
    scan->at = end;
    return true;
}
