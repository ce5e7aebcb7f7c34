#include "server/iot/sample_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/core/attr.h"

static const char *const quality_names[] = {"good", "uncertain", "bad", "stale"};

static void write_real(struct gw_buf *out, double number)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    gw_buf_append_text(out, text);
}

void gw_sample_write_value(struct gw_buf *out, const struct gw_sample *sample)
{
    switch ((enum gw_sample_type)sample->type) {
    case GW_SAMPLE_BOOLEAN:
        gw_buf_append_text(out, sample->boolean ? "true" : "false");
        return;
    case GW_SAMPLE_INTEGER:
        gw_buf_printf(out, "%lld", (long long)sample->integer);
        return;
    case GW_SAMPLE_REAL:
        write_real(out, sample->real);
        return;
    case GW_SAMPLE_TEXT:
        gw_buf_append_byte(out, '"');
        gw_buf_append_json(out, sample->text);
        gw_buf_append_byte(out, '"');
        return;
    case GW_SAMPLE_NONE:
        break;
    }
    gw_buf_append_text(out, "null");
}

const char *gw_quality_name(enum gw_quality quality)
{
    return quality_names[quality];
}

bool gw_quality_parse(struct gw_str name, enum gw_quality *out_quality)
{
    for (size_t i = 0; i < GW_COUNT_OF(quality_names); i++) {
        if (!gw_str_equal(name, gw_str_of(quality_names[i])))
            continue;
        *out_quality = (enum gw_quality)i;
        return true;
    }
    return false;
}
