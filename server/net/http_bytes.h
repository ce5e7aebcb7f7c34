/* Byte classes of HTTP, for the parsers in this folder. Pure. */
#pragma once

#include <stdint.h>

extern const uint8_t gw_http_token_bytes[256]; /* 1: may stand in a token */
