#include "policies/jwt/dev_issuer.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/core/scope.h"
#include "server/crypto/random.h"

#define MAX_PEM_BYTES 16384
#define MAX_JWKS_BYTES 65536
#define FOLDER "dev-issuer"

static void scope_pair(struct gw_keypair **pair)
{
    gw_keypair_destroy(*pair);
}

/* What is in these buffers may be a key. */
static void scope_buf(struct gw_buf *buf)
{
    if (buf->ptr != NULL)
        gw_secret_wipe(buf->ptr, buf->len);
    gw_buf_finish(buf);
}

static int fits(int printed, size_t size)
{
    return printed >= 0 && (size_t)printed < size ? 0 : -ENAMETOOLONG;
}

int dev_issuer_default_folder(char *out, size_t size)
{
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (base != NULL && *base == '/')
        return fits(snprintf(out, size, "%s/millgate/" FOLDER, base), size);
    if (home == NULL || *home != '/')
        return -ENOENT;
    return fits(snprintf(out, size, "%s/.local/state/millgate/" FOLDER, home), size);
}

/* The folder and those above it. */
static int make_folder(const char *folder)
{
    char path[PATH_MAX];

    if (fits(snprintf(path, sizeof(path), "%s", folder), sizeof(path)) != 0)
        return -ENAMETOOLONG;
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return -errno;
        *at = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

static int read_file(const char *path, struct gw_buf *out)
{
    GW_SCOPED(gw_scope_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (;;) {
        char *room = gw_buf_reserve(out, 4096);
        if (room == NULL)
            return -EFBIG;
        ssize_t got = read(fd, room, 4096);
        if (got <= 0)
            return got == 0 ? 0 : -errno;
        out->len += (size_t)got;
    }
}

static int write_all(int fd, struct gw_str text)
{
    while (text.len > 0) {
        ssize_t wrote = write(fd, text.ptr, text.len);
        if (wrote < 0 && errno != EINTR)
            return -errno;
        if (wrote > 0)
            text = gw_str_tail(text, (size_t)wrote);
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

/* All or nothing: under another name first. `replaces`: an older file may be there; else -EEXIST.
 */
static int write_file(const char *path, struct gw_str text, mode_t mode, bool replaces)
{
    char temporary[PATH_MAX];

    if (fits(snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path), sizeof(temporary)) != 0)
        return -ENAMETOOLONG;
    GW_SCOPED(gw_scope_close) int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fchmod(fd, mode) == 0 ? write_all(fd, text) : -errno;
    if (rc == 0 && replaces)
        rc = rename(temporary, path) == 0 ? 0 : -errno;
    else if (rc == 0)
        rc = link(temporary, path) == 0 ? 0 : -errno;
    if (rc != 0 || !replaces)
        (void)unlink(temporary);
    return rc;
}

static int key_path(const char *folder, enum gw_signature_alg alg, char *out, size_t size)
{
    int rc = fits(snprintf(out, size, "%s/%s.pem", folder, gw_signature_alg_name(alg)), size);

    for (char *at = out + strlen(folder); rc == 0 && *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return rc;
}

/* -ENOENT: there is none. */
static int load_key(const char *folder, enum gw_signature_alg alg, struct gw_buf *out_pem,
                    struct gw_keypair **out_pair)
{
    char path[PATH_MAX];
    int rc = key_path(folder, alg, path, sizeof(path));

    gw_buf_clear(out_pem);
    if (rc == 0)
        rc = read_file(path, out_pem);
    return rc != 0 ? rc : gw_keypair_from_pem(gw_buf_str(out_pem), alg, out_pair);
}

static int make_key(const char *folder, enum gw_signature_alg alg)
{
    GW_SCOPED(scope_pair) struct gw_keypair *pair = NULL;
    GW_SCOPED(scope_buf) struct gw_buf pem;
    char path[PATH_MAX];
    int rc = gw_keypair_generate(alg, &pair);

    gw_buf_init(&pem, MAX_PEM_BYTES);
    if (rc == 0)
        rc = gw_keypair_to_pem(pair, &pem);
    if (rc == 0)
        rc = key_path(folder, alg, path, sizeof(path));
    if (rc == 0)
        rc = write_file(path, gw_buf_str(&pem), 0600, false);
    return rc == -EEXIST ? 0 : rc; /* somebody was faster: that key it is */
}

/* The public halves of all keys of the folder. */
static int write_jwks(const char *folder)
{
    GW_SCOPED(scope_buf) struct gw_buf jwks;
    GW_SCOPED(scope_buf) struct gw_buf pem;
    char path[PATH_MAX];
    bool is_first = true;

    gw_buf_init(&jwks, MAX_JWKS_BYTES);
    gw_buf_init(&pem, MAX_PEM_BYTES);
    gw_buf_append_text(&jwks, "{\"keys\":[");
    for (int alg = 0; alg < GW_SIGNATURE_ALG_COUNT; alg++) {
        GW_SCOPED(scope_pair) struct gw_keypair *pair = NULL;
        if (load_key(folder, (enum gw_signature_alg)alg, &pem, &pair) != 0)
            continue;
        gw_buf_append_text(&jwks, is_first ? "\n" : ",\n");
        is_first = false;
        int rc = gw_keypair_to_jwk(pair, &jwks);
        if (rc != 0)
            return rc;
    }
    gw_buf_append_text(&jwks, "\n]}\n");
    int rc = fits(snprintf(path, sizeof(path), "%s/jwks.json", folder), sizeof(path));
    if (jwks.has_failed)
        rc = -ENOMEM;
    return rc != 0 ? rc : write_file(path, gw_buf_str(&jwks), 0644, true);
}

static bool has_public_half(const char *folder, const char *kid)
{
    GW_SCOPED(scope_buf) struct gw_buf jwks;
    char path[PATH_MAX];

    gw_buf_init(&jwks, MAX_JWKS_BYTES);
    return fits(snprintf(path, sizeof(path), "%s/jwks.json", folder), sizeof(path)) == 0 &&
           read_file(path, &jwks) == 0 && memmem(jwks.ptr, jwks.len, kid, strlen(kid)) != NULL;
}

int dev_issuer_open(const char *folder, enum gw_signature_alg alg, struct gw_buf *out_pem,
                    char out_kid[GW_KID_LEN + 1], struct gw_error *error)
{
    GW_SCOPED(scope_pair) struct gw_keypair *pair = NULL;
    int rc = load_key(folder, alg, out_pem, &pair);

    if (rc == -ENOENT) {
        rc = make_folder(folder);
        if (rc == 0)
            rc = make_key(folder, alg);
        if (rc == 0)
            rc = load_key(folder, alg, out_pem, &pair);
    }
    if (rc == -EINVAL)
        return gw_error_set(error, rc, "the key in %s is no private key for %s", folder,
                            gw_signature_alg_name(alg));
    if (rc == 0)
        rc = gw_keypair_kid(pair, out_kid);
    if (rc == 0 && !has_public_half(folder, out_kid))
        rc = write_jwks(folder);
    return rc == 0 ? 0 : gw_error_set(error, rc, "%s: %s", folder, strerror(-rc));
}
