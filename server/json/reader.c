/* The reader's main loop: the structure of the text, one token after the other, without recursion.
 */
#include "server/json/reader.h"

#include <errno.h>

#include "server/core/arena.h"
#include "server/json/reader_private.h"
#include "server/json/reader_scan.h"

#define MAX_TEXT_BYTES (UINT32_C(1) << 31)

#define FEW_NAMES 32

/* An array or object that is still open. `seen` has a bit for each of 256 values of the names'
 * hashes. When one is hit twice the whole hashes are compared, and only if these are equal, too, at
 * the end the names. */
struct frame {
    uint32_t at; /* its token */
    uint32_t count;
    bool is_object;
    bool is_suspect;
    uint64_t seen[4];
    uint16_t hashes[FEW_NAMES]; /* of the first names; set up to count */
};

const char *gw_reader_fail(struct gw_reader *reader, int code, const char *at, const char *wrong)
{
    reader->code = code;
    reader->wrong_at = at;
    reader->wrong = wrong;
    return NULL;
}

#define ROOM 3 /* tokens that one turn of the main loop may write */

/* Makes room behind the `used` tokens. Returns where the next ones go, or NULL. */
static struct gw_json_token *grow(struct gw_reader *reader, uint32_t used)
{
    size_t capacity = used == 0 ? reader->text.len / 6 + 16 : reader->capacity * 2ul;
    struct gw_json_token *tokens =
        gw_arena_alloc(reader->arena, capacity * sizeof(struct gw_json_token));

    if (tokens == NULL) {
        gw_reader_fail(reader, -ENOMEM, reader->text.ptr, "not enough memory for the tokens");
        return NULL;
    }
    if (used > 0)
        memcpy(tokens, reader->tokens, used * sizeof(*tokens));
    reader->tokens = tokens;
    reader->capacity = (uint32_t)capacity;
    return tokens + used;
}

#define FAST_BYTES 19 /* 16 in one load, a quote, and two behind it */

/* The length of the string at `p` if it is a usual one: up to 16 plain bytes and the quote; else a
 * larger number. FAST_BYTES can be read. */
READER_INLINE size_t short_string(const char *p)
{
#if defined(__SSE2__)
    size_t len = (size_t)__builtin_ctz(reader_mask_special(p) | 0x10000u);
    return p[len] == '"' ? len : SIZE_MAX;
#else
    (void)p;
    return SIZE_MAX;
#endif
}

/* `p` is behind the opening quote. */
READER_INLINE const char *scan_string(struct gw_reader *reader, const char *p, const char *end,
                                      struct gw_json_token *token, bool use_simd)
{
    const char *start = p;
    size_t len = SIZE_MAX;

    if (use_simd && end - p >= FAST_BYTES)
        len = short_string(p);
    if (GW_UNLIKELY(len > 16)) {
        p = reader_skip_plain(p, end, use_simd);
        if (GW_UNLIKELY(p >= end || *p != '"')) {
            *token = (struct gw_json_token){.type = GW_JSON_STRING};
            return gw_reader_string(reader, start, p, token);
        }
        len = (size_t)(p - start);
    }
    *token = (struct gw_json_token){.type = GW_JSON_STRING, .len = (uint32_t)len, .ptr = start};
    return start + len + 1;
}

READER_INLINE const char *scan_word(struct gw_reader *reader, const char *p, const char *end,
                                    struct gw_json_token *token)
{
    static const struct gw_json_token empty;
    size_t left = (size_t)(end - p);

    *token = empty;
    if (left >= 4 && memcmp(p, "true", 4) == 0) {
        token->type = GW_JSON_TRUE;
        return p + 4;
    }
    if (left >= 5 && memcmp(p, "false", 5) == 0) {
        token->type = GW_JSON_FALSE;
        return p + 5;
    }
    if (left >= 4 && memcmp(p, "null", 4) == 0)
        return p + 4; /* GW_JSON_NULL is 0 */
    return gw_reader_fail(reader, -EINVAL, p, "a value was expected here");
}

static const char *refuse_number(struct gw_reader *reader, const char *p, bool is_huge)
{
    if (is_huge)
        return gw_reader_fail(reader, -EMSGSIZE, p, "the exponent of a number is too large");
    return gw_reader_fail(reader, -EINVAL, p, "a number is malformed");
}

READER_INLINE const char *scan_scalar(struct gw_reader *reader, const char *p, const char *end,
                                      struct gw_json_token *token, bool use_simd)
{
    if (*p == '"')
        return scan_string(reader, p + 1, end, token, use_simd);
    if (*p == '-' || reader_is_digit(p, end)) {
        bool is_huge = false;
        const char *next = reader_scan_number(reader->text.ptr, p, end, token, &is_huge);
        return next != NULL ? next : refuse_number(reader, p, is_huge);
    }
    return scan_word(reader, p, end, token);
}

