#include <stdlib.h>
#include <string.h>

#include "server/cli/cli.h"
#include "server/core/scope.h"
#include "server/gateway/config.h"
#include "server/observe/audit_file.h"
#include "server/observe/audit_verify.h"

#define MAX_KEY_BYTES 1025

struct options {
    const char *config_path, *key_file, *head;
    bool is_json;
    char key[MAX_KEY_BYTES];
    size_t key_len;
};

static void print_string(FILE *out, const char *name, const char *text)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 4096);
    gw_buf_append_json(&buf, gw_str_of(text));
    fprintf(out, "\"%s\":\"%.*s\"", name, (int)buf.len, buf.len > 0 ? buf.ptr : "");
    gw_buf_finish(&buf);
}

static void print_json(const struct gw_cli *cli, const struct gw_audit_report *report, bool is_good)
{
    fprintf(cli->out,
            "{\"ok\":%s,\"lines\":%llu,\"first\":%llu,\"last\":%llu,\"recovered\":%llu,"
            "\"unfinished\":%llu,\"torn\":%s,",
            is_good ? "true" : "false", (unsigned long long)report->lines,
            (unsigned long long)report->first_seq, (unsigned long long)report->last_seq,
            (unsigned long long)report->recovered, (unsigned long long)report->unfinished,
            report->is_torn ? "true" : "false");
    print_string(cli->out, "first_time", report->first_time);
    fputc(',', cli->out);
    print_string(cli->out, "last_time", report->last_time);
    fprintf(cli->out, ",\"head\":\"%s\"", report->head);
    if (!is_good) {
        fputs(",\"problem\":{", cli->out);
        print_string(cli->out, "file", report->file == NULL ? "" : report->file);
        fprintf(cli->out, ",\"line\":%llu,", (unsigned long long)report->line);
        print_string(cli->out, "text", report->problem);
        fputc('}', cli->out);
    }
    fputs("}\n", cli->out);
}

static void print_report(const struct gw_cli *cli, const struct gw_audit_report *report,
                         bool is_good)
{
    if (!is_good) {
        if (report->line > 0)
            fprintf(cli->out, "%s:%llu: %s\n", report->file, (unsigned long long)report->line,
                    report->problem);
        else
            fprintf(cli->out, "%s: %s\n", report->file, report->problem);
        return;
    }
    fprintf(cli->out, "ok: %llu lines, %llu to %llu", (unsigned long long)report->lines,
            (unsigned long long)report->first_seq, (unsigned long long)report->last_seq);
    if (report->lines > 0)
        fprintf(cli->out, ", %s to %s", report->first_time, report->last_time);
    fprintf(cli->out, "\nhead: %s\n", report->head);
    if (report->first_seq > 1)
        fprintf(cli->out, "note: what stood before line %llu is not in these files\n",
                (unsigned long long)report->first_seq);
    if (report->recovered > 0)
        fprintf(cli->out, "note: %llu lines were torn by a crash, and healed\n",
                (unsigned long long)report->recovered);
    if (report->is_torn)
        fprintf(cli->out, "note: the last line is torn; the next start heals it\n");
    if (report->unfinished > 0)
        fprintf(cli->out, "note: of %llu acts the outcome is not known\n",
                (unsigned long long)report->unfinished);
}

static int verify(const struct gw_cli *cli, const struct options *options, const char *const *paths,
                  size_t count)
{
    struct gw_audit_report report;
    bool is_good = gw_audit_verify(paths, count, gw_str_from(options->key, options->key_len),
                                   gw_str_of(options->head), &report);

    if (options->is_json)
        print_json(cli, &report, is_good);
    else
        print_report(cli, &report, is_good);
    return is_good ? GW_EXIT_OK : GW_EXIT_PROBLEM;
}

/* The audit that a configuration names: all of its files. */
static int verify_configured(const struct gw_cli *cli, struct options *options)
{
    struct gw_diagnostics diagnostics;
    struct gw_config *config = NULL;
    char **paths = NULL;
    size_t count = 0;

    gw_diagnostics_init(&diagnostics);
    int rc = gw_config_load(options->config_path, cli->filters, &diagnostics, &config);
    gw_diagnostics_print(&diagnostics, cli->err);
    gw_diagnostics_finish(&diagnostics);
    if (rc != 0)
        return GW_EXIT_PROBLEM;
    if (options->key_len == 0 && config->audit_key.len < sizeof(options->key)) {
        options->key_len = config->audit_key.len;
        if (options->key_len > 0)
            memcpy(options->key, config->audit_key.ptr, options->key_len);
    }
    int code = GW_EXIT_PROBLEM;
    if (config->audit_file.ptr == NULL)
        fprintf(cli->err, "millgate audit: the configuration keeps no audit\n");
    else if (gw_audit_file_list(config->audit_file.ptr, &paths, &count) != 0 || count == 0)
        fprintf(cli->err, "millgate audit: there is none at %s\n", config->audit_file.ptr);
    else
        code = verify(cli, options, (const char *const *)paths, count);
    gw_audit_file_list_free(paths, count);
    gw_config_destroy(config);
    return code;
}

static bool read_key(struct options *options)
{
    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(options->key_file, "r");

    if (file == NULL)
        return false;
    options->key_len = fread(options->key, 1, sizeof(options->key), file);
    if (options->key_len > 0 && options->key[options->key_len - 1] == '\n')
        options->key_len--;
    /* cppcheck-suppress resourceLeak ; its scope closes it */
    return options->key_len > 0 && options->key_len < sizeof(options->key);
}

int gw_cli_audit(const struct gw_cli *cli, int argc, char **argv)
{
    struct options own = {0};
    const struct gw_cli_option options[] = {
        {.name = "config", .letter = 'c', .value = &own.config_path},
        {.name = "key-file", .value = &own.key_file},
        {.name = "head", .value = &own.head},
        {.name = "json", .flag = &own.is_json},
        {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count == 0 || strcmp(argv[1], "verify") != 0)
        return gw_cli_usage_error(cli, argv[0], "verify is wanted");
    if ((count == 1) == (own.config_path == NULL))
        return gw_cli_usage_error(cli, argv[0], "either -c FILE or the audit's files are wanted");
    if (own.key_file != NULL && !read_key(&own)) {
        fprintf(cli->err, "millgate audit: cannot read a key from %s\n", own.key_file);
        return GW_EXIT_PROBLEM;
    }
    if (own.config_path != NULL)
        return verify_configured(cli, &own);
    return verify(cli, &own, (const char *const *)&argv[2], (size_t)count - 1);
}
