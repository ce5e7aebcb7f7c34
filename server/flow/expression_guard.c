/* The definitions. */
#include "server/flow/expression_guard.h"

#include "server/core/buf.h"

/* --- definitions ------------------------------------------------------------------------------ */

/* Texts become numbers here, whose digits may be too many. */
static const char always[] =
    "def __gw_too_long: error(\"a number has more digits than jq calculates with\");"
    "def __gw_tonumber: tonumber;"
    "def tonumber: if type==\"string\" and length>15 and"
    " ((gsub(\"[^0-9]\";\"\")|length>17) or"
    "  (test(\"^-?[0-9]+$\") and (__gw_tonumber|.>9007199254740992 or .< -9007199254740992)))"
    " then __gw_too_long else __gw_tonumber end;"
    "def __gw_fromjson: fromjson;"
    "def fromjson: if type==\"string\" and test(\"[0-9][0-9.]{15}\") and"
    " (gsub(\"\\\"(\\\\\\\\.|[^\\\"\\\\\\\\])*\\\"\";\"\")|test(\"[0-9][0-9.]{15}\"))"
    " then __gw_too_long else __gw_fromjson end;";

/* jq resolves operators by name where they are used, so these hold for all text behind them, and
 * for none before. `_equal` needs none: equal numbers are equal texts. */
static const char basics[] =
    "def __gw_long: type==\"string\" and startswith(\"\\udbfc\\udc0e\");"
    "def __gw_any: any(..; __gw_long);"
    "def __gw_no: if __gw_any then __gw_too_long else . end;"
    "def __gw_digits: .[1:-1]|explode|map([48,49,50,51,52,53,54,55,56,57,45,46,101,43][.-1110016])"
    "|implode;";

static const char *const scalar_operators[] = {"minus", "multiply", "divide", "mod"};
static const char scalar_signs[] = "-*/%";
static const char *const orders[] = {"less", "lesseq", "greater", "greatereq"};
static const char *const order_signs[] = {"<", "<=", ">", ">="};

static void write_operators(struct gw_buf *buf)
{
    for (size_t i = 0; i < GW_COUNT_OF(scalar_operators); i++)
        gw_buf_printf(buf,
                      "def __gw_%s(a;b): a %c b;"
                      "def _%s(a;b): b as $__gw_b|a as $__gw_a|"
                      "if ($__gw_a|__gw_long) or ($__gw_b|__gw_long) then __gw_too_long "
                      "else __gw_%s($__gw_a;$__gw_b) end;",
                      scalar_operators[i], scalar_signs[i], scalar_operators[i],
                      scalar_operators[i]);
    for (size_t i = 0; i < GW_COUNT_OF(orders); i++)
        gw_buf_printf(buf,
                      "def __gw_%s(a;b): a %s b;"
                      "def _%s(a;b): b as $__gw_b|a as $__gw_a|"
                      "if ($__gw_a|__gw_any) or ($__gw_b|__gw_any) then __gw_too_long "
                      "else __gw_%s($__gw_a;$__gw_b) end;",
                      orders[i], order_signs[i], orders[i], orders[i]);
    gw_buf_append_text(buf, "def __gw_plus(a;b): a+b;"
                            "def _plus(a;b): b as $__gw_b|a as $__gw_a|"
                            "if $__gw_a==null then $__gw_b elif $__gw_b==null then $__gw_a"
                            " elif ($__gw_a|__gw_long) or ($__gw_b|__gw_long) then __gw_too_long"
                            " else __gw_plus($__gw_a;$__gw_b) end;"
                            "def __gw_negate: -(.);"
                            "def _negate: if __gw_long then __gw_too_long else __gw_negate end;");
}

/* Functions that look at the whole input, at their input alone, and also at their argument. */
static const char *const whole[] = {"sort", "unique", "min", "max"};
static const char *const by_key[] = {"sort_by", "group_by", "unique_by", "min_by", "max_by"};
static const char *const scalar[] = {"ascii_downcase", "ascii_upcase", "explode",
                                     "utf8bytelength", "ascii",        "implode"};
static const char *const with_text[] = {"has",      "startswith", "endswith", "ltrimstr",
                                        "rtrimstr", "split",      "test",     "match",
                                        "capture",  "scan",       "splits"};
static const char *const with_any[] = {"contains", "inside",  "index",
                                       "rindex",   "indices", "bsearch"};