/* Whether the hash that `count` names have left in `frame` may be one of theirs again. */
static bool has_hash(const struct frame *frame, uint16_t hash, uint32_t count)
{
    if (count > FEW_NAMES)
        return true;
    for (uint32_t i = 0; i < count; i++) {
        if (frame->hashes[i] == hash)
            return true;
    }
    return false;
}

READER_INLINE void note_name(struct frame *frame, uint16_t hash)
{
    uint64_t bit = UINT64_C(1) << (hash & 63);
    uint64_t *seen = &frame->seen[hash >> 6 & 3];

    if (GW_UNLIKELY((*seen & bit) != 0) && has_hash(frame, hash, frame->count - 1))
        frame->is_suspect = true;
    *seen |= bit;
    if (GW_LIKELY(frame->count <= FEW_NAMES))
        frame->hashes[frame->count - 1] = hash;
}

/* Reads `name" :` with `p` behind the opening quote; notes the name in `frame`. */
READER_INLINE const char *scan_name(struct gw_reader *reader, const char *p, const char *end,
                                    struct gw_json_token *token, struct frame *frame, bool use_simd)
{
#if defined(__SSE2__)
    size_t len = use_simd && end - p >= FAST_BYTES ? short_string(p) : SIZE_MAX;
    if (GW_LIKELY(len <= 16)) {
        uint16_t hash = reader_mix(reader_ends_near(p, len), len);
        *token = (struct gw_json_token){.type = GW_JSON_STRING,
                                        .flags = GW_JSON_NAME,
                                        .hash = hash,
                                        .len = (uint32_t)len,
                                        .ptr = p};
        note_name(frame, hash);
        p += len + 1;
        if (GW_LIKELY(p[0] == ':' && (unsigned char)p[1] > ' '))
            return p + 1;
    } else
#endif
    {
        p = scan_string(reader, p, end, token, use_simd);
        if (p == NULL)
            return NULL;
        token->flags = GW_JSON_NAME;
        token->hash = reader_hash(token->ptr, token->len);
        note_name(frame, token->hash);
    }
    p = reader_skip_space(p, end, use_simd);
    if (p >= end || *p != ':')
        return gw_reader_fail(reader, -EINVAL, p, "':' was expected behind the name of a member");
    return reader_skip_space(p + 1, end, use_simd);
}

static bool close_frame(struct gw_reader *reader, const struct frame *frame, uint32_t used)
{
    struct gw_json_token *token = &reader->tokens[frame->at];

    token->inside.count = frame->count;
    token->inside.next = used;
    if (GW_LIKELY(!frame->is_suspect))
        return true;
    int has = gw_reader_has_duplicates(reader, frame->at);
    if (has < 0)
        gw_reader_fail(reader, has, reader->text.ptr, "not enough memory to compare names");
    if (has == 1) {
        token->flags |= GW_JSON_DUPLICATES;
        reader->has_duplicates = true;
    }
    return has >= 0;
}

READER_INLINE void open_frame(const struct gw_reader *reader, const char *p,
                              struct gw_json_token *token, struct frame *frame)
{
    bool is_object = *p == '{';

    frame->at = (uint32_t)(token - reader->tokens);
    frame->count = 0;
    frame->is_object = is_object;
    frame->is_suspect = false;
    memset(frame->seen, 0, sizeof(frame->seen));
    *token = (struct gw_json_token){.type = is_object ? GW_JSON_OBJECT : GW_JSON_ARRAY,
                                    .len = (uint32_t)(p - reader->text.ptr)};
}

/* Reads one value and what is in it. Returns the place behind it and the number of tokens, or NULL.
 */
