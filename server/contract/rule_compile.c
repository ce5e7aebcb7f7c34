/* Expression to program: a recursive descent of bounded depth.
 *
 *     either     = both *("or" both)
 *     both       = single *("and" single)
 *     single     = "not" single / "(" either ")" / comparison
 *     comparison = "scope" "(" text ")" / "starts_with" "(" value "," value ")"
 *                / value [("==" / "!=" / ["not"] "in") value] */
#include <errno.h>

#include "server/contract/rule_program.h"
#include "server/contract/rule_scan.h"
#include "server/contract/rule_types.h"
#include "server/core/utf8.h"

struct compiler {
    struct rule_scan scan;
    unsigned depth;
    uint16_t node_count, operand_count;
    struct gw_rule_node nodes[GW_RULE_MAX_NODES];
    struct gw_rule_operand operands[GW_RULE_MAX_OPERANDS];
};

static const char *const known_words[] = {"token",    "path",   "query", "header", "method",
                                          "consumer", "issuer", "scope", "true",   "starts_with",
                                          "false",    "not",    NULL};
static const char *const known_joints[] = {"and", "or", "in", "not", NULL};

/* --- the program's parts ---------------------------------------------------------------------- */

static uint16_t add_node(struct compiler *compiler, enum gw_rule_op op, uint16_t left,
                         uint16_t right)
{
    if (compiler->node_count == GW_RULE_MAX_NODES) {
        rule_fail(&compiler->scan, compiler->scan.at,
                  "a rule has at most %d comparisons and joints", GW_RULE_MAX_NODES);
        return 0;
    }
    compiler->nodes[compiler->node_count] = (struct gw_rule_node){op, left, right};
    return compiler->node_count++;
}

/* The next operand, zeroed; the last one is given out again when there are too many (said). */
static struct gw_rule_operand *add_operand(struct compiler *compiler, enum gw_rule_source source,
                                           size_t at)
{
    struct gw_rule_operand *operand;

    if (compiler->operand_count == GW_RULE_MAX_OPERANDS)
        rule_fail(&compiler->scan, at, "a rule has at most %d values", GW_RULE_MAX_OPERANDS);
    else
        compiler->operand_count++;
    operand = &compiler->operands[compiler->operand_count - 1];
    *operand =
        (struct gw_rule_operand){.source = source, .column = rule_column(compiler->scan.text, at)};
    return operand;
}

/* --- values ----------------------------------------------------------------------------------- */

static void read_steps(struct compiler *compiler, struct gw_rule_operand *operand)
{
    struct rule_scan *scan = &compiler->scan;
    struct gw_str steps[GW_RULE_MAX_STEPS];
    struct gw_str step;
    uint16_t count = 0;

    while (rule_take_member(scan, &step)) {
        if (count == GW_RULE_MAX_STEPS) {
            rule_fail(scan, scan->at, "a claim lies at most %d steps deep", GW_RULE_MAX_STEPS);
            return;
        }
        steps[count++] = step;
    }
    if (count == 0)
        rule_fail(scan, scan->at, "which claim? Write token.<name> or token[\"name\"]");
    struct gw_str *kept = gw_arena_calloc(scan->arena, count + 1u, sizeof(*kept));
    if (kept == NULL) {
        scan->rc = -ENOMEM;
        return;
    }
    for (uint16_t i = 0; i < count; i++)
        kept[i] = steps[i];
    operand->steps = kept;
    operand->step_count = count;
}

static void read_member(struct compiler *compiler, struct gw_rule_operand *operand,
                        const char *word)
{
    struct rule_scan *scan = &compiler->scan;

    if (!rule_take_member(scan, &operand->text))
        rule_fail(scan, scan->at, "which one? Write %s.<name> or %s[\"name\"]", word, word);
}

