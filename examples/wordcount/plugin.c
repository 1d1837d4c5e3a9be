/* words - a line's words, one record each, in lower case. A word is a run of letters and digits; whatever lies beyond ASCII
 * counts as a letter. A line may hold more words than the output has room for: the row then comes again. */
#include <weir/udf.h>

typedef struct words {
    size_t at; /* in the line; what lies before was emitted */
} words;

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static weir_status emit_word(weir_ctx *cx, const char *p, size_t n, int64_t time)
{
    char *lower = weir_scratch(cx, n);
    if (!lower) return weir_fail(cx, WEIR_E_MEMORY, "no memory for a word of %zu bytes", n);
    for (size_t i = 0; i < n; i++) lower[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] - 'A' + 'a') : p[i];
    weir_status s = weir_put_text(cx, 0, 0, (weir_str){lower, n});
    return s == WEIR_OK ? weir_emit(cx, 0, time) : s;
}

static weir_status words_row(words *me, weir_ctx *cx, weir_row in)
{
    weir_str line = weir_text(in, 0);
    while (me->at < line.n) {
        size_t from = me->at, to = from;
        while (to < line.n && is_letter((unsigned char)line.p[to])) to++;
        if (to > from && weir_full(cx)) return WEIR_MORE;
        weir_status s = to > from ? emit_word(cx, line.p + from, to - from, weir_time(in)) : WEIR_OK;
        if (s != WEIR_OK) return s;
        me->at = to + 1;
    }
    me->at = 0;
    return WEIR_OK;
}

WEIR_PROCESS(words, .id = "words", .doc = "the words of a line, in lower case", .in = "line:string", .out = "word:string");
WEIR_PLUGIN("example.wordcount", "1.0.0", &words_component);
