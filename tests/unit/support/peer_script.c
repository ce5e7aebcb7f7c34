#include "tests/unit/support/peer_script.h"

#include <stdlib.h>
#include <string.h>

void peer_play_script(struct peer *peer, int fd, unsigned index)
{
    struct script *script = peer->script;
    char head[8192], body[8192];

    while (peer_read_head(fd, head, sizeof(head)) > 0) {
        const char *length = strstr(head, "Content-Length: ");
        size_t body_bytes = length != NULL ? strtoul(length + 16, NULL, 10) : 0;

        memset(body, 0, sizeof(body));
        if (body_bytes < sizeof(body) && !peer_read_exactly(fd, body, body_bytes))
            return;
        if (index == 0) {
            memcpy(script->head, head, sizeof(head));
            memcpy(script->body, body, sizeof(body));
        }
        atomic_fetch_add(&peer->requests, 1);
        if (!peer_send_text(fd, script->answer))
            return;
        if (strstr(script->answer, "Connection: close") != NULL)
            return;
    }
}
