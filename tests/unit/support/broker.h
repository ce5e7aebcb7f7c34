/* A real mosquitto for tests: in a folder of its own under /tmp, on free ports of 127.0.0.1. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/unit/support/ca.h"

struct broker {
    pid_t pid; /* 0: does not run */
    char folder[64];
    uint16_t port;     /* plain; users "mes" (password "pw1", everything) and "edge" ("pw2") */
    uint16_t tls_port; /* with client certificates of `ca`, whose common name is the user */
    struct ca_party ca;
    char ca_file[96], certificate_file[96], key_file[96]; /* of the client "mes" */
};

/* Whether mosquitto is installed; tests without it are skipped with status 77. */
bool broker_is_installed(void);
/* Starts one, which keeps sessions and messages over a restart, and waits until it listens. */
void broker_start(struct broker *broker);
/* The same ports and data again, after a kill. */
void broker_restart(struct broker *broker);
/* `is_hard`: kill -9; else it writes down what it keeps first. Waits. */
void broker_kill(struct broker *broker, bool is_hard);
void broker_stop(struct broker *broker);
