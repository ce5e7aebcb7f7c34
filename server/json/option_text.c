/* The texts of a configuration: quantities with units, and what ${...} stands for. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/core/scope.h"
#include "server/core/utf8.h"
#include "server/json/option_private.h"

#define SUBSTITUTED_FILE_MAX_BYTES (64u << 10)

struct unit {
    const char *name;
    int64_t size;
};

static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", INT64_C(60) * 1000000000},
    {"h", INT64_C(3600) * 1000000000},
    {"d", INT64_C(86400) * 1000000000},
    {NULL, 0},
};

static const struct unit byte_units[] = {
    {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0},
};

static const struct unit *find_unit(const struct unit *units, struct gw_str name)
{
    for (; units->name != NULL; units++)
        if (gw_str_equal(gw_str_of(units->name), name))
            return units;
    return NULL;
}

/* Takes a number and its unit off the front of *text and adds them to *sum. */
static int take_quantity(struct gw_str *text, const struct unit *units, int64_t *sum)
{
    size_t digits = 0;
    size_t letters = 0;
    uint64_t number;
    int64_t product;

    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9')
        digits++;
    while (digits + letters < text->len &&
           (text->ptr[digits + letters] < '0' || text->ptr[digits + letters] > '9'))
        letters++;

    const struct unit *unit = find_unit(units, gw_str_from(text->ptr + digits, letters));
    int rc = gw_str_to_u64(gw_str_from(text->ptr, digits), &number);
    if (rc != 0 || unit == NULL)
        return rc != 0 ? rc : -EINVAL;
    if (number > INT64_MAX || __builtin_mul_overflow((int64_t)number, unit->size, &product) ||
        __builtin_add_overflow(*sum, product, sum))
        return -ERANGE;
    *text = gw_str_tail(*text, digits + letters);
    return 0;
}

int gw_option_duration_parse(struct gw_str text, int64_t *out_ns)
{
    int64_t sum = 0;

    if (gw_str_equal(text, GW_STR("0"))) {
        *out_ns = 0;
        return 0;
    }
    do {
        int rc = take_quantity(&text, duration_units, &sum);
        if (rc != 0)
            return rc;
    } while (text.len > 0);
    *out_ns = sum;
    return 0;
}

int gw_option_bytes_parse(struct gw_str text, int64_t *out_bytes)
{
    uint64_t number;
    int64_t sum = 0;
    int rc = gw_str_to_u64(text, &number);

    if (rc == 0 && number <= INT64_MAX) {
        *out_bytes = (int64_t)number;
        return 0;
    }
    rc = rc == 0 ? -ERANGE : take_quantity(&text, byte_units, &sum);
    if (rc != 0 || text.len > 0)
        return rc != 0 ? rc : -EINVAL;
    *out_bytes = sum;
    return 0;
}

void gw_option_amount_print(enum gw_option_type type, int64_t amount,
                            char out[GW_OPTION_AMOUNT_BYTES])
{
    const struct unit *units = type == GW_DURATION ? duration_units : byte_units;
    const struct unit *best = NULL;
    bool has_unit = type == GW_DURATION || type == GW_BYTES || type == GW_FILE;

    for (; has_unit && amount != 0 && units->name != NULL; units++)
        if (amount % units->size == 0)
            best = units; /* they ascend */
    if (best != NULL)
        snprintf(out, GW_OPTION_AMOUNT_BYTES, "%" PRId64 "%s", amount / best->size, best->name);
    else
        snprintf(out, GW_OPTION_AMOUNT_BYTES, "%" PRId64, amount);
}

