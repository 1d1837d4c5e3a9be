/* kernels_text.c - functions of texts. A part of a text is not copied; new texts go into the run's chunks. Only live rows
 * are looked at: what a row that is null holds may be no text at all.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <weir/text.h>

#include "expr/compile_internal.h"

static const weir_str nothing = {"", 0};

#define EACH_LIVE(k, r)                  \
    for (int64_t r = 0; r < (k)->n; r++) \
        if (weir__live((k), r))

static size_t is_start(char c) /* of a code point */
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

void weir__length(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0);
    int64_t *out = k->out;
    memset(out, 0, (size_t)k->n * sizeof *out);
    EACH_LIVE(k, r)
    {
        size_t n = 0;
        for (size_t i = 0; i < a[r].n; i++) n += is_start(a[r].p[i]);
        out[r] = (int64_t)n;
    }
}

void weir__byte_length(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0);
    int64_t *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = (int64_t)a[r].n;
}

/* Letters from `first` on, 26 of them, with the bit 32 the other way round. */
static void change_case(struct weir__step *k, unsigned char first)
{
    const weir_str *a = weir__values(k, 0);
    weir_str *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = nothing;
    EACH_LIVE(k, r)
    {
        char *to = weir__text_room(k, a[r].n);
        if (!to) return;
        for (size_t i = 0; i < a[r].n; i++) {
            unsigned char c = (unsigned char)a[r].p[i];
            to[i] = (char)((unsigned char)(c - first) < 26 ? c ^ 32 : c);
        }
        out[r] = (weir_str){to, a[r].n};
    }
}
void weir__lower(struct weir__step *k)
{
    change_case(k, 'A');
}
void weir__upper(struct weir__step *k)
{
    change_case(k, 'a');
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void weir__trim(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0);
    weir_str *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = nothing;
    EACH_LIVE(k, r)
    {
        weir_str s = a[r];
        while (s.n && is_space(s.p[0])) s.p++, s.n--;
        while (s.n && is_space(s.p[s.n - 1])) s.n--;
        out[r] = s;
    }
}

/* Code points first .. last - 1, counted from 1; what lies outside is left out. */
static weir_str slice(weir_str s, int64_t first, int64_t last)
{
    size_t i = 0, from;
    int64_t at = 1;
    for (; i < s.n && at < first; at++) {
        for (i++; i < s.n && !is_start(s.p[i]);) i++;
    }
    from = i;
    for (; i < s.n && at < last; at++) {
        for (i++; i < s.n && !is_start(s.p[i]);) i++;
    }
    return (weir_str){s.p + from, i - from};
}

void weir__substring_from(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0);
    const int64_t *start = weir__values(k, 1);
    weir_str *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = nothing;
    EACH_LIVE(k, r) out[r] = slice(a[r], start[r], INT64_MAX);
}

void weir__substring(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0);
    const int64_t *start = weir__values(k, 1), *length = weir__values(k, 2);
    weir_str *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = nothing;
    EACH_LIVE(k, r)
    {
        int64_t last;
        if (length[r] < 0)
            weir__fail(k, r, "a substring cannot have the length %lld", (long long)length[r]);
        else
            out[r] = slice(a[r], start[r], __builtin_add_overflow(start[r], length[r], &last) ? INT64_MAX : last);
    }
}

/* ---- looking inside -------------------------------------------------------------------------------------------------- */

static const char *find(weir_str in, weir_str part)
{
    return part.n ? memmem(in.p, in.n, part.p, part.n) : in.p ? in.p : "";
}
static bool same(const char *a, weir_str b)
{
    return b.n == 0 || !memcmp(a, b.p, b.n);
}

#define TEST(name, test)                                                 \
    void weir__##name(struct weir__step *k)                              \
    {                                                                    \
        const weir_str *a = weir__values(k, 0), *b = weir__values(k, 1); \
        uint8_t *out = k->out;                                           \
        memset(out, 0, (size_t)k->n);                                    \
        EACH_LIVE(k, r) out[r] = test;                                   \
    }
TEST(starts_with, a[r].n >= b[r].n && same(a[r].p, b[r]))
TEST(ends_with, a[r].n >= b[r].n && same(a[r].p + (a[r].n - b[r].n), b[r]))
TEST(contains, find(a[r], b[r]) != NULL)

/* ---- new texts ------------------------------------------------------------------------------------------------------- */

void weir__concat(struct weir__step *k)
{
    weir_str *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = nothing;
    EACH_LIVE(k, r)
    {
        size_t n = 0, at = 0;
        for (uint32_t i = 0; i < k->code->n_args; i++) n += ((const weir_str *)weir__values(k, i))[r].n;
        char *to = weir__text_room(k, n);
        if (!to) return;
        for (uint32_t i = 0; i < k->code->n_args; i++) {
            weir_str part = ((const weir_str *)weir__values(k, i))[r];
            if (part.n) memcpy(to + at, part.p, part.n);
            at += part.n;
        }
        out[r] = (weir_str){to, n};
    }
}

