/* What the processes of a test leave behind: themselves, and their folders. */
#pragma once

#include <sys/types.h>

/* kill -9, and waits; *pid is 0 then. Does nothing where it is 0. */
void leftovers_kill(pid_t *pid);
/* The folder and all below it; its name is empty then. Does nothing where it is empty. */
void leftovers_remove(char *folder);
