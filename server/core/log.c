#include "server/core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/core/clock.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static _Atomic enum gw_log_level max_level = GW_LOG_INFO;

int gw_log_level_parse(const char *name, enum gw_log_level *out_level)
{
    for (size_t i = 0; i < GW_COUNT_OF(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out_level = (enum gw_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void gw_log_set_level(enum gw_log_level level)
{
    atomic_store_explicit(&max_level, level, memory_order_relaxed);
}

/* Control bytes in a message (a peer's text, say) must not forge or garble lines. */
static void escape_controls(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    }
}

void gw_log(enum gw_log_level level, const char *format, ...)
{
    if (level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;

    char line[2048];
    uint64_t now_ns = gw_clock_realtime_ns();
    time_t seconds = (time_t)(now_ns / GW_NS_PER_SECOND);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
    len +=
        (size_t)snprintf(line + len, sizeof(line) - len, ".%03uZ %-5s ",
                         (unsigned)(now_ns % GW_NS_PER_SECOND / GW_NS_PER_MS), level_names[level]);

    va_list args;
    va_start(args, format);
    int message_len = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
    va_end(args);
    size_t room = sizeof(line) - len - 2;
    size_t written = message_len < 0 ? 0 : (size_t)message_len < room ? (size_t)message_len : room;
    escape_controls(line + len, written);
    len += written;
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* there is nowhere left to say so */
}
