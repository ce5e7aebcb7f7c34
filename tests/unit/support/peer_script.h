/* A peer that gives every request the same answer. */
#pragma once

#include "tests/unit/support/peer.h"

/* Answers each request with the script's text until the caller closes; a body by Content-Length is
 * read first. Keeps the last request of the first connection. */
struct script {
    const char *answer;
    char head[8192];
    char body[8192];
};

void peer_play_script(struct peer *peer, int fd, unsigned index);
