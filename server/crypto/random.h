/* Random bytes from OpenSSL's generator, their form as text, and comparing secrets. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

/* Never fails: without entropy the process ends. */
void gw_random_bytes(void *out, size_t bytes);

/* `bytes` random ones as 2 * bytes lower-case hexadecimal digits, and a NUL. */
void gw_random_hex(char *out, size_t bytes);

/* 2 * len lower-case hexadecimal digits, and a NUL. */
void gw_hex_encode(const uint8_t *bytes, size_t len, char *out);

/* In a time that depends on the lengths only. */
bool gw_secret_equal(struct gw_str a, struct gw_str b);

/* Overwrites, and is not optimised away. */
void gw_secret_wipe(void *bytes, size_t len);
