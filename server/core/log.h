/* The operator's log: one line of text per event, to standard error.
 *
 * For what a person on call must know; never a line per request (that is the access log), never a
 * secret. Any thread may call: a line is one write. */
#pragma once

#include "server/core/attr.h"

enum gw_log_level { GW_LOG_ERROR, GW_LOG_WARN, GW_LOG_INFO, GW_LOG_DEBUG };

/* "error", "warn", "info", "debug": returns 0, or -EINVAL. */
GW_MUST_CHECK
int gw_log_level_parse(const char *name, enum gw_log_level *out_level);
void gw_log_set_level(enum gw_log_level level);

/* 2026-11-22T10:00:00.123Z level message */
GW_PRINTF(2, 3) void gw_log(enum gw_log_level level, const char *format, ...);

#define gw_log_error(...) gw_log(GW_LOG_ERROR, __VA_ARGS__)
#define gw_log_warn(...) gw_log(GW_LOG_WARN, __VA_ARGS__)
#define gw_log_info(...) gw_log(GW_LOG_INFO, __VA_ARGS__)
#define gw_log_debug(...) gw_log(GW_LOG_DEBUG, __VA_ARGS__)
