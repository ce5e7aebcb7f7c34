/* SAP Gateway's guard against forged requests: a read with "X-CSRF-Token: Fetch" is answered with a
 * token and the cookies of a session; a write without both is refused with 403 and
 * "X-CSRF-Token: Required". */
#include "server/connector/odata/run.h"
#include "server/upstream/call.h"

static struct gw_str field_of(const struct gw_call_answer *answer, struct gw_str name)
{
    for (size_t i = 0; i < answer->field_count; i++)
        if (gw_str_equal_nocase(answer->fields[i].name, name))
            return answer->fields[i].value;
    return gw_str_from(NULL, 0);
}

/* "name=value; Path=/; Secure" gives "name=value". What does not fit whole is left out. */
static void keep_cookie(struct odata *odata, struct gw_str set_cookie)
{
    struct gw_str pair = gw_str_trim(gw_str_from(set_cookie.ptr, gw_str_find(set_cookie, ';')));
    size_t gap = odata->cookie_len > 0 ? 2 : 0;

    if (pair.len == 0 || pair.len + gap > sizeof(odata->cookie) - odata->cookie_len)
        return;
    memcpy(odata->cookie + odata->cookie_len, "; ", gap);
    memcpy(odata->cookie + odata->cookie_len + gap, pair.ptr, pair.len);
    odata->cookie_len += gap + pair.len;
}

bool odata_csrf_keep(struct odata *odata, const struct gw_call_answer *answer)
{
    struct gw_str token = field_of(answer, GW_STR("x-csrf-token"));

    odata_csrf_forget(odata);
    if (token.len == 0 || token.len > sizeof(odata->token) ||
        gw_str_equal_nocase(token, GW_STR("required")))
        return false;
    memcpy(odata->token, token.ptr, token.len);
    odata->token_len = token.len;
    for (size_t i = 0; i < answer->field_count; i++)
        if (gw_str_equal_nocase(answer->fields[i].name, GW_STR("set-cookie")))
            keep_cookie(odata, answer->fields[i].value);
    return true;
}

bool odata_csrf_is_refused(const struct gw_call_answer *answer)
{
    return answer->status == 403 &&
           gw_str_equal_nocase(field_of(answer, GW_STR("x-csrf-token")), GW_STR("required"));
}

void odata_csrf_forget(struct odata *odata)
{
    odata->token_len = 0;
    odata->cookie_len = 0;
}
