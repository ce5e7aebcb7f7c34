/* A real Tryton for tests: tests/rigs/tryton over a copy of its prepared plant, in a folder of its
 * own under /tmp. The first start on a machine makes the plant, which takes a minute. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TRYTON_SERVER_OPTIONS "{database: erp, user: admin, password: plant-1010-rig}"

struct tryton_server {
    uint16_t port;
    char folder[64];
    pid_t rig; /* 0: does not run */
    int tie;   /* the rig ends with it */
};

/* Whether Tryton and Node are installed; tests without them are skipped with status 77. */
bool tryton_server_is_installed(void);

/* Fails the test if it does not start. */
void tryton_server_start(struct tryton_server *server);
/* To trytond itself. */
void tryton_server_signal(const struct tryton_server *server, int number);
/* Ends all and removes the folder. Safe on one that is stopped. */
void tryton_server_stop(struct tryton_server *server);