static void write_functions(struct gw_buf *buf)
{
    for (size_t i = 0; i < GW_COUNT_OF(whole); i++)
        gw_buf_printf(buf, "def __gw_%s: %s; def %s: __gw_no|__gw_%s;", whole[i], whole[i],
                      whole[i], whole[i]);
    for (size_t i = 0; i < GW_COUNT_OF(by_key); i++)
        gw_buf_printf(buf,
                      "def __gw_%s(f): %s(f);"
                      "def %s(f): if any(.[]; [f]|__gw_any) then __gw_too_long "
                      "else __gw_%s(f) end;",
                      by_key[i], by_key[i], by_key[i], by_key[i]);
    for (size_t i = 0; i < GW_COUNT_OF(scalar); i++)
        gw_buf_printf(buf,
                      "def __gw_%s: %s;"
                      "def %s: if __gw_long then __gw_too_long else __gw_%s end;",
                      scalar[i], scalar[i], scalar[i], scalar[i]);
    for (size_t i = 0; i < GW_COUNT_OF(with_text); i++)
        gw_buf_printf(buf,
                      "def __gw_%s(f): %s(f);"
                      "def %s(f): f as $__gw_f|if __gw_long or ($__gw_f|__gw_long) "
                      "then __gw_too_long else __gw_%s($__gw_f) end;",
                      with_text[i], with_text[i], with_text[i], with_text[i]);
    for (size_t i = 0; i < GW_COUNT_OF(with_any); i++)
        gw_buf_printf(buf,
                      "def __gw_%s(f): %s(f);"
                      "def %s(f): f as $__gw_f|if __gw_any or ($__gw_f|__gw_any) "
                      "then __gw_too_long else __gw_%s($__gw_f) end;",
                      with_any[i], with_any[i], with_any[i], with_any[i]);
}

/* It puts a number together: that is not guarded yet. */
static const char length[] = "def __gw_length: length;"
                             "def length: if __gw_long|not then __gw_length"
                             " elif .[1:2]==\"\\udbfc\\udc0a\" then .[:1]+.[2:] else . end;";

/* What knows numbers from texts, or writes them. */
static const char redefined[] =
    "def __gw_type: type;"
    "def type: if __gw_long then \"number\" else __gw_type end;"
    "def numbers: select(type==\"number\");"
    "def strings: select(type==\"string\");"
    "def __gw_tostring: tostring;"
    "def tostring: if __gw_long then __gw_digits else __gw_no|__gw_tostring end;"
    "def __gw_tojson: tojson;"
    "def tojson: if __gw_long then __gw_digits else __gw_no|__gw_tojson end;"
    "def __gw_format(f): format(f);"
    "def format(f): f as $__gw_f|if __gw_long and ($__gw_f==\"text\" or $__gw_f==\"json\")"
    " then __gw_digits else __gw_no|__gw_format($__gw_f) end;"
    "def __gw_guarded_tonumber: tonumber;"
    "def tonumber: if __gw_long then . else __gw_guarded_tonumber end;"
    "def add: reduce .[] as $__gw_x (null; .+$__gw_x);"
    "def join($__gw_x): reduce .[] as $__gw_i (null;"
    " (if .==null then \"\" else .+$__gw_x end)+"
    " ($__gw_i|if .==null then \"\" elif type==\"string\" then . else tojson end))//\"\";"
    "def __gw_sub(f;g): sub(f;g);"
    "def sub(f;g): if __gw_long then __gw_too_long else __gw_sub(f;g) end;"
    "def __gw_gsub(f;g): gsub(f;g);"
    "def gsub(f;g): if __gw_long then __gw_too_long else __gw_gsub(f;g) end;"
    "def __gw_test(f;g): test(f;g);"
    "def test(f;g): if __gw_long then __gw_too_long else __gw_test(f;g) end;"
    "def __gw_split(f;g): split(f;g);"
    "def split(f;g): if __gw_long then __gw_too_long else __gw_split(f;g) end;";

void gw_jq_write_guard(struct gw_buf *buf, bool is_guarded)
{
    gw_buf_append_text(buf, always);
    if (!is_guarded)
        return;
    gw_buf_append_text(buf, basics);
    write_functions(buf);
    gw_buf_append_text(buf, length);
    write_operators(buf);
    gw_buf_append_text(buf, redefined);
}
