#include "server/core/error.h"

#include <stdarg.h>
#include <stdio.h>

int(gw_error_set)(struct gw_error *error, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    error->where[0] = '\0';
    return code;
}

int(gw_error_set_at)(struct gw_error *error, int code, const char *where, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    snprintf(error->where, sizeof(error->where), "%s", where);
    return code;
}

int(gw_error_prefix)(struct gw_error *error, int code, const char *format, ...)
{
    char text[sizeof(error->text)];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(text))
        snprintf(text + len, sizeof(text) - (size_t)len, ": %.*s",
                 (int)(sizeof(text) - (size_t)len) - 3, error->text);
    memcpy(error->text, text, sizeof(text));
    return code;
}
