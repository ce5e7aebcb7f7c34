/* A document of 3 MB, as generators write them, loads whole. How long that takes is for the
 * benchmark (tests/bench/schema.sh). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/json/schema.h"
#include "tests/unit/support/contract_folder.h"

#ifdef __SANITIZE_ADDRESS__
#define MIN_BYTES 600000 /* a minute would teach no more */
#else
#define MIN_BYTES 3000000
#endif
#define FIELDS 16

static void write_schema(struct gw_buf *buf, unsigned number)
{
    gw_buf_printf(
        buf, "\"Order%u\":{\"type\":\"object\",\"required\":[\"field0\"],\"properties\":{", number);
    for (unsigned i = 0; i < FIELDS; i++)
        gw_buf_printf(buf,
                      "\"field%u\":{\"type\":\"string\",\"maxLength\":%u,\"description\":"
                      "\"What field %u of order %u says\"},",
                      i, number + 1, i, number);
    gw_buf_printf(buf, "\"before\":{\"$ref\":\"#/components/schemas/Order%u\"}}}",
                  number > 0 ? number - 1 : 0);
}

static void write_path(struct gw_buf *buf, unsigned number)
{
    gw_buf_printf(
        buf,
        "\"/orders%u/{id}\":{\"parameters\":[{\"name\":\"id\",\"in\":\"path\",\"required\":true,"
        "\"schema\":{\"type\":\"integer\"}}],\"get\":{\"operationId\":\"get%u\",\"responses\":{"
        "\"200\":{\"description\":\"d\"}}},\"put\":{\"operationId\":\"put%u\",\"requestBody\":{"
        "\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Order%u\"}"
        "}}},\"responses\":{\"200\":{\"description\":\"d\"}}}}",
        number, number, number, number);
}

/* Writes the document; returns how many path items it has. */
static unsigned write_document(struct gw_buf *buf)
{
    unsigned count = 0;

    gw_buf_printf(buf, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"L\",\"version\":\"1.0.0\"},"
                       "\"components\":{\"schemas\":{");
    for (; buf->len < MIN_BYTES; count++) {
        gw_buf_append_text(buf, count > 0 ? "," : "");
        write_schema(buf, count);
    }
    gw_buf_append_text(buf, "}},\"paths\":{");
    for (unsigned i = 0; i < count; i++) {
        gw_buf_append_text(buf, i > 0 ? "," : "");
        write_path(buf, i);
    }
    gw_buf_append(buf, "}}", 3); /* with the NUL */
    return count;
}

static void a_large_document_loads(void **state)
{
    (void)state;
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/l")};
    struct contract_folder folder;
    struct gw_buf text;

    gw_buf_init(&text, 16u << 20);
    unsigned count = write_document(&text);
    assert_false(text.has_failed);
    assert_true(text.len >= MIN_BYTES && count > MIN_BYTES / 3000);
    contract_folder_create(&folder);
    contract_folder_write(&folder, "large.json", text.ptr);
    struct gw_contract *contract = contract_folder_load(&folder, "large.json", &rules);
    if (contract == NULL)
        fail_msg("%s", folder.findings);
    const struct gw_api *api = gw_contract_api(contract);
    assert_int_equal(api->operation_count, 2 * count);
    for (size_t i = 0; i < api->operation_count; i++)
        assert_int_equal(api->operations[i].parameter_count, 1);
    assert_true(gw_schema_set_nodes(api->schemas) > (size_t)count * FIELDS);
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
    gw_buf_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_large_document_loads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