static bool read_word(struct compiler *compiler, uint16_t *out_operand)
{
    static const struct {
        const char *word;
        enum gw_rule_source source;
    } sources[] = {
        {"token", RULE_TOKEN},   {"path", RULE_PATH},     {"query", RULE_QUERY},
        {"header", RULE_HEADER}, {"method", RULE_METHOD}, {"consumer", RULE_CONSUMER},
        {"issuer", RULE_ISSUER}, {"true", RULE_BOOL},     {"false", RULE_BOOL},
    };
    struct rule_scan *scan = &compiler->scan;
    struct gw_str word = rule_peek_word(scan);
    size_t start = scan->at;

    for (size_t i = 0; i < GW_COUNT_OF(sources); i++) {
        if (!rule_take_word(scan, sources[i].word))
            continue;
        struct gw_rule_operand *operand = add_operand(compiler, sources[i].source, start);
        *out_operand = (uint16_t)(operand - compiler->operands);
        operand->flag = sources[i].word[0] == 't';
        if (sources[i].source == RULE_TOKEN)
            read_steps(compiler, operand);
        else if (sources[i].source >= RULE_PATH && sources[i].source <= RULE_HEADER)
            read_member(compiler, operand, sources[i].word);
        return true;
    }
    if (word.len > 0)
        rule_fail_word(scan, start, word, known_words);
    return false;
}

static bool read_constant(struct compiler *compiler, uint16_t *out_operand)
{
    struct rule_scan *scan = &compiler->scan;
    struct gw_rule_operand *operand;
    struct gw_str text;

    rule_skip_space(scan);
    size_t start = scan->at;
    if (rule_take_text(scan, &text)) {
        operand = add_operand(compiler, RULE_TEXT, start);
        operand->text = text;
    } else if (rule_take_number(scan, &text)) {
        operand = add_operand(compiler, RULE_NUMBER, start);
        operand->text = text;
        if (gw_decimal_parse(text, &operand->number) != 0)
            rule_fail(scan, start, "this is no number");
    } else {
        return false;
    }
    *out_operand = (uint16_t)(operand - compiler->operands);
    return true;
}

static void expect(struct compiler *compiler, const char *sign, const char *after)
{
    if (!rule_take_sign(&compiler->scan, sign))
        rule_fail(&compiler->scan, compiler->scan.at, "\"%s\" is missing %s", sign, after);
}

/* The items follow their list, one behind the other. */
static void read_list(struct compiler *compiler, uint16_t *out_operand)
{
    struct rule_scan *scan = &compiler->scan;
    uint16_t list = compiler->operand_count, item = 0;

    (void)add_operand(compiler, RULE_LIST, scan->at - 1);
    *out_operand = list;
    do {
        if (!read_constant(compiler, &item)) {
            rule_fail(scan, scan->at, "a list holds texts and whole numbers");
            return;
        }
    } while (rule_take_sign(scan, ","));
    expect(compiler, "]", "at the list's end");
    if (scan->rc == 0)
        compiler->operands[list].count = (uint16_t)(compiler->operand_count - list - 1);
}

static bool take_mistaken_sign(struct compiler *compiler)
{
    static const char *const mistaken[][2] = {
        {"==", "a comparison has two sides: join two by \"and\""},
        {"!=", "a comparison has two sides: join two by \"and\""},
        {"&&", "write \"and\""},
        {"||", "write \"or\""},
        {"=", "write \"==\""},
        {"!", "write \"not\""},
        {"<", "there is no order: only ==, != and in"},
        {">", "there is no order: only ==, != and in"},
    };
    struct rule_scan *scan = &compiler->scan;

    for (size_t i = 0; i < GW_COUNT_OF(mistaken); i++) {
        size_t start = scan->at;
        if (!rule_take_sign(scan, mistaken[i][0]))
            continue;
        rule_fail(scan, start, "%s", mistaken[i][1]);
        return true;
    }
    return false;
}

static uint16_t read_value(struct compiler *compiler)
{
    struct rule_scan *scan = &compiler->scan;
    uint16_t operand = 0;

    if (read_constant(compiler, &operand) || read_word(compiler, &operand))
        return operand;
    if (rule_take_sign(scan, "["))
        read_list(compiler, &operand);
    else if (rule_is_end(scan))
        rule_fail(scan, scan->at, "something is missing at the end");
    else if (!take_mistaken_sign(compiler))
        rule_fail(scan, scan->at, "here a value must stand: token.<claim>, path.<name>, \"text\"");
    return operand;
}

