#include "policies/jwt/token_command.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "policies/jwt/dev_issuer.h"
#include "policies/jwt/sign.h"
#include "policies/jwt/token_verify.h"
#include "server/core/clock.h"

#define MAX_PEM_BYTES 16384
#define MAX_TTL_S (INT64_C(10) * 365 * 86400)

enum { EXIT_USAGE = 2 };

const char token_command_usage[] =
    "usage: millgate token --subject S [--scope \"a b\"] [--audience A] [--ttl 1h]\n"
    "                      [--issuer I] [--key-dir DIR] [--alg RS256]\n"
    "                      [--claims JSON]\n"
    "       millgate token verify --jwks FILE [--issuer I] [--audience A] [--alg ALG]...\n"
    "                             [--signature-only] TOKEN|-\n"
    "\n"
    "The first prints a token of the development issuer, whose keys are made on first use;\n"
    "its public keys stand in jwks.json of the same folder; --claims adds the members of an\n"
    "object, such as {\"plant\": [\"1010\"]}. The second checks a token and prints the verdict as\n"
    "JSON: exit code 0 for a valid one, 1 for an invalid one.\n";

static int usage(void)
{
    fputs(token_command_usage, stderr);
    return EXIT_USAGE;
}

/* "3600", "90s", "30m", "1h", "7d". */
static int parse_ttl(const char *text, int64_t *out_s)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct gw_str digits = gw_str_of(text);
    uint64_t factor = 1, count;

    for (size_t i = 0; i < GW_COUNT_OF(units) && digits.len > 0; i++) {
        if (digits.ptr[digits.len - 1] == units[i].unit) {
            factor = units[i].seconds;
            digits.len--;
            break;
        }
    }
    if (gw_str_to_u64(digits, &count) != 0 || count == 0 || count > (uint64_t)MAX_TTL_S / factor)
        return -EINVAL;
    *out_s = (int64_t)(count * factor);
    return 0;
}

/* --- making ----------------------------------------------------------------------------------- */

struct mint_options {
    struct sign_request request;
    const char *folder;
    int64_t ttl_s;
};

static int parse_mint(int argc, char **argv, struct mint_options *out)
{
    static const struct option options[] = {
        {"subject", required_argument, NULL, 's'},
        {"scope", required_argument, NULL, 'c'},
        {"audience", required_argument, NULL, 'a'},
        {"ttl", required_argument, NULL, 't'},
        {"issuer", required_argument, NULL, 'i'},
        {"key-dir", required_argument, NULL, 'k'},
        {"alg", required_argument, NULL, 'g'},
        {"claims", required_argument, NULL, 'l'},
        {0},
    };
    int option, rc = 0;

    optind = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            out->request.subject = optarg;
            break;
        case 'c':
            out->request.scope = optarg;
            break;
        case 'a':
            out->request.audience = optarg;
            break;
        case 't':
            rc = parse_ttl(optarg, &out->ttl_s);
            break;
        case 'i':
            out->request.issuer = optarg;
            break;
        case 'l':
            out->request.claims = optarg;
            break;
        case 'k':
            out->folder = optarg;
            break;
        case 'g':
            rc = gw_signature_alg_parse(gw_str_of(optarg), &out->request.alg);
            break;
        default:
            rc = -EINVAL;
        }
    }
    return rc != 0 || optind != argc || out->request.subject == NULL ? -EINVAL : 0;
}

static int print_token(struct mint_options *options)
{
    char default_folder[PATH_MAX], kid[GW_KID_LEN + 1], *token;
    struct sign_request request = options->request;
    const char *folder = options->folder;
    struct gw_error error;
    struct gw_buf pem;

    if (folder == NULL) {
        if (dev_issuer_default_folder(default_folder, sizeof(default_folder)) != 0) {
            fputs("millgate token: there is no home folder; use --key-dir\n", stderr);
            return EXIT_FAILURE;
        }
        folder = default_folder;
    }
    gw_buf_init(&pem, MAX_PEM_BYTES);
    int rc = dev_issuer_open(folder, request.alg, &pem, kid, &error);
    if (rc == 0) {
        request.key_pem = gw_buf_str(&pem);
        request.kid = kid;
        request.issued_s = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_SECOND);
        request.expires_s = request.issued_s + options->ttl_s;
        rc = sign_token(&request, &token);
        if (rc != 0)
            rc = gw_error_set(&error, rc, "the token cannot be signed");
    }
    gw_buf_finish(&pem);
    if (rc != 0) {
        fprintf(stderr, "millgate token: %s\n", error.text);
        return EXIT_FAILURE;
    }
    puts(token);
    free(token);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int mint(int argc, char **argv)
{
    struct mint_options options = {.request = {.issuer = "millgate-dev", .alg = GW_RS256},
                                   .ttl_s = 3600};

    if (parse_mint(argc, argv, &options) != 0)
        return usage();
    if (!sign_is_offered(options.request.alg)) {
        fputs("millgate token: the development issuer signs by RS256, RS384, RS512, ES256, ES384 "
              "and ES512\n",
              stderr);
        return EXIT_USAGE;
    }
    return print_token(&options);
}

/* --- verifying -------------------------------------------------------------------------------- */

static int parse_verify(int argc, char **argv, struct token_verify_request *out)
{
    static const struct option options[] = {
        {"jwks", required_argument, NULL, 'j'},     {"issuer", required_argument, NULL, 'i'},
        {"audience", required_argument, NULL, 'a'}, {"alg", required_argument, NULL, 'g'},
        {"signature-only", no_argument, NULL, 'o'}, {0},
    };
    enum gw_signature_alg alg;
    int option, rc = 0;

    optind = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'j':
            out->jwks_path = optarg;
            break;
        case 'i':
            out->issuer = gw_str_of(optarg);
            break;
        case 'a':
            out->audience = gw_str_of(optarg);
            break;
        case 'g':
            rc = gw_signature_alg_parse(gw_str_of(optarg), &alg);
            out->algorithms |= rc == 0 ? 1u << alg : 0;
            break;
        case 'o':
            out->signature_only = true;
            break;
        default:
            rc = -EINVAL;
        }
    }
    if (rc != 0 || optind != argc - 1 || out->jwks_path == NULL)
        return -EINVAL;
    out->token = argv[optind];
    return 0;
}

static int verify(int argc, char **argv)
{
    struct token_verify_request request = {0};

    if (parse_verify(argc, argv, &request) != 0)
        return usage();
    int rc = token_verify_print(&request, stdin, stdout);
    if (rc < 0)
        return EXIT_USAGE;
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int token_command(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "verify") == 0)
        return verify(argc - 1, argv + 1);
    return mint(argc, argv);
}
