/* Bodies of all kinds, and what is said to them; of the document in schema_test.c. */
#pragma once

#include "server/http/exchange.h"

struct body_row {
    enum gw_method method;
    const char *type;
    const char *body;
    int status;
    const char *needle; /* in the problem */
};

#define FORM "application/x-www-form-urlencoded"
#define PARTS "multipart/form-data; boundary=b"
#define PART(name, more, value) \
    "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n" more "\r\n" value "\r\n"
#define PARTS_END "--b--\r\n"
#define POST GW_METHOD_POST

static const struct body_row body_rows[] = {
    {POST, "application/json", "{\"id\":1,\"lines\":[]}", 200, NULL},
    {POST, "Application/JSON ; charset=utf-8", "{\"id\":1,\"lines\":[]}", 200, NULL},
    {POST, "application/json", "{\"id\":\"1\",\"lines\":[]}", 400, "\"pointer\":\"/id\""},
    {POST, "application/json", "{\"id\":1,\"lines\":[{\"quantity\":0}]}", 400,
     "\"pointer\":\"/lines/0/quantity\",\"schema\":\"t.yaml#/components/schemas/Order/properties/"
     "lines/items/properties/quantity/minimum\",\"keyword\":\"minimum\""},
    {POST, "application/json", "{\"id\":1,\"id\":1,\"lines\":[]}", 400,
     "\"keyword\":\"duplicate\""},
    {POST, "application/json", "{\"id\":1,\n \"lines\":[}", 400,
     "\"byte\":19,\"line\":2,\"column\":11"},
    {POST, "application/json", "{\"id\":1,\"lines\":[],\"seen\":\"x\"}", 400, "readOnly"},
    {POST, "application/json", "{\"id\":1,\"lines\":[],\"secret\":\"hunter2\"}", 400, "/secret"},
    {POST, "application/json", "", 400, "\"keyword\":\"required\""},
    {POST, "application/json", " ", 400, "\"keyword\":\"json\""},
    {POST, "application/merge-patch+json", "[1]", 200, NULL},
    {POST, "application/merge-patch+json", "{}", 400, "\"keyword\":\"type\""},
    {POST, "application/xml", "<a/>", 415, NULL},
    {POST, "application", "{}", 415, NULL},
    {POST, "application/*", "{}", 415, NULL},
    {POST, "*/*", "{}", 415, NULL},
    {POST, NULL, "{}", 415, NULL},
    {POST, "text/plain", "anything", 200, NULL},
    {POST, "image/png", "\x89PNG", 200, NULL},
    {GW_METHOD_PUT, "application/json", "{}", 200, NULL},
    {GW_METHOD_PUT, "application/json", "[]", 400, NULL},
    {GW_METHOD_PUT, "application/xml", "<a/>", 200, NULL},
    {GW_METHOD_PUT, "application/json", "", 200, NULL},
    {GW_METHOD_DELETE, NULL, "", 200, NULL},
    {GW_METHOD_DELETE, "application/json", "{}", 415, NULL},
    /* forms */
    {POST, FORM, "id=1", 200, NULL},
    {POST, FORM, "id=1&note=a+b%20c", 200, NULL},
    {POST, FORM, "id=1&note=abcdef", 400, "\"pointer\":\"/note\""},
    {POST, FORM, "id=x", 400, "\"pointer\":\"/id\""},
    {POST, FORM, "note=x", 400, "\"keyword\":\"required\""},
    {POST, FORM, "id=1&id=2", 400, "\"keyword\":\"duplicate\""},
    {POST, FORM, "id=1&other=2", 400, "\"pointer\":\"/other\""},
    {POST, FORM, "id=1&tags=1&note=x&tags=2", 200, NULL},
    {POST, FORM, "id=1&tags=1&tags=x", 400, "\"pointer\":\"/tags/1\""},
    {POST, FORM, "id=1&csv=a,b,c", 200, NULL},
    {POST, FORM, "id=1&csv=a,bb", 400, "\"pointer\":\"/csv/1\""},
    {POST, FORM, "id=1&box=%7B%22w%22:1%7D", 200, NULL},
    {POST, FORM, "id=1&box=%7B%22w%22:%22x%22%7D", 400, "\"pointer\":\"/box/w\""},
    {POST, FORM, "id=1&box=%7B", 400, "\"keyword\":\"json\""},
    {POST, FORM, "id=1&either=7", 200, NULL},
    {POST, FORM, "id=1&either=8", 400, "\"keyword\":\"enum\""},
    {POST, FORM, "id=%zz", 400, "\"keyword\":\"form\""},
    {POST, FORM, "id=1%ff", 400, "\"keyword\":\"form\""},
    /* parts */
    {POST, PARTS, PART("id", "", "1") PARTS_END, 200, NULL},
    {POST, "multipart/form-data; boundary=\"b\"", PART("id", "", "1") PARTS_END, 200, NULL},
    {POST, PARTS, PART("id", "", "1") PART("tags", "", "1") PART("tags", "", "2") PARTS_END, 200,
     NULL},
    {POST, PARTS, PART("id", "", "x") PARTS_END, 400, "\"pointer\":\"/id\""},
    {POST, PARTS, PART("id", "", "1") PART("id", "", "2") PARTS_END, 400, "duplicate"},
    {POST, PARTS, PART("id", "Content-Type: application/json\r\n", "1") PARTS_END, 200, NULL},
    {POST, PARTS, PART("id", "", "1") PART("box", "", "{\"w\":1}") PARTS_END, 200, NULL},
    {POST, PARTS, PART("id", "", "1") PART("box", "", "{\"v\":1}") PARTS_END, 400, "/box/v"},
    {POST, PARTS,
     PART("id", "", "1") PART("photo", "Content-Type: image/png\r\n", "\x89\xff\xfe\x80") PARTS_END,
     200, NULL},
    {POST, PARTS,
     PART("id", "", "1") PART("photo", "Content-Type: image/png\r\n", "\x89\xff\xfe") PARTS_END,
     400, "\"pointer\":\"/photo\""},
    {POST, PARTS,
     PART("id", "", "1") PART("photo", "Content-Type: image/gif\r\n", "abcd") PARTS_END, 400,
     "\"keyword\":\"contentType\""},
    {POST, "multipart/form-data", PART("id", "", "1") PARTS_END, 400, "no boundary"},
    {POST, PARTS, "x\r\n" PART("id", "", "1") PARTS_END, 400, "begin"},
    {POST, PARTS, PART("id", "", "1"), 400, "last boundary"},
    {POST, PARTS, PART("id", "", "1") PARTS_END "x", 400, "behind"},
    {POST, PARTS, "--b\r\nX: y\r\n\r\n1\r\n" PARTS_END, 400, "no name"},
    {POST, PARTS, "--b\nContent-Disposition: form-data; name=\"id\"\n\n1\n--b--", 400,
     "line's end"},
    {POST, PARTS, PART("id", "Content-Transfer-Encoding: base64\r\n", "MQ==") PARTS_END, 400,
     "transfer encoding"},
    {POST, PARTS, "--b--\r\n", 400, "\"keyword\":\"required\""},
};
