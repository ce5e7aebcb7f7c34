/* ECMA-262 (section 22.2.1, with the u flag) to PCRE2. Nothing is handed through unread: every
 * construct of PCRE2 that ECMA-262 has not (callouts, verbs, recursion, possessive quantifiers) is
 * refused here. */
#include <errno.h>

#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/utf8.h"
#include "server/json/pattern_private.h"

#define MAX_GROUPS 200
#define MAX_NESTING 200
#define NO_CHARACTER UINT32_MAX

#define NEVER "(?!)"

struct translator {
    struct gw_str rest;
    struct gw_buf *out;
    struct gw_error *error;
    struct gw_str names[MAX_GROUPS + 1]; /* of groups, from 1; empty for those without */
    unsigned group_count;
    unsigned opened; /* groups so far */
    unsigned depth;
    bool can_repeat; /* an atom precedes, so a quantifier may follow */
};

static int refuse(struct translator *t, const char *why)
{
    return gw_error_set(t->error, -EINVAL, "%s", why);
}

static bool takes(struct translator *t, const char *text)
{
    struct gw_str prefix = gw_str_of(text);

    if (!gw_str_has_prefix(t->rest, prefix))
        return false;
    t->rest = gw_str_tail(t->rest, prefix.len);
    return true;
}

static char peek(const struct translator *t)
{
    return t->rest.len > 0 ? t->rest.ptr[0] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the code point at the start of the rest. */
static uint32_t take_code_point(struct translator *t)
{
    size_t len = gw_utf8_length(t->rest);
    uint32_t value = (unsigned char)t->rest.ptr[0];

    if (len > 1) {
        value &= 0x7fu >> len;
        for (size_t i = 1; i < len; i++)
            value = value << 6 | ((unsigned char)t->rest.ptr[i] & 0x3f);
    }
    t->rest = gw_str_tail(t->rest, len == 0 ? 1 : len);
    return value;
}

static void append_character(struct gw_buf *out, uint32_t c)
{
    if (c < 0x80 && (is_digit((char)c) || is_letter((char)c)))
        gw_buf_append_byte(out, (char)c);
    else
        gw_buf_printf(out, "\\x{%x}", (unsigned)c);
}

/* --- escapes ---------------------------------------------------------------------------------- */

/* `count` hex digits, or NO_CHARACTER (and nothing taken). */
static uint32_t take_hex(struct translator *t, size_t count)
{
    uint32_t value = 0;

    if (t->rest.len < count)
        return NO_CHARACTER;
    for (size_t i = 0; i < count; i++) {
        int digit = hex_value(t->rest.ptr[i]);
        if (digit < 0)
            return NO_CHARACTER;
        value = value << 4 | (uint32_t)digit;
    }
    t->rest = gw_str_tail(t->rest, count);
    return value;
}

/* Behind "\u": XXXX, a surrogate pair of them, or {X...}. */
static uint32_t take_unicode(struct translator *t)
{
    uint32_t value = 0;

    if (takes(t, "{")) {
        size_t count = gw_str_find(t->rest, '}');
        for (size_t i = 0; i < count; i++) {
            int digit = hex_value(t->rest.ptr[i]);
            if (digit < 0 || value > 0x10ffff)
                return NO_CHARACTER;
            value = value << 4 | (uint32_t)digit;
        }
        if (count == 0 || count == t->rest.len || value > 0x10ffff)
            return NO_CHARACTER;
        t->rest = gw_str_tail(t->rest, count + 1);
        return value;
    }
    value = take_hex(t, 4);
    if (value < 0xd800 || value > 0xdbff || !gw_str_has_prefix(t->rest, GW_STR("\\u")))
        return value;
    struct gw_str before = t->rest;
    t->rest = gw_str_tail(t->rest, 2);
    uint32_t low = take_hex(t, 4);
    if (low >= 0xdc00 && low <= 0xdfff)
        return 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    t->rest = before;
    return value;
}

/* An escape that stands for one character, with the rest behind the backslash. NO_CHARACTER if it
 * is none. */
static uint32_t take_character_escape(struct translator *t)
{
    static const char controls[] = "tnvfr";
    static const char values[] = "\t\n\v\f\r";
    char c = peek(t);

    if (t->rest.len == 0 || (unsigned char)c >= 0x80)
        return NO_CHARACTER;
    t->rest = gw_str_tail(t->rest, 1);
    const char *control = c == '\0' ? NULL : strchr(controls, c);
    if (control != NULL)
        return (uint32_t)values[control - controls];
    if (c == '0' && !is_digit(peek(t)))
        return 0;
    if (c == 'x')
        return take_hex(t, 2);
    if (c == 'u')
        return take_unicode(t);
    if (c == 'c' && is_letter(peek(t))) {
        uint32_t value = (uint32_t)peek(t) % 32;
        t->rest = gw_str_tail(t->rest, 1);
        return value;
    }
    return is_letter(c) || is_digit(c) || c < 0x20 ? NO_CHARACTER : (uint32_t)c;
}

/* \d \D \w \W \s \S \p \P as the inside of a class. Returns 1 (taken), 0 (something else), -EINVAL.
 */
static int take_class_escape(struct translator *t, struct gw_buf *out)
{
    const char *set = gw_pattern_set(peek(t));

    if (set != NULL) {
        t->rest = gw_str_tail(t->rest, 1);
        gw_buf_append_text(out, set);
        return 1;
    }
    bool is_negated = peek(t) == 'P';
    if (peek(t) != 'p' && !is_negated)
        return 0;
    t->rest = gw_str_tail(t->rest, 1);
    size_t len = gw_str_find(t->rest, '}');
    if (peek(t) != '{' || len == t->rest.len ||
        !gw_pattern_property(gw_str_from(t->rest.ptr + 1, len - 1), is_negated, out))
        return refuse(t, "\\p must name a Unicode property in braces");
    t->rest = gw_str_tail(t->rest, len + 1);
    return 1;
}

/* --- classes ---------------------------------------------------------------------------------- */

/* One end of a range: *out_character is NO_CHARACTER when it was a set, which is appended at once.
 */
static int take_class_atom(struct translator *t, struct gw_buf *inside, uint32_t *out_character)
{
    if (t->rest.len == 0)
        return refuse(t, "a character class is not closed");
    if (!takes(t, "\\")) {
        *out_character = take_code_point(t);
        return 0;
    }
    *out_character = NO_CHARACTER;
    int rc = take_class_escape(t, inside);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    *out_character = takes(t, "b") ? '\b' : take_character_escape(t);
    return *out_character != NO_CHARACTER ? 0 : refuse(t, "no such escape in a character class");
}

/* No text has surrogates: a range is cut to what can occur. */
static void append_range(struct gw_buf *inside, uint32_t first, uint32_t last)
{
    if (first >= 0xd800 && first <= 0xdfff)
        first = 0xe000;
    if (last >= 0xd800 && last <= 0xdfff)
        last = 0xd7ff;
    if (first > last)
        return;
    append_character(inside, first);
    if (first == last)
        return;
    gw_buf_append_byte(inside, '-');
    append_character(inside, last);
}

static int take_class_item(struct translator *t, struct gw_buf *inside)
{
    uint32_t first = NO_CHARACTER, last = NO_CHARACTER;
    int rc = take_class_atom(t, inside, &first);

    bool is_range = rc == 0 && t->rest.len > 1 && peek(t) == '-' && t->rest.ptr[1] != ']';
    if (!is_range || first == NO_CHARACTER) {
        if (rc == 0 && first != NO_CHARACTER)
            append_range(inside, first, first);
        return rc;
    }
    t->rest = gw_str_tail(t->rest, 1);
    rc = take_class_atom(t, inside, &last);
    if (rc != 0)
        return rc;
    if (last == NO_CHARACTER) { /* "a-\d": the minus stands for itself */
        append_range(inside, first, first);
        append_range(inside, '-', '-');
        return 0;
    }
    if (first > last)
        return refuse(t, "a range in a character class is out of order");
    append_range(inside, first, last);
    return 0;
}

/* Behind '['. */
static int take_class(struct translator *t)
{
    bool is_negated = takes(t, "^");
    struct gw_buf inside;
    int rc = 0;

    gw_buf_init(&inside, PATTERN_MAX_BYTES);
    while (rc == 0 && !takes(t, "]"))
        rc = take_class_item(t, &inside);
    if (inside.has_failed && rc == 0)
        rc = refuse(t, "the pattern is too large");
    if (rc == 0 && inside.len == 0)
        gw_buf_append_text(t->out, is_negated ? "[\\x{0}-\\x{10ffff}]" : NEVER);
    else if (rc == 0)
        gw_buf_printf(t->out, "[%s%.*s]", is_negated ? "^" : "", (int)inside.len, inside.ptr);
    gw_buf_finish(&inside);
    t->can_repeat = true;
    return rc;
}

/* --- atoms ------------------------------------------------------------------------------------ */

static int take_back_reference(struct translator *t)
{
    unsigned number = 0;

    while (is_digit(peek(t)) && number <= MAX_GROUPS) {
        number = number * 10 + (unsigned)(peek(t) - '0');
        t->rest = gw_str_tail(t->rest, 1);
    }
    if (number > t->group_count)
        return refuse(t, "a back reference to a group that is not there");
    gw_buf_printf(t->out, "\\g{%u}", number);
    return 0;
}

static int take_named_reference(struct translator *t)
{
    size_t len = gw_str_find(t->rest, '>');

    if (peek(t) == '<' && len < t->rest.len) {
        struct gw_str name = gw_str_from(t->rest.ptr + 1, len - 1);
        for (unsigned i = 1; i <= t->group_count; i++) {
            if (name.len > 0 && gw_str_equal(t->names[i], name)) {
                gw_buf_printf(t->out, "\\g{%u}", i);
                t->rest = gw_str_tail(t->rest, len + 1);
                return 0;
            }
        }
    }
    return refuse(t, "\\k must name a group");
}

/* Behind '\\'. */
static int take_escape(struct translator *t)
{
    struct gw_buf inside;

    t->can_repeat = true;
    if (peek(t) == 'b' || peek(t) == 'B') {
        gw_buf_printf(t->out, "\\%c", peek(t));
        t->rest = gw_str_tail(t->rest, 1);
        t->can_repeat = false;
        return 0;
    }
    if (is_digit(peek(t)) && peek(t) != '0')
        return take_back_reference(t);
    if (takes(t, "k"))
        return take_named_reference(t);
    gw_buf_init(&inside, PATTERN_MAX_BYTES);
    int rc = take_class_escape(t, &inside);
    if (rc == 1 && inside.len == 0)
        gw_buf_append_text(t->out, NEVER);
    else if (rc == 1)
        gw_buf_printf(t->out, "[%.*s]", (int)inside.len, inside.ptr);
    gw_buf_finish(&inside);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    uint32_t c = take_character_escape(t);
    if (c == NO_CHARACTER)
        return refuse(t, "no such escape in ECMA-262");
    if (c >= 0xd800 && c <= 0xdfff)
        gw_buf_append_text(t->out, NEVER);
    else
        append_character(t->out, c);
    return 0;
}

/* Behind '('. */
static int take_group(struct translator *t)
{
    static const char *const kinds[] = {"?:", "?=", "?!", "?<=", "?<!"};

    t->can_repeat = false;
    if (++t->depth > MAX_NESTING)
        return refuse(t, "groups are nested too deeply");
    for (size_t i = 0; i < GW_COUNT_OF(kinds); i++) {
        if (takes(t, kinds[i])) {
            gw_buf_printf(t->out, "(%s", kinds[i]);
            return 0;
        }
    }
    t->opened++;
    if (takes(t, "?<")) /* its name was read before */
        t->rest = gw_str_tail(t->rest, t->names[t->opened].len + 1);
    else if (peek(t) == '?' || peek(t) == '*')
        return refuse(t, "no such kind of group in ECMA-262");
    gw_buf_append_byte(t->out, '(');
    return 0;
}

/* The length of "{n}", "{n,}" or "{n,m}" at the start of the rest, or 0. */
static size_t braces_length(const struct translator *t)
{
    struct gw_str text = t->rest;
    size_t at = 1;

    if (peek(t) != '{')
        return 0;
    while (at < text.len && is_digit(text.ptr[at]))
        at++;
    if (at == 1)
        return 0;
    if (at < text.len && text.ptr[at] == ',') {
        at++;
        while (at < text.len && is_digit(text.ptr[at]))
            at++;
    }
    return at < text.len && text.ptr[at] == '}' ? at + 1 : 0;
}

/* Appends the quantifier at the start of the rest. */
static int take_quantifier(struct translator *t, size_t len)
{
    if (!t->can_repeat)
        return refuse(t, "a quantifier has nothing to repeat");
    gw_buf_append(t->out, t->rest.ptr, len);
    t->rest = gw_str_tail(t->rest, len);
    if (takes(t, "?"))
        gw_buf_append_byte(t->out, '?');
    t->can_repeat = false;
    return 0;
}

static int take_term(struct translator *t)
{
    size_t braces = braces_length(t);
    char c = peek(t);

    if (braces > 0)
        return take_quantifier(t, braces);
    if (c == '*' || c == '+' || c == '?')
        return take_quantifier(t, 1);
    if (takes(t, "\\"))
        return take_escape(t);
    if (takes(t, "["))
        return take_class(t);
    if (takes(t, "("))
        return take_group(t);
    if (c == ')' && t->depth-- == 0)
        return refuse(t, "a ')' without its '('");
    t->can_repeat = c != '|' && c != '^' && c != '$';
    if (takes(t, "."))
        gw_buf_append_text(t->out, "[^\\n\\r\\x{2028}\\x{2029}]");
    else if (takes(t, ")") || takes(t, "|") || takes(t, "^") || takes(t, "$"))
        gw_buf_append_byte(t->out, c);
    else
        append_character(t->out, take_code_point(t));
    return 0;
}

/* --- groups, before anything else: references may point forward
 * ------------------------------------ */

static bool is_name(struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_start = is_letter(c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
        if (!is_start && !(i > 0 && is_digit(c)))
            return false;
    }
    return name.len > 0;
}

static int note_group(struct translator *t, struct gw_str rest)
{
    if (gw_str_has_prefix(rest, GW_STR("?")) && !gw_str_has_prefix(rest, GW_STR("?<")))
        return 0;
    if (gw_str_has_prefix(rest, GW_STR("?<=")) || gw_str_has_prefix(rest, GW_STR("?<!")))
        return 0;
    if (++t->group_count > MAX_GROUPS)
        return refuse(t, "too many groups");
    if (!gw_str_has_prefix(rest, GW_STR("?<")))
        return 0;
    rest = gw_str_tail(rest, 2);
    struct gw_str name = gw_str_from(rest.ptr, gw_str_find(rest, '>'));
    if (name.len == rest.len || !is_name(name))
        return refuse(t, "the name of a group is malformed");
    for (unsigned i = 1; i < t->group_count; i++) {
        if (gw_str_equal(t->names[i], name))
            return refuse(t, "two groups have the same name");
    }
    t->names[t->group_count] = name;
    return 0;
}

static int note_groups(struct translator *t, struct gw_str source)
{
    bool is_in_class = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < source.len; i++) {
        char c = source.ptr[i];
        if (c == '\\')
            i++;
        else if (c == '[')
            is_in_class = true;
        else if (c == ']')
            is_in_class = false;
        else if (c == '(' && !is_in_class)
            rc = note_group(t, gw_str_tail(source, i + 1));
    }
    return rc;
}

int gw_pattern_translate(struct gw_str source, struct gw_buf *out, struct gw_error *error)
{
    struct translator t = {.rest = source, .out = out, .error = error};
    int rc = note_groups(&t, source);

    while (rc == 0 && t.rest.len > 0)
        rc = take_term(&t);
    if (rc != 0)
        return rc;
    if (t.depth > 0)
        return refuse(&t, "a group is not closed");
    if (out->ptr == NULL) /* an empty pattern */
        gw_buf_append_text(out, "(?:)");
    return out->has_failed ? refuse(&t, "the pattern is too large") : 0;
}
