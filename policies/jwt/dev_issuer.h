/* The development issuer: a folder with a private key per algorithm (<alg>.pem, 0600) and the
 * public halves beside them (jwks.json), both made on first use. Not for production: whoever reads
 * the folder can be anybody. */
#pragma once

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/crypto/keypair.h"
#include "server/crypto/signature.h"

/* Writes the folder's path: below the state folder (millgate in
 * $XDG_STATE_HOME or ~/.local/state). 0, or -ENAMETOOLONG or -ENOENT (no home). */
GW_MUST_CHECK
int dev_issuer_default_folder(char *out, size_t size);

/* Appends the private key for `alg` to `out_pem`, after making it if there is none, and sees to it
 * that jwks.json has its public half. Two who come first at once get the same key. A negative errno
 * with *error. */
GW_MUST_CHECK
int dev_issuer_open(const char *folder, enum gw_signature_alg alg, struct gw_buf *out_pem,
                    char out_kid[GW_KID_LEN + 1], struct gw_error *error);
