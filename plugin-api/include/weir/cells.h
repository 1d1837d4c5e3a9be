/* weir/cells.h - one text into one typed column: what decoders of untyped formats (CSV, regular expressions) share.
 *
 * Static inline, C11 and C++17 clean; not part of the binary contract. Built on weir/text.h, whose notations it takes: the
 * whole text is the value, or there is none.
 */
#ifndef WEIR_CELLS_H
#define WEIR_CELLS_H

#include <weir/host.h>
#include <weir/text.h>

/* How timestamps are written. `automatic`: an ISO 8601 time, or an integer of milliseconds since the epoch. */
typedef struct weir_cell_times {
    bool automatic;
    weir_time_style style;
    const char *pattern;
} weir_cell_times;

/* From an option: "auto" or what weir_time_style_of takes. False: neither. */
static inline bool weir_cell_times_of(const char *option, weir_cell_times *times)
{
    times->automatic = !strcmp(option, "auto");
    times->style = WEIR_TIME_ISO;
    times->pattern = option;
    return times->automatic || weir_time_style_of(option, &times->style);
}

static inline bool weir_cell_to_time(const weir_cell_times *times, const char *p, size_t n, int64_t *ms)
{
    if (times->automatic) return weir_text_to_i64(p, n, ms) || weir_text_to_time(p, n, ms);
    return weir_text_to_time_as(times->style, times->pattern, p, n, ms);
}

static inline const char *weir_type_word(uint32_t type)
{
    static const char *const words[] = {"?", "bool", "i32", "i64", "f32", "f64", "timestamp", "string", "bytes", "any"};
    return type < WEIR_LEN(words) ? words[type] : words[0];
}

/* Whether text can become a value of the type: all but `any`, which has structure. */
static inline bool weir_cell_takes(uint32_t type)
{
    return type >= WEIR_BOOL && type <= WEIR_BYTES;
}

/* Puts the text into column c as a value of `type`, the column's. False: it is no such value (nothing is said to the host
 * yet). `ascii`: the caller knows that it is. *s: what the put said. Bytes are taken as they are. */
static inline bool weir_cell_put(weir_ctx *cx, uint32_t port, uint32_t c, uint32_t type, const weir_cell_times *times,
                                 weir_str text, bool ascii, weir_status *s)
{
    union {
        bool boolean;
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
    } v;
    switch (type) {
    case WEIR_STRING:
        if (!ascii && !weir_is_utf8(text.p, text.n)) return false;
        *s = weir_put_text(cx, port, c, text);
        return true;
    case WEIR_BYTES: *s = weir_put_text(cx, port, c, text); return true;
    case WEIR_I64:
        if (!weir_text_to_i64(text.p, text.n, &v.i64)) return false;
        weir_put_i64(cx, port, c, v.i64);
        return true;
    case WEIR_TIMESTAMP:
        if (!weir_cell_to_time(times, text.p, text.n, &v.i64)) return false;
        weir_put_i64(cx, port, c, v.i64);
        return true;
    case WEIR_I32:
        if (!weir_text_to_i32(text.p, text.n, &v.i32)) return false;
        weir_put_i32(cx, port, c, v.i32);
        return true;
    case WEIR_F64:
        if (!weir_text_to_f64(text.p, text.n, &v.f64)) return false;
        weir_put_f64(cx, port, c, v.f64);
        return true;
    case WEIR_F32:
        if (!weir_text_to_f32(text.p, text.n, &v.f32)) return false;
        weir_put_f32(cx, port, c, v.f32);
        return true;
    case WEIR_BOOL:
        if (!weir_text_to_bool(text.p, text.n, &v.boolean)) return false;
        weir_put_bool(cx, port, c, v.boolean);
        return true;
    default: return false;
    }
}

/* What a reject says after the text: "\"12x\" is <this>". */
static inline const char *weir_cell_trouble(uint32_t type)
{
    switch (type) {
    case WEIR_BOOL: return "not a bool (true, false, 1 or 0)";
    case WEIR_I32: return "not an integer of 32 bits";
    case WEIR_I64: return "not an integer of 64 bits";
    case WEIR_F32:
    case WEIR_F64: return "not a number";
    case WEIR_TIMESTAMP: return "not a time as option timestamps says";
    case WEIR_STRING: return "not valid UTF-8";
    default: return "not a value of this type";
    }
}

/* A text in a message: so many of its bytes, few and valid UTF-8. "%.*s", weir_cell_shown(text), text.p */
static inline int weir_cell_shown(weir_str text)
{
    return (int)weir_utf8_prefix(text.p, text.n < 60 ? text.n : 60);
}

#endif