/* The text with each part replaced; nothing: no memory. */
static weir_str replaced(struct weir__step *k, weir_str text, weir_str part, weir_str by)
{
    size_t count = 0, n = 0;
    const char *end = text.p + text.n, *at;
    for (weir_str rest = text; part.n && (at = find(rest, part)); count++) {
        rest = (weir_str){at + part.n, (size_t)(end - at) - part.n};
    }
    if (!count) return text;
    char *to = weir__text_room(k, text.n - count * part.n + count * by.n);
    for (weir_str rest = text; to; rest = (weir_str){at + part.n, (size_t)(end - at) - part.n}) {
        at = find(rest, part);
        size_t kept = at ? (size_t)(at - rest.p) : rest.n;
        if (kept) memcpy(to + n, rest.p, kept);
        n += kept;
        if (!at) break;
        if (by.n) memcpy(to + n, by.p, by.n);
        n += by.n;
    }
    return (weir_str){to, n};
}

void weir__replace(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0), *part = weir__values(k, 1), *by = weir__values(k, 2);
    weir_str *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = nothing;
    EACH_LIVE(k, r) out[r] = replaced(k, a[r], part[r], by[r]);
}

/* False: the text has no n-th part. An empty separator separates nothing. */
static bool nth_part(weir_str text, weir_str separator, int64_t n, weir_str *part)
{
    const char *end = text.p + text.n, *at;
    for (*part = text; n > 1; n--) {
        if (!separator.n || !(at = find(*part, separator))) return false;
        *part = (weir_str){at + separator.n, (size_t)(end - at) - separator.n};
    }
    if (n < 1) return false;
    if (separator.n && (at = find(*part, separator))) part->n = (size_t)(at - part->p);
    return true;
}

void weir__split(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0), *separator = weir__values(k, 1);
    const int64_t *n = weir__values(k, 2);
    weir_str *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = nothing;
    EACH_LIVE(k, r)
    {
        if (nth_part(a[r], separator[r], n[r], &out[r])) continue;
        out[r] = nothing;
        weir__make_null(k, r);
    }
}

/* ---- patterns -------------------------------------------------------------------------------------------------------- */

static void *pcre_alloc(PCRE2_SIZE size, void *arg)
{
    (void)arg;
    return weir_try_alloc(size);
}
static void pcre_free(void *p, void *arg)
{
    (void)arg;
    weir_free(p);
}

static void destroy_pattern(void *code)
{
    pcre2_code_free(code);
}

bool weir__prepare_matches(struct weir__compiler *c, const struct weir__node *call, void **aux, void (**destroy)(void *))
{
    weir_str pattern;
    int code;
    PCRE2_SIZE at;
    if (!weir__constant_text(c, call, 1, "a pattern", &pattern)) return false;
    pcre2_general_context *memory = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    pcre2_compile_context *context = memory ? pcre2_compile_context_create(memory) : NULL;
    pcre2_code *compiled = context ? pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
                                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &code, &at, context)
                                   : NULL;
    if (compiled) pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* where there is none, it is interpreted */
    if (context && !compiled) {
        PCRE2_UCHAR why[160] = "";
        pcre2_get_error_message(code, why, sizeof why);
        weir__problem(c, call->args[1]->offset, call->args[1]->length, NULL, "no regular expression: %s, at its byte %zu",
                      (char *)why, (size_t)at + 1);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    *aux = compiled;
    *destroy = destroy_pattern;
    return compiled != NULL;
}

void weir__match_destroy(void *match)
{
    pcre2_match_data_free(match);
}

void weir__matches(struct weir__step *k)
{
    const pcre2_code *pattern = k->code->aux;
    const weir_str *a = weir__values(k, 0);
    uint8_t *out = k->out;
    struct weir_expr_run *run = k->run;
    memset(out, 0, (size_t)k->n);
    if (!run->match) {
        pcre2_general_context *memory = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
        run->match = memory ? pcre2_match_data_create(1, memory) : NULL;
        pcre2_general_context_free(memory);
        run->no_memory |= !run->match;
        if (!run->match) return;
    }
    EACH_LIVE(k, r)
    {
        int found = pcre2_match(pattern, (PCRE2_SPTR)(a[r].n ? a[r].p : ""), a[r].n, 0, 0, run->match, NULL);
        out[r] = found >= 0;
        if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
            PCRE2_UCHAR why[120] = "";
            pcre2_get_error_message(found, why, sizeof why);
            weir__fail(k, r, "the pattern cannot be matched: %s", (char *)why);
        }
    }
}
