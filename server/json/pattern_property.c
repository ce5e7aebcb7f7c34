/* Sets of characters: \d \w \s, and \p{...}: the names that ECMA-262 takes (tables 67 to 69) in
 * PCRE2's spelling. */
#include "server/core/buf.h"
#include "server/json/pattern_private.h"

#define DIGITS "0-9"
#define NO_DIGITS "\\x{0}-\\x{2f}\\x{3a}-\\x{10ffff}"
#define WORD "A-Za-z0-9_"
#define NO_WORD "\\x{0}-\\x{2f}\\x{3a}-\\x{40}\\x{5b}-\\x{5e}\\x{60}\\x{7b}-\\x{10ffff}"
#define SPACE                                                                                     \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}" \
    "\\x{3000}\\x{feff}"
#define NO_SPACE                                                                     \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}" \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"   \
    "\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

static const struct {
    const char *name;       /* long names and other aliases of the Unicode database */
    const char *short_name; /* as PCRE2 has it */
} categories[] = {
    {"Cased_Letter", "L&"},
    {"LC", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
};

static const char short_categories[] =
    " C Cc Cf Cn Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So "
    "Z Zl Zp Zs ";

static const char binary_properties[] =
    " ASCII_Hex_Digit AHex Alphabetic Alpha Bidi_Control Bidi_C Bidi_Mirrored Bidi_M "
    "Case_Ignorable CI Cased Changes_When_Casefolded CWCF Changes_When_Casemapped CWCM "
    "Changes_When_Lowercased CWL Changes_When_Titlecased CWT Changes_When_Uppercased CWU Dash "
    "Default_Ignorable_Code_Point DI Deprecated Dep Diacritic Dia Emoji Emoji_Component EComp "
    "Emoji_Modifier EMod Emoji_Modifier_Base EBase Emoji_Presentation EPres Extended_Pictographic "
    "ExtPict Extender Ext Grapheme_Base Gr_Base Grapheme_Extend Gr_Ext Hex_Digit Hex "
    "IDS_Binary_Operator IDSB IDS_Trinary_Operator IDST ID_Continue IDC ID_Start IDS Ideographic "
    "Ideo Join_Control Join_C Logical_Order_Exception LOE Lowercase Lower Math "
    "Noncharacter_Code_Point NChar Pattern_Syntax Pat_Syn Pattern_White_Space Pat_WS "
    "Quotation_Mark QMark Radical Regional_Indicator RI Sentence_Terminal STerm Soft_Dotted SD "
    "Terminal_Punctuation Term Unified_Ideograph UIdeo Uppercase Upper Variation_Selector VS "
    "White_Space space XID_Continue XIDC XID_Start XIDS ";

/* Whether `word` is one of the blank-separated words of `list`. */
static bool is_word_of(struct gw_str word, const char *list)
{
    struct gw_str rest = gw_str_of(list), one;

    while (word.len > 0 && gw_str_split(&rest, ' ', &one)) {
        if (gw_str_equal(one, word))
            return true;
    }
    return false;
}

static void append_property(struct gw_buf *out, bool is_negated, const char *prefix,
                            struct gw_str name)
{
    gw_buf_printf(out, "\\%c{%s%.*s}", is_negated ? 'P' : 'p', prefix, GW_STR_ARG(name));
}

static bool append_category(struct gw_buf *out, bool is_negated, struct gw_str name)
{
    if (is_word_of(name, short_categories)) {
        append_property(out, is_negated, "", name);
        return true;
    }
    for (size_t i = 0; i < GW_COUNT_OF(categories); i++) {
        if (gw_str_equal(name, gw_str_of(categories[i].name))) {
            append_property(out, is_negated, "", gw_str_of(categories[i].short_name));
            return true;
        }
    }
    return false;
}

static bool append_script(struct gw_buf *out, bool is_negated, const char *prefix,
                          struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c != '_' && ((c | 0x20) < 'a' || (c | 0x20) > 'z'))
            return false;
    }
    append_property(out, is_negated, prefix, name);
    return name.len > 0;
}

bool gw_pattern_property(struct gw_str text, bool is_negated, struct gw_buf *out)
{
    size_t equals = gw_str_find(text, '=');
    struct gw_str name = gw_str_from(text.ptr, equals);

    if (equals < text.len) {
        struct gw_str value = gw_str_tail(text, equals + 1);
        if (is_word_of(name, "General_Category gc"))
            return append_category(out, is_negated, value);
        if (is_word_of(name, "Script sc"))
            return append_script(out, is_negated, "sc:", value);
        return is_word_of(name, "Script_Extensions scx") &&
               append_script(out, is_negated, "scx:", value);
    }
    if (gw_str_equal(name, GW_STR("Any")))
        gw_buf_append_text(out, is_negated ? "" : "\\x{0}-\\x{10ffff}");
    else if (gw_str_equal(name, GW_STR("ASCII")))
        gw_buf_append_text(out, is_negated ? "\\x{80}-\\x{10ffff}" : "\\x{0}-\\x{7f}");
    else if (gw_str_equal(name, GW_STR("Assigned")))
        append_property(out, !is_negated, "", GW_STR("Cn"));
    else if (is_word_of(name, binary_properties))
        append_property(out, is_negated, "", name);
    else
        return append_category(out, is_negated, name);
    return true;
}

const char *gw_pattern_set(char name)
{
    static const char *const sets[] = {['d'] = DIGITS,  ['D'] = NO_DIGITS, ['w'] = WORD,
                                       ['W'] = NO_WORD, ['s'] = SPACE,     ['S'] = NO_SPACE};

    return name >= 0 && (size_t)name < GW_COUNT_OF(sets) ? sets[(size_t)name] : NULL;
}
