#include "server/gateway/telemetry_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "server/core/log.h"
#include "server/crypto/random.h"

#define NAME_BYTES 8 /* random ones */

int gw_telemetry_name_keep(struct gw_str state_dir, char out_name[GW_IOT_MEMBER_BYTES])
{
    char path[4096];
    char text[2 * NAME_BYTES + 1] = "", hex[2 * NAME_BYTES + 1];

    snprintf(path, sizeof(path), "%.*s/instance", GW_STR_ARG(state_dir));
    gw_random_hex(hex, NAME_BYTES);
    snprintf(out_name, GW_IOT_MEMBER_BYTES, "%s", hex);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        gw_log_warn("iot: %s %s: brokers will not know this gateway again", path,
                    fd < 0 ? "cannot be kept" : "is another gateway's");
        return fd;
    }
    ssize_t len = read(fd, text, 2 * (size_t)NAME_BYTES);
    if (len == 2 * NAME_BYTES)
        snprintf(out_name, GW_IOT_MEMBER_BYTES, "%s", text);
    else if (pwrite(fd, out_name, strlen(out_name), 0) < 0)
        gw_log_warn("iot: %s cannot be written: %s", path, strerror(errno));
    return fd;
}