/* --- comparisons ------------------------------------------------------------------------------ */

static uint16_t read_scope(struct compiler *compiler)
{
    struct rule_scan *scan = &compiler->scan;
    uint16_t operand = 0;

    expect(compiler, "(", "behind scope");
    rule_skip_space(scan);
    size_t start = scan->at;
    struct gw_rule_operand *scope = add_operand(compiler, RULE_TEXT, start);
    operand = (uint16_t)(scope - compiler->operands);
    if (!rule_take_text(scan, &scope->text))
        rule_fail(scan, start, "a scope is written as scope(\"name\")");
    else if (scope->text.len == 0 || memchr(scope->text.ptr, ' ', scope->text.len) != NULL)
        rule_fail(scan, start, "a scope is one word");
    expect(compiler, ")", "behind the scope");
    return add_node(compiler, RULE_SCOPE, operand, 0);
}

static uint16_t read_starts_with(struct compiler *compiler)
{
    struct rule_scan *scan = &compiler->scan;

    expect(compiler, "(", "behind starts_with");
    rule_skip_space(scan);
    size_t start = scan->at;
    uint16_t text = read_value(compiler);
    expect(compiler, ",", "between the text and its beginning");
    uint16_t prefix = read_value(compiler);
    expect(compiler, ")", "behind the beginning");
    rule_check_pair(scan, &compiler->operands[text], &compiler->operands[prefix], start);
    const struct gw_rule_operand *a = &compiler->operands[text], *b = &compiler->operands[prefix];
    if (scan->rc == 0 && ((rule_kind_of(a) != KIND_TEXT && rule_kind_of(a) != KIND_ANY) ||
                          (rule_kind_of(b) != KIND_TEXT && rule_kind_of(b) != KIND_ANY)))
        rule_fail(scan, start, "starts_with is for texts");
    if (b->source == RULE_TEXT && b->text.len == 0)
        rule_fail(scan, start, "every text starts with an empty one");
    return add_node(compiler, RULE_STARTS_WITH, text, prefix);
}

static uint16_t read_bare(struct compiler *compiler, uint16_t value, size_t start)
{
    enum rule_kind kind = rule_kind_of(&compiler->operands[value]);

    if (take_mistaken_sign(compiler))
        return 0;
    if (compiler->scan.rc == 0 && kind != KIND_ANY && kind != KIND_BOOL)
        rule_fail(&compiler->scan, start, "%s is neither true nor false: compare it",
                  rule_kind_name(kind));
    return add_node(compiler, RULE_IS_TRUE, value, 0);
}

static uint16_t read_comparison(struct compiler *compiler)
{
    struct rule_scan *scan = &compiler->scan;

    rule_skip_space(scan);
    size_t start = scan->at;
    if (rule_take_word(scan, "scope"))
        return read_scope(compiler);
    if (rule_take_word(scan, "starts_with"))
        return read_starts_with(compiler);
    uint16_t left = read_value(compiler);
    rule_skip_space(scan);
    size_t joint = scan->at;
    bool is_same = rule_take_sign(scan, "==");
    if (is_same || rule_take_sign(scan, "!=")) {
        uint16_t right = read_value(compiler);
        rule_check_pair(scan, &compiler->operands[left], &compiler->operands[right], joint);
        return add_node(compiler, is_same ? RULE_EQUAL : RULE_DIFFERENT, left, right);
    }
    bool is_denied = rule_take_word(scan, "not");
    if (rule_take_word(scan, "in")) {
        uint16_t right = read_value(compiler);
        rule_check_in(scan, &compiler->operands[left], &compiler->operands[right], joint);
        uint16_t node = add_node(compiler, RULE_IN, left, right);
        return is_denied ? add_node(compiler, RULE_NOT, node, 0) : node;
    }
    if (is_denied)
        rule_fail(scan, joint, "here only \"not in\" can stand");
    return read_bare(compiler, left, start);
}

/* --- joints ----------------------------------------------------------------------------------- */

