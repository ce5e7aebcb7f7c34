/* Clean-up at the end of a scope (a GCC and Clang attribute).
 *
 *     GW_SCOPED(gw_scope_free) char *text = malloc(n);
 *
 * Each folder that owns a foreign library declares its own functions of this kind. Each takes a
 * pointer to the variable and accepts a NULL in it. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GW_SCOPED(fn) __attribute__((cleanup(fn)))

static inline void gw_scope_free(void *variable)
{
    free(*(void **)variable);
}

static inline void gw_scope_fclose(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

static inline void gw_scope_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