static int read_descriptor(int fd, size_t max_bytes, struct gw_buf *out)
{
    for (;;) {
        char *room = gw_buf_reserve(out, 4096);
        if (room == NULL)
            return -EFBIG;
        ssize_t got = read(fd, room, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return out->len <= max_bytes ? 0 : -EFBIG;
        out->len += (size_t)got;
        if (out->len > max_bytes)
            return -EFBIG;
    }
}

int gw_option_read_file(const char *folder, const char *path, size_t max_bytes, struct gw_buf *out,
                        struct gw_error *error)
{
    char full[4096];
    struct stat status;
    int rc;

    gw_buf_init(out, max_bytes + 8192);
    if (path[0] == '/' || folder == NULL)
        rc = snprintf(full, sizeof(full), "%s", path);
    else
        rc = snprintf(full, sizeof(full), "%s/%s", folder, path);
    if (rc < 0 || (size_t)rc >= sizeof(full))
        return gw_error_set(error, -EINVAL, "the path of the file is too long");

    GW_SCOPED(gw_scope_close) int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0)
        return gw_error_set(error, -EINVAL, "cannot read the file %s: %s", full, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return gw_error_set(error, -EINVAL, "%s is a folder, not a file", full);
    rc = read_descriptor(fd, max_bytes, out);
    if (rc == -EFBIG)
        return gw_error_set(error, -EINVAL, "the file %s is larger than %zu bytes", full,
                            max_bytes);
    if (rc != 0)
        return gw_error_set(error, -EINVAL, "cannot read the file %s: %s", full, strerror(-rc));
    if (!gw_utf8_is_valid(gw_buf_str(out)) ||
        (out->len > 0 && memchr(out->ptr, '\0', out->len) != NULL))
        return gw_error_set(error, -EINVAL, "the file %s is not a text (UTF-8 without NUL)", full);
    return 0;
}

static int append_file(const char *path, const char *folder, struct gw_buf *out,
                       struct gw_error *error)
{
    struct gw_buf content;
    int rc = gw_option_read_file(folder, path, SUBSTITUTED_FILE_MAX_BYTES, &content, error);

    if (rc == 0) {
        struct gw_str text = gw_buf_str(&content);
        if (gw_str_has_suffix(text, GW_STR("\r\n")))
            text.len -= 2;
        else if (gw_str_has_suffix(text, GW_STR("\n")))
            text.len -= 1;
        gw_buf_append_str(out, text);
    }
    gw_buf_finish(&content);
    return rc;
}

/* What stands between "${" and "}". */
static int append_replacement(struct gw_str inside, const char *folder, struct gw_buf *out,
                              struct gw_error *error)
{
    char name[1024];
    bool is_env = gw_str_has_prefix(inside, GW_STR("env:"));

    if (!is_env && !gw_str_has_prefix(inside, GW_STR("file:")))
        return gw_error_set(
            error, -EINVAL,
            "${...} must be ${env:NAME} or ${file:PATH} (a plain \"${\" is \"$${\")");
    inside = gw_str_tail(inside, is_env ? 4 : 5);
    if (inside.len == 0 || inside.len >= sizeof(name))
        return gw_error_set(error, -EINVAL,
                            "a name of 1 to %zu bytes must follow the colon in ${...}",
                            sizeof(name) - 1);
    memcpy(name, inside.ptr, inside.len);
    name[inside.len] = '\0';
    if (!is_env)
        return append_file(name, folder, out, error);

    const char *value = getenv(name);
    if (value == NULL)
        return gw_error_set(error, -EINVAL, "the environment variable %s is not set", name);
    if (!gw_utf8_is_valid(gw_str_of(value)))
        return gw_error_set(error, -EINVAL, "the environment variable %s is not UTF-8", name);
    gw_buf_append_text(out, value);
    return 0;
}

int gw_option_substitute(struct gw_str text, const char *folder, struct gw_buf *out,
                         bool *out_is_replaced, struct gw_error *error)
{
    bool is_replaced = false;

    gw_buf_init(out, GW_OPTION_MAX_TEXT_BYTES);
    while (text.len > 0) {
        size_t plain = gw_str_find(text, '$');
        gw_buf_append(out, text.ptr, plain);
        text = gw_str_tail(text, plain);
        if (gw_str_has_prefix(text, GW_STR("$${"))) {
            gw_buf_append_text(out, "${");
            text = gw_str_tail(text, 3);
        } else if (gw_str_has_prefix(text, GW_STR("${"))) {
            size_t end = gw_str_find(text, '}');
            if (end == text.len)
                return gw_error_set(error, -EINVAL, "\"${\" without its \"}\"");
            int rc = append_replacement(gw_str_from(text.ptr + 2, end - 2), folder, out, error);
            if (rc != 0)
                return rc;
            text = gw_str_tail(text, end + 1);
            is_replaced = true;
        } else if (text.len > 0) {
            gw_buf_append_byte(out, '$');
            text = gw_str_tail(text, 1);
        }
    }
    if (out->has_failed)
        return gw_error_set(error, -EINVAL, "the text is longer than %u bytes",
                            GW_OPTION_MAX_TEXT_BYTES);
    *out_is_replaced = is_replaced;
    return 0;
}