READER_INLINE const char *scan_value(struct gw_reader *reader, const char *p, uint32_t max_depth,
                                     uint32_t *out_used, bool use_simd)
{
    struct frame frames[GW_JSON_DEPTH_CEILING];
    struct frame *frame = NULL; /* the innermost open one */
    const char *end = reader->text.ptr + reader->text.len;
    struct gw_json_token *token = grow(reader, 0);

    if (token == NULL)
        return NULL;
    for (const struct gw_json_token *full = token + reader->capacity - ROOM;;) {
        if (GW_UNLIKELY(token > full)) {
            token = grow(reader, (uint32_t)(token - reader->tokens));
            if (token == NULL)
                return NULL;
            full = reader->tokens + reader->capacity - ROOM;
        }
        if (p >= end)
            return gw_reader_fail(reader, -EINVAL, end, "the text ends where a value should be");
        if ((*p | 0x20) == '{') { /* or '[' */
            char close = *p == '{' ? '}' : ']';
            struct frame *inner = frame == NULL ? frames : frame + 1;
            if (inner == frames + max_depth)
                return gw_reader_fail(reader, -EMSGSIZE, p,
                                      "arrays and objects are nested too deeply");
            open_frame(reader, p, token++, inner);
            frame = inner;
            p = reader_skip_space(p + 1, end, use_simd);
            if (p < end && *p == close)
                goto closing;
            frame->count = 1;
            if (close == ']')
                continue;
        } else {
            p = scan_scalar(reader, p, end, token++, use_simd);
            if (p == NULL)
                return NULL;
        behind_value:
            if (frame == NULL)
                break;
            p = reader_skip_space(p, end, use_simd);
            if (GW_UNLIKELY(p >= end))
                return gw_reader_fail(reader, -EINVAL, end,
                                      "the text ends inside an array or object");
            if (*p != ',')
                goto closing;
            p = reader_skip_space(p + 1, end, use_simd);
            frame->count++;
            if (!frame->is_object)
                continue;
        }
        if (p >= end || *p != '"')
            return gw_reader_fail(reader, -EINVAL, p, "the name of a member was expected here");
        p = scan_name(reader, p + 1, end, token++, frame, use_simd);
        if (p == NULL)
            return NULL;
        continue;

    closing:
        if (*p != (frame->is_object ? '}' : ']'))
            return gw_reader_fail(reader, -EINVAL, p,
                                  frame->is_object ? "',' or '}' was expected here"
                                                   : "',' or ']' was expected here");
        if (!close_frame(reader, frame, (uint32_t)(token - reader->tokens)))
            return NULL;
        frame = frame == frames ? NULL : frame - 1;
        p++;
        goto behind_value;
    }
    *out_used = (uint32_t)(token - reader->tokens);
    return p;
}

READER_INLINE const char *scan_text(struct gw_reader *reader, uint32_t max_depth,
                                    uint32_t *out_used, bool use_simd)
{
    const char *end = reader->text.ptr + reader->text.len;
    const char *p = reader_skip_space(reader->text.ptr, end, use_simd);

    p = scan_value(reader, p, max_depth, out_used, use_simd);
    if (p == NULL)
        return NULL;
    p = reader_skip_space(p, end, use_simd);
    if (p < end)
        return gw_reader_fail(reader, -EINVAL, p, "nothing may follow the value");
    return p;
}

/* Counted only now: the fast path keeps no lines. */
static void explain(const struct gw_reader *reader, struct gw_json_error *error)
{
    size_t byte = reader->wrong_at == NULL ? 0 : (size_t)(reader->wrong_at - reader->text.ptr);

    *error = (struct gw_json_error){.byte = byte, .line = 1, .column = 1};
    for (size_t i = 0; i < byte; i++) {
        unsigned char c = (unsigned char)reader->text.ptr[i];
        if (c == '\n') {
            error->line++;
            error->column = 1;
        } else if ((c & 0xc0) != 0x80) {
            error->column++;
        }
    }
    size_t len = strnlen(reader->wrong, sizeof(error->text) - 1);
    memcpy(error->text, reader->wrong, len);
}

READER_INLINE int read_text(struct gw_arena *arena, struct gw_str text,
                            const struct gw_json_limits *limits, struct gw_json_tape *out_tape,
                            struct gw_json_error *out_error, bool use_simd)
{
    struct gw_json_limits bounds = limits != NULL ? *limits : GW_JSON_LIMITS_DEFAULT;
    struct gw_reader reader = {.arena = arena, .text = text.len > 0 ? text : gw_str_of("")};
    uint32_t used = 0;

    if (bounds.max_depth > GW_JSON_DEPTH_CEILING)
        bounds.max_depth = GW_JSON_DEPTH_CEILING;
    if (text.len > bounds.max_bytes || text.len > MAX_TEXT_BYTES)
        gw_reader_fail(&reader, -EMSGSIZE, text.ptr, "the text is too long");
    else
        scan_text(&reader, bounds.max_depth, &used, use_simd);
    if (reader.code != 0) {
        explain(&reader, out_error);
        return reader.code;
    }
    *out_tape = (struct gw_json_tape){.text = reader.text,
                                      .tokens = reader.tokens,
                                      .count = used,
                                      .has_duplicates = reader.has_duplicates};
    return 0;
}

int gw_json_read(struct gw_arena *arena, struct gw_str text, const struct gw_json_limits *limits,
                 struct gw_json_tape *out_tape, struct gw_json_error *out_error)
{
    return read_text(arena, text, limits, out_tape, out_error, READER_HAS_SIMD);
}

int gw_json_read_portable(struct gw_arena *arena, struct gw_str text,
                          const struct gw_json_limits *limits, struct gw_json_tape *out_tape,
                          struct gw_json_error *out_error)
{
    return read_text(arena, text, limits, out_tape, out_error, false);
}