static uint16_t read_either(struct compiler *compiler);

static uint16_t read_single(struct compiler *compiler)
{
    struct rule_scan *scan = &compiler->scan;
    uint16_t node = 0;

    rule_skip_space(scan);
    size_t start = scan->at;
    bool is_denied = rule_take_word(scan, "not");
    bool is_group = !is_denied && rule_take_sign(scan, "(");
    if (!is_denied && !is_group)
        return read_comparison(compiler);
    if (compiler->depth == GW_RULE_MAX_DEPTH) {
        rule_fail(scan, start, "more than %d levels", GW_RULE_MAX_DEPTH);
        return 0;
    }
    compiler->depth++;
    if (is_denied) {
        node = add_node(compiler, RULE_NOT, read_single(compiler), 0);
    } else {
        node = read_either(compiler);
        expect(compiler, ")", "");
    }
    compiler->depth--;
    return node;
}

static uint16_t read_joined(struct compiler *compiler, const char *word, enum gw_rule_op op,
                            uint16_t (*read)(struct compiler *compiler))
{
    uint16_t left = read(compiler);

    while (rule_take_word(&compiler->scan, word)) {
        uint16_t right = read(compiler);
        left = add_node(compiler, op, left, right);
    }
    return left;
}

static uint16_t read_both(struct compiler *compiler)
{
    return read_joined(compiler, "and", RULE_AND, read_single);
}

static uint16_t read_either(struct compiler *compiler)
{
    return read_joined(compiler, "or", RULE_OR, read_both);
}

static void expect_end(struct compiler *compiler)
{
    struct rule_scan *scan = &compiler->scan;

    if (scan->rc != 0 || rule_is_end(scan) || take_mistaken_sign(compiler))
        return;
    struct gw_str word = rule_peek_word(scan);
    if (word.len > 0)
        rule_fail_word(scan, scan->at, word, known_joints);
    else
        rule_fail(scan, scan->at, "here \"and\", \"or\" or the end must stand");
}

/* --- the whole -------------------------------------------------------------------------------- */

static int keep(struct compiler *compiler, uint16_t root, struct gw_rule *out_rule)
{
    struct gw_arena *arena = compiler->scan.arena;
    struct gw_rule_node *nodes = gw_arena_calloc(arena, compiler->node_count, sizeof(*nodes));
    struct gw_rule_operand *operands =
        gw_arena_calloc(arena, compiler->operand_count, sizeof(*operands));

    if (nodes == NULL || operands == NULL)
        return -ENOMEM;
    memcpy(nodes, compiler->nodes, compiler->node_count * sizeof(*nodes));
    memcpy(operands, compiler->operands, compiler->operand_count * sizeof(*operands));
    *out_rule = (struct gw_rule){.text = compiler->scan.text,
                                 .nodes = nodes,
                                 .root = root,
                                 .operands = operands,
                                 .operand_count = compiler->operand_count};
    return 0;
}

int gw_rule_compile(struct gw_arena *arena, struct gw_str text, struct gw_rule *out_rule,
                    struct gw_rule_fault *out_fault)
{
    struct compiler compiler;

    compiler.depth = 0;
    compiler.node_count = compiler.operand_count = 0;
    compiler.scan =
        (struct rule_scan){.arena = arena, .text = gw_arena_copy(arena, text), .fault = out_fault};
    struct rule_scan *scan = &compiler.scan;
    if (scan->text.ptr == NULL)
        return -ENOMEM;
    if (text.len > GW_RULE_MAX_BYTES)
        rule_fail(scan, 0, "a rule has at most %d bytes", GW_RULE_MAX_BYTES);
    else if (!gw_utf8_is_valid(text))
        rule_fail(scan, 0, "a rule is UTF-8");
    else if (rule_is_end(scan))
        rule_fail(scan, 0, "the rule is empty");
    if (scan->rc != 0)
        return scan->rc;
    uint16_t root = read_either(&compiler);
    expect_end(&compiler);
    return scan->rc != 0 ? scan->rc : keep(&compiler, root, out_rule);
}
