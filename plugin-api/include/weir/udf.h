/* weir/udf.h - what a plugin author includes: the ABI and the macros that hide its ceremony. C only (C11): the macros use
 * _Generic and designated initialisers; from C++ include weir/plugin.h and fill in the structs.
 *
 * A component is a struct T (its options; the host fills it in), one or more functions named after it, and one macro:
 *
 *   WEIR_MAP(T, ...)       weir_status T_row(T *me, weir_ctx *cx, weir_row in): puts every output column, emits nothing
 *   WEIR_FILTER(T, ...)    bool        T_keep(T *me, weir_ctx *cx, weir_row in)
 *   WEIR_PROCESS(T, ...)   weir_status T_row(T *me, weir_ctx *cx, weir_row in): emits any number of rows (flat_map, process)
 *   WEIR_KEYED(T, ...)     the same after key_by, with states; and
 *                          weir_status T_timer(T *me, weir_ctx *cx, const weir_timer *t)
 *   WEIR_KEYED_MAP, WEIR_KEYED_FILTER    map and filter with states
 *   WEIR_CO_MAP(T, ...)        of two inputs: T_first and T_second, like T_row of a map but for "*": each puts every column
 *   WEIR_CO_PROCESS(T, ...)    of two inputs: T_first and T_second, like T_row of a process (co-flat-map, co-process)
 *   WEIR_CO_KEYED(T, ...)      the same after key_by, with states; and T_timer
 *   WEIR_BROADCAST_PROCESS(T, ...)          T_row for the first input, T_broadcast for the second, which is broadcast
 *   WEIR_KEYED_BROADCAST_PROCESS(T, ...)    the same with the first one keyed; and T_timer
 *   WEIR_JOIN(T, ...)          weir_status T_join(T *me, weir_ctx *cx, weir_row first, weir_row second, int64_t time)
 *   WEIR_COGROUP(T, ...)       weir_status T_process(T *me, weir_ctx *cx, const weir_window *, const weir_batch *first,
 *                              const weir_batch *second)
 *   WEIR_ASYNC_LOOKUP(T, R, ...) a slow lookup for each row, many at a time: weir_status T_fetch(const T *me, weir_row in,
 *                          R *found, char why[WEIR_WHY]) waits on another thread; weir_status T_row(T *me, weir_ctx *cx,
 *                          weir_row in, const R *found) emits
 *   WEIR_RICH_MAP, WEIR_RICH_CO_KEYED, WEIR_RICH_JOIN, ...    each of those above with T_open and T_close as well
 *   WEIR_COMPONENT(T, KIND, vtable, ...) any kind, with a vtable of your own: whole-batch code, sources, sinks
 *
 * and at the end of the file WEIR_PLUGIN("acme.billing", "1.0.0", &vat_component, ...). The trailing arguments of a
 * component macro are designated initialisers of weir_component: .id, .doc, .in, .out, WEIR_OPTIONS(...), WEIR_STATES(...).
 */
#ifndef WEIR_UDF_H
#define WEIR_UDF_H

#ifdef __cplusplus
#error "weir/udf.h is C only; from C++ include <weir/plugin.h> and fill in weir_component yourself"
#endif

#include <weir/cpu.h>
#include <weir/plugin.h>

/* ---- declarations ------------------------------------------------------------------------------------------------ */

#define WEIR_OPTION_TYPE_(e)                                                                                          \
    _Generic((e), bool: WEIR_OPT_BOOL, int64_t: WEIR_OPT_I64, double: WEIR_OPT_F64, const char *: WEIR_OPT_STRING,    \
             weir_strings: WEIR_OPT_LIST, int32_t: WEIR_OPT_ENUM, weir_part: WEIR_OPT_COMPONENT)
/* WEIR_OPTION(vat, rate, .def = "0.20", .min = "0", .doc = "VAT rate"): a member of T, its type from the member's C type.
 * Durations, sizes, fields and secrets say their type: WEIR_OPTION_OF(gap, ms, WEIR_OPT_DURATION, .def = "5s", .doc =
 * "...").
 * Without .def an option is required. */
#define WEIR_OPTION_OF(T, member, t, ...)                                                                             \
    {.name = #member, .type = (t), .offset = (uint32_t)offsetof(T, member), .size = (uint32_t)sizeof(((T *)0)->member),   \
     __VA_ARGS__}
#define WEIR_OPTION(T, member, ...) WEIR_OPTION_OF(T, member, WEIR_OPTION_TYPE_(((T *)0)->member), __VA_ARGS__)

#define WEIR_FIELD_TYPE_(e)                                                                                           \
    _Generic((e), bool: WEIR_BOOL, int32_t: WEIR_I32, int64_t: WEIR_I64, float: WEIR_F32, double: WEIR_F64,               \
             weir_str: WEIR_STRING)
/* WEIR_MEMBER(item, views): a member of a state struct, its type from the C type; for a timestamp, bytes or any say so:
 * WEIR_MEMBER_OF(item, at, WEIR_TIMESTAMP). */
#define WEIR_MEMBER_OF(T, member, t)                                                                                  \
    {.name = #member, .type = (t), .offset = (uint32_t)offsetof(T, member), .size = (uint32_t)sizeof(((T *)0)->member)}
#define WEIR_MEMBER(T, member) WEIR_MEMBER_OF(T, member, WEIR_FIELD_TYPE_(((T *)0)->member))

/* The same for a member that version `v` of the state added: what it is in what was saved before, as text: "-1", "none". */
#define WEIR_ADDED_MEMBER(T, member, v, d)                                                                            \
    {.name = #member, .type = WEIR_FIELD_TYPE_(((T *)0)->member), .offset = (uint32_t)offsetof(T, member),            \
     .size = (uint32_t)sizeof(((T *)0)->member), .since = (v), .def = (d)}
/* A state of a later version than the first: WEIR_STATE_OF_VERSION(2, WEIR_VALUE, "count", counts, members), and for maps
 * WEIR_MAP_KEY(name, name_members) behind that. */
#define WEIR_STATE_OF_VERSION(v, KIND, n, T, ...) WEIR_STATE_OF_VERSION_(v, KIND, n, T, __VA_ARGS__, .doc = NULL)
#define WEIR_STATE_OF_VERSION_(v, KIND, n, T, members, ...)                                                           \
    {.name = n, .kind = (KIND), .version = (v), .size = sizeof(T), .fields = members, .n_fields = WEIR_LEN(members),  \
     .field_stride = sizeof(weir_field), __VA_ARGS__}
#define WEIR_MAP_KEY(K, key_members)                                                                                  \
    .key_size = sizeof(K), .key_fields = key_members, .n_key_fields = WEIR_LEN(key_members)

#define WEIR_MEMBERS_(array) .fields = array, .n_fields = WEIR_LEN(array), .field_stride = sizeof(weir_field), .version = 1
#define WEIR_VALUE_STATE(n, T, members) {.name = n, .kind = WEIR_VALUE, .size = sizeof(T), WEIR_MEMBERS_(members)}
#define WEIR_LIST_STATE(n, T, members) {.name = n, .kind = WEIR_LIST, .size = sizeof(T), WEIR_MEMBERS_(members)}
#define WEIR_MAP_STATE(n, K, key_members, T, members)                                                                 \
    {.name = n, .kind = WEIR_MAP, .size = sizeof(T), WEIR_MEMBERS_(members), .key_size = sizeof(K),                   \
     .key_fields = key_members, .n_key_fields = WEIR_LEN(key_members)}

#define WEIR_BROADCAST_STATE(n, K, key_members, T, members)                                                           \
    {.name = n, .kind = WEIR_BROADCAST, .size = sizeof(T), WEIR_MEMBERS_(members), .key_size = sizeof(K),             \
     .key_fields = key_members, .n_key_fields = WEIR_LEN(key_members)}

/* Lists that belong to no key, for operators, sources and sinks: see enum weir_state_kind. */
#define WEIR_SPLIT_LIST_STATE(n, T, members) {.name = n, .kind = WEIR_SPLIT_LIST, .size = sizeof(T), WEIR_MEMBERS_(members)}
#define WEIR_UNION_LIST_STATE(n, T, members) {.name = n, .kind = WEIR_UNION_LIST, .size = sizeof(T), WEIR_MEMBERS_(members)}
#define WEIR_RAW_STATE(n) {.name = n, .kind = WEIR_RAW, .version = 1, .size = sizeof(weir_str),                       \
                           .field_stride = sizeof(weir_field)}

/* States that values are folded into. WEIR_REDUCING_STATE("most", sale, members, larger):
 *   weir_status larger(void *self, weir_ctx *cx, void *into, const void *value): sale *into, const sale *value
 * WEIR_AGGREGATING_STATE("mean", sums, members, add_price, mean_of) has besides
 *   weir_status mean_of(void *self, weir_ctx *cx, const void *acc, void *out): const sums *acc, and out of any type */
#define WEIR_REDUCING_STATE(n, T, members, ADD)                                                                       \
    {.name = n, .kind = WEIR_REDUCING, .size = sizeof(T), WEIR_MEMBERS_(members), .add = ADD}
#define WEIR_AGGREGATING_STATE(n, T, members, ADD, RESULT)                                                            \
    {.name = n, .kind = WEIR_AGGREGATING, .size = sizeof(T), WEIR_MEMBERS_(members), .add = ADD, .result = RESULT}

/* The same for a time: what was not touched for `ms` is gone. flags: 0, or WEIR_TTL_ON_READ, WEIR_TTL_SHOWN. */
#define WEIR_TTL_VALUE_STATE(n, T, members, ms, f)                                                                    \
    {.name = n, .kind = WEIR_VALUE, .size = sizeof(T), WEIR_MEMBERS_(members), .ttl_ms = (ms), .ttl_flags = (f)}
#define WEIR_TTL_LIST_STATE(n, T, members, ms, f)                                                                     \
    {.name = n, .kind = WEIR_LIST, .size = sizeof(T), WEIR_MEMBERS_(members), .ttl_ms = (ms), .ttl_flags = (f)}
#define WEIR_TTL_MAP_STATE(n, K, key_members, T, members, ms, f)                                                      \
    {.name = n, .kind = WEIR_MAP, .size = sizeof(T), WEIR_MEMBERS_(members), .key_size = sizeof(K),                   \
     .key_fields = key_members, .n_key_fields = WEIR_LEN(key_members), .ttl_ms = (ms), .ttl_flags = (f)}

#define WEIR_TTL_REDUCING_STATE(n, T, members, ADD, ms, f)                                                            \
    {.name = n, .kind = WEIR_REDUCING, .size = sizeof(T), WEIR_MEMBERS_(members), .add = ADD, .ttl_ms = (ms),         \
     .ttl_flags = (f)}
#define WEIR_TTL_AGGREGATING_STATE(n, T, members, ADD, RESULT, ms, f)                                                 \
    {.name = n, .kind = WEIR_AGGREGATING, .size = sizeof(T), WEIR_MEMBERS_(members), .add = ADD, .result = RESULT,    \
     .ttl_ms = (ms), .ttl_flags = (f)}

/* The same for window functions, of the key and the window: WEIR_PER_WINDOW. */
#define WEIR_WINDOW_VALUE_STATE(n, T, members)                                                                        \
    {.name = n, .kind = WEIR_VALUE, .size = sizeof(T), WEIR_MEMBERS_(members), .flags = WEIR_PER_WINDOW}
#define WEIR_WINDOW_LIST_STATE(n, T, members)                                                                         \
    {.name = n, .kind = WEIR_LIST, .size = sizeof(T), WEIR_MEMBERS_(members), .flags = WEIR_PER_WINDOW}
#define WEIR_WINDOW_MAP_STATE(n, K, key_members, T, members)                                                          \
    {.name = n, .kind = WEIR_MAP, .size = sizeof(T), WEIR_MEMBERS_(members), .key_size = sizeof(K),                   \
     .key_fields = key_members, .n_key_fields = WEIR_LEN(key_members), .flags = WEIR_PER_WINDOW}

#define WEIR_OPTIONS(array) .options = array, .n_options = WEIR_LEN(array), .option_stride = sizeof(weir_option)
#define WEIR_STATES(array) .states = array, .n_states = WEIR_LEN(array), .state_stride = sizeof(weir_state)

#define WEIR_COMPONENT(T, KIND, VTABLE, ...)                                                                          \
    static const weir_component T##_component = {.struct_size = sizeof(weir_component), .kind = (KIND),               \
                                                 .instance_size = sizeof(T), .vtable = &(VTABLE), __VA_ARGS__}

/* ---- operators written row by row -------------------------------------------------------------------------------- */

static inline bool weir_row_is_null_(const weir_batch *b, int64_t i)
{
    return b->null_rows && weir_bit(b->null_rows, i);
}

/* The loop of a map; `before` runs ahead of each row (keyed maps make its key current there). */
#define WEIR_MAP_LOOP_(T, before)                                                                                     \
    static weir_status T##_process_(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)       \
    {                                                                                                                 \
        weir_out *o = cx->out[0];                                                                                     \
        (void)port;                                                                                                   \
        for (int64_t i = *row; i < b->length; i++) {                                                                  \
            weir_status s = WEIR_OK;                                                                                  \
            cx->row = (uint32_t)i;                                                                                    \
            if (weir_row_is_null_(b, i)) {                                                                            \
                for (uint32_t c = 0; c < o->n_columns; c++) weir_put_null(cx, 0, c);                                  \
            } else {                                                                                                  \
                before;                                                                                               \
                if (s == WEIR_OK) s = T##_row((T *)self, cx, (weir_row){b, i});                                       \
            }                                                                                                         \
            if (s != WEIR_OK) {                                                                                       \
                *row = i;                                                                                             \
                return s;                                                                                             \
            }                                                                                                         \
            o->length++;                                                                                              \
        }                                                                                                             \
        *row = b->length;                                                                                             \
        return WEIR_OK;                                                                                               \
    }
#define WEIR_USE_KEY_ s = cx->host->use_key(cx, i)

#define WEIR_MAP(T, ...)                                                                                              \
    WEIR_MAP_LOOP_(T, (void)0)                                                                                        \
    static const weir_operator T##_vtable_ = {.struct_size = sizeof(weir_operator), .process = T##_process_};         \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_ONE_TO_ONE, __VA_ARGS__)
#define WEIR_KEYED_MAP(T, ...)                                                                                        \
    WEIR_MAP_LOOP_(T, WEIR_USE_KEY_)                                                                                  \
    static const weir_operator T##_vtable_ = {.struct_size = sizeof(weir_operator), .process = T##_process_};         \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_ONE_TO_ONE | WEIR_NEEDS_KEY, __VA_ARGS__)

#define WEIR_FILTER_LOOP_(T, before)                                                                                  \
    static weir_status T##_filter_(void *self, weir_ctx *cx, const weir_batch *b, uint8_t *keep)                      \
    {                                                                                                                 \
        for (int64_t i = 0; i < b->length; i++) {                                                                     \
            weir_status s = WEIR_OK;                                                                                  \
            cx->row = (uint32_t)i;                                                                                    \
            if (weir_row_is_null_(b, i)) continue;                                                                    \
            before;                                                                                                   \
            if (s != WEIR_OK) return s;                                                                               \
            keep[i >> 3] |= (uint8_t)(T##_keep((T *)self, cx, (weir_row){b, i}) << (i & 7));                          \
        }                                                                                                             \
        return WEIR_OK;                                                                                               \
    }
#define WEIR_FILTER(T, ...)                                                                                           \
    WEIR_FILTER_LOOP_(T, (void)0)                                                                                     \
    static const weir_operator T##_vtable_ = {.struct_size = sizeof(weir_operator), .filter = T##_filter_};           \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .out = "*", __VA_ARGS__)
#define WEIR_KEYED_FILTER(T, ...)                                                                                     \
    WEIR_FILTER_LOOP_(T, WEIR_USE_KEY_)                                                                               \
    static const weir_operator T##_vtable_ = {.struct_size = sizeof(weir_operator), .filter = T##_filter_};           \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .out = "*", .flags = WEIR_NEEDS_KEY, __VA_ARGS__)

/* The loop of everything else: stops between rows when an output is full, and stays on the row that says WEIR_MORE. */
#define WEIR_ROW_LOOP_(T, before)                                                                                     \
    static weir_status T##_process_(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)       \
    {                                                                                                                 \
        (void)port;                                                                                                   \
        for (int64_t i = *row; i < b->length; i++) {                                                                  \
            weir_status s = WEIR_OK;                                                                                  \
            cx->row = (uint32_t)i;                                                                                    \
            before;                                                                                                   \
            if (s == WEIR_OK) s = T##_row((T *)self, cx, (weir_row){b, i});                                           \
            if (s != WEIR_OK) {                                                                                       \
                *row = i;                                                                                             \
                return s;                                                                                             \
            }                                                                                                         \
            if (weir_full(cx) && i + 1 < b->length) {                                                                 \
                *row = i + 1;                                                                                         \
                return WEIR_MORE;                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
        *row = b->length;                                                                                             \
        return WEIR_OK;                                                                                               \
    }
#define WEIR_PROCESS(T, ...)                                                                                          \
    WEIR_ROW_LOOP_(T, (void)0)                                                                                        \
    static const weir_operator T##_vtable_ = {.struct_size = sizeof(weir_operator), .process = T##_process_};         \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, __VA_ARGS__)
#define WEIR_KEYED(T, ...)                                                                                            \
    WEIR_ROW_LOOP_(T, WEIR_USE_KEY_)                                                                                  \
    static weir_status T##_on_timer_(void *self, weir_ctx *cx, const weir_timer *t)                                   \
    {                                                                                                                 \
        return T##_timer((T *)self, cx, t);                                                                           \
    }                                                                                                                 \
    static const weir_operator T##_vtable_ = {                                                                        \
        .struct_size = sizeof(weir_operator), .process = T##_process_, .on_timer = T##_on_timer_};                    \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_NEEDS_KEY, __VA_ARGS__)
/* A keyed process without timers. */
#define WEIR_KEYED_PROCESS(T, ...)                                                                                    \
    WEIR_ROW_LOOP_(T, WEIR_USE_KEY_)                                                                                  \
    static const weir_operator T##_vtable_ = {.struct_size = sizeof(weir_operator), .process = T##_process_};         \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_NEEDS_KEY, __VA_ARGS__)

/* ---- operators with two inputs ----------------------------------------------------------------------------------- */

/* Calls `first` for a row of port 0 and `second` for one of port 1; of a co-map, then emits at the row's own time. */
#define WEIR_CO_LOOP_(T, first, second, before_first, before_second, emit)                                            \
    static weir_status T##_process_(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)       \
    {                                                                                                                 \
        for (int64_t i = *row; i < b->length; i++) {                                                                  \
            weir_status s = WEIR_OK;                                                                                  \
            weir_row in = {b, i};                                                                                     \
            cx->row = (uint32_t)i;                                                                                    \
            if (port == 0) {                                                                                          \
                before_first;                                                                                         \
            } else {                                                                                                  \
                before_second;                                                                                        \
            }                                                                                                         \
            if (s == WEIR_OK) s = port == 0 ? first((T *)self, cx, in) : second((T *)self, cx, in);                   \
            if (s == WEIR_OK) s = emit;                                                                               \
            if (s != WEIR_OK) {                                                                                       \
                *row = i;                                                                                             \
                return s;                                                                                             \
            }                                                                                                         \
            if (weir_full(cx) && i + 1 < b->length) {                                                                 \
                *row = i + 1;                                                                                         \
                return WEIR_MORE;                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
        *row = b->length;                                                                                             \
        return WEIR_OK;                                                                                               \
    }
#define WEIR_PROCESS_VTABLE_(T)                                                                                       \
    static const weir_operator T##_vtable_ = {.struct_size = sizeof(weir_operator), .process = T##_process_}
#define WEIR_TIMER_VTABLE_(T)                                                                                         \
    static weir_status T##_on_timer_(void *self, weir_ctx *cx, const weir_timer *t)                                   \
    {                                                                                                                 \
        return T##_timer((T *)self, cx, t);                                                                           \
    }                                                                                                                 \
    static const weir_operator T##_vtable_ = {                                                                        \
        .struct_size = sizeof(weir_operator), .process = T##_process_, .on_timer = T##_on_timer_}

#define WEIR_CO_MAP(T, ...)                                                                                           \
    WEIR_CO_LOOP_(T, T##_first, T##_second, (void)0, (void)0, weir_emit(cx, 0, weir_time(in)))                        \
    WEIR_PROCESS_VTABLE_(T);                                                                                          \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, __VA_ARGS__)
#define WEIR_CO_PROCESS(T, ...)                                                                                       \
    WEIR_CO_LOOP_(T, T##_first, T##_second, (void)0, (void)0, WEIR_OK)                                                \
    WEIR_PROCESS_VTABLE_(T);                                                                                          \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, __VA_ARGS__)
#define WEIR_CO_KEYED(T, ...)                                                                                         \
    WEIR_CO_LOOP_(T, T##_first, T##_second, WEIR_USE_KEY_, WEIR_USE_KEY_, WEIR_OK)                                    \
    WEIR_TIMER_VTABLE_(T);                                                                                            \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_NEEDS_KEY, __VA_ARGS__)
#define WEIR_BROADCAST_PROCESS(T, ...)                                                                                \
    WEIR_CO_LOOP_(T, T##_row, T##_broadcast, (void)0, (void)0, WEIR_OK)                                               \
    WEIR_PROCESS_VTABLE_(T);                                                                                          \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, __VA_ARGS__)
#define WEIR_KEYED_BROADCAST_PROCESS(T, ...)                                                                          \
    WEIR_CO_LOOP_(T, T##_row, T##_broadcast, WEIR_USE_KEY_, (void)0, WEIR_OK)                                         \
    WEIR_TIMER_VTABLE_(T);                                                                                            \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_NEEDS_KEY, __VA_ARGS__)

/* ---- with a life of their own ------------------------------------------------------------------------------------ */

/* WEIR_RICH_MAP(T, ...) and so on: as the macro without RICH, and the author writes as well
 *   weir_status T_open(T *me, weir_ctx *cx)    before the first row: weir_about(cx) says where, weir/metrics.h counts
 *   void        T_close(T *me, weir_ctx *cx)   last call, also after a failure, also when T_open failed */
#define WEIR_RICH_VTABLE_(T, ...)                                                                                     \
    static weir_status T##_open_(void *self, weir_ctx *cx)                                                            \
    {                                                                                                                 \
        return T##_open((T *)self, cx);                                                                               \
    }                                                                                                                 \
    static void T##_close_(void *self, weir_ctx *cx)                                                                  \
    {                                                                                                                 \
        T##_close((T *)self, cx);                                                                                     \
    }                                                                                                                 \
    static const weir_operator T##_vtable_ = {                                                                        \
        .struct_size = sizeof(weir_operator), .open = T##_open_, .close = T##_close_, __VA_ARGS__};
#define WEIR_RICH_MAP(T, ...)                                                                                         \
    WEIR_MAP_LOOP_(T, (void)0)                                                                                        \
    WEIR_RICH_VTABLE_(T, .process = T##_process_)                                                                     \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_ONE_TO_ONE, __VA_ARGS__)
#define WEIR_RICH_KEYED_MAP(T, ...)                                                                                   \
    WEIR_MAP_LOOP_(T, WEIR_USE_KEY_)                                                                                  \
    WEIR_RICH_VTABLE_(T, .process = T##_process_)                                                                     \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_ONE_TO_ONE | WEIR_NEEDS_KEY, __VA_ARGS__)
#define WEIR_RICH_FILTER(T, ...)                                                                                      \
    WEIR_FILTER_LOOP_(T, (void)0)                                                                                     \
    WEIR_RICH_VTABLE_(T, .filter = T##_filter_)                                                                       \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .out = "*", __VA_ARGS__)
#define WEIR_RICH_KEYED_FILTER(T, ...)                                                                                \
    WEIR_FILTER_LOOP_(T, WEIR_USE_KEY_)                                                                               \
    WEIR_RICH_VTABLE_(T, .filter = T##_filter_)                                                                       \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .out = "*", .flags = WEIR_NEEDS_KEY, __VA_ARGS__)
#define WEIR_RICH_PROCESS(T, ...)                                                                                     \
    WEIR_ROW_LOOP_(T, (void)0)                                                                                        \
    WEIR_RICH_VTABLE_(T, .process = T##_process_)                                                                     \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, __VA_ARGS__)
#define WEIR_RICH_KEYED_PROCESS(T, ...)                                                                               \
    WEIR_ROW_LOOP_(T, WEIR_USE_KEY_)                                                                                  \
    WEIR_RICH_VTABLE_(T, .process = T##_process_)                                                                     \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_NEEDS_KEY, __VA_ARGS__)
#define WEIR_RICH_KEYED(T, ...)                                                                                       \
    WEIR_ROW_LOOP_(T, WEIR_USE_KEY_)                                                                                  \
    static weir_status T##_on_timer_(void *self, weir_ctx *cx, const weir_timer *t)                                   \
    {                                                                                                                 \
        return T##_timer((T *)self, cx, t);                                                                           \
    }                                                                                                                 \
    WEIR_RICH_VTABLE_(T, .process = T##_process_, .on_timer = T##_on_timer_)                                          \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_NEEDS_KEY, __VA_ARGS__)

/* Two inputs. */
#define WEIR_RICH_TIMER_VTABLE_(T)                                                                                    \
    static weir_status T##_on_timer_(void *self, weir_ctx *cx, const weir_timer *t)                                   \
    {                                                                                                                 \
        return T##_timer((T *)self, cx, t);                                                                           \
    }                                                                                                                 \
    WEIR_RICH_VTABLE_(T, .process = T##_process_, .on_timer = T##_on_timer_)
#define WEIR_RICH_CO_MAP(T, ...)                                                                                      \
    WEIR_CO_LOOP_(T, T##_first, T##_second, (void)0, (void)0, weir_emit(cx, 0, weir_time(in)))                        \
    WEIR_RICH_VTABLE_(T, .process = T##_process_)                                                                     \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, __VA_ARGS__)
#define WEIR_RICH_CO_PROCESS(T, ...)                                                                                  \
    WEIR_CO_LOOP_(T, T##_first, T##_second, (void)0, (void)0, WEIR_OK)                                                \
    WEIR_RICH_VTABLE_(T, .process = T##_process_)                                                                     \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, __VA_ARGS__)
#define WEIR_RICH_CO_KEYED(T, ...)                                                                                    \
    WEIR_CO_LOOP_(T, T##_first, T##_second, WEIR_USE_KEY_, WEIR_USE_KEY_, WEIR_OK)                                    \
    WEIR_RICH_TIMER_VTABLE_(T)                                                                                        \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_NEEDS_KEY, __VA_ARGS__)
#define WEIR_RICH_BROADCAST_PROCESS(T, ...)                                                                           \
    WEIR_CO_LOOP_(T, T##_row, T##_broadcast, (void)0, (void)0, WEIR_OK)                                               \
    WEIR_RICH_VTABLE_(T, .process = T##_process_)                                                                     \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, __VA_ARGS__)
#define WEIR_RICH_KEYED_BROADCAST_PROCESS(T, ...)                                                                     \
    WEIR_CO_LOOP_(T, T##_row, T##_broadcast, WEIR_USE_KEY_, (void)0, WEIR_OK)                                         \
    WEIR_RICH_TIMER_VTABLE_(T)                                                                                        \
    WEIR_COMPONENT(T, WEIR_OPERATOR, T##_vtable_, .flags = WEIR_NEEDS_KEY, __VA_ARGS__)

/* ---- functions of joins ------------------------------------------------------------------------------------------ */

#define WEIR_JOIN_CALL_(T)                                                                                            \
    static weir_status T##_join_(void *self, weir_ctx *cx, weir_row first, weir_row second, int64_t time)             \
    {                                                                                                                 \
        return T##_join((T *)self, cx, first, second, time);                                                          \
    }
#define WEIR_COGROUP_CALL_(T)                                                                                         \
    static weir_status T##_process_(void *self, weir_ctx *cx, const weir_window *window, const weir_batch *first,     \
                                    const weir_batch *second)                                                         \
    {                                                                                                                 \
        return T##_process((T *)self, cx, window, first, second);                                                     \
    }
#define WEIR_LIFE_CALLS_(T)                                                                                           \
    static weir_status T##_open_(void *self, weir_ctx *cx)                                                            \
    {                                                                                                                 \
        return T##_open((T *)self, cx);                                                                               \
    }                                                                                                                 \
    static void T##_close_(void *self, weir_ctx *cx)                                                                  \
    {                                                                                                                 \
        T##_close((T *)self, cx);                                                                                     \
    }
#define WEIR_JOIN(T, ...)                                                                                             \
    WEIR_JOIN_CALL_(T)                                                                                                \
    static const weir_join_function T##_vtable_ = {.struct_size = sizeof(weir_join_function), .join = T##_join_};     \
    WEIR_COMPONENT(T, WEIR_JOIN_FUNCTION, T##_vtable_, __VA_ARGS__)
#define WEIR_COGROUP(T, ...)                                                                                          \
    WEIR_COGROUP_CALL_(T)                                                                                             \
    static const weir_cogroup_function T##_vtable_ = {.struct_size = sizeof(weir_cogroup_function),                   \
                                                      .process = T##_process_};                                       \
    WEIR_COMPONENT(T, WEIR_COGROUP_FUNCTION, T##_vtable_, __VA_ARGS__)
/* The same with T_open and T_close, as WEIR_RICH_MAP has them. */
#define WEIR_RICH_JOIN(T, ...)                                                                                        \
    WEIR_JOIN_CALL_(T)                                                                                                \
    WEIR_LIFE_CALLS_(T)                                                                                               \
    static const weir_join_function T##_vtable_ = {.struct_size = sizeof(weir_join_function), .join = T##_join_,      \
        .open = T##_open_, .close = T##_close_};                                                                      \
    WEIR_COMPONENT(T, WEIR_JOIN_FUNCTION, T##_vtable_, __VA_ARGS__)
#define WEIR_RICH_COGROUP(T, ...)                                                                                     \
    WEIR_COGROUP_CALL_(T)                                                                                             \
    WEIR_LIFE_CALLS_(T)                                                                                               \
    static const weir_cogroup_function T##_vtable_ = {.struct_size = sizeof(weir_cogroup_function), .process = T##_process_,\
        .open = T##_open_, .close = T##_close_};                                                                      \
    WEIR_COMPONENT(T, WEIR_COGROUP_FUNCTION, T##_vtable_, __VA_ARGS__)

/* ---- lookups ----------------------------------------------------------------------------------------------------- */

#define WEIR_WHY sizeof(((weir_answer *)0)->why)
/* T_fetch runs on threads of the host's pool, several at a time: it reads T and the row, fills in R (a struct without
 * pointers, zeroed before), and returns WEIR_OK; or a negative status, having written into `why` (WEIR_WHY bytes) what is
 * wrong, and then the job fails, naming the record. T_row may emit any number of rows. */
#define WEIR_ASYNC_LOOKUP_(T, R)                                                                                      \
    static weir_status T##_work_(void *self, weir_row in, weir_answer *answer_)                                       \
    {                                                                                                                 \
        R *found_ = (R *)answer_->room(answer_, sizeof(R));                                                           \
        return found_ ? T##_fetch((const T *)self, in, found_, answer_->why) : WEIR_E_MEMORY;                         \
    }                                                                                                                 \
    static weir_status T##_start_(void *self, weir_ctx *cx, weir_row in, uint64_t request)                            \
    {                                                                                                                 \
        (void)in;                                                                                                     \
        return weir_start_work(cx, request, T##_work_, self);                                                         \
    }                                                                                                                 \
    static weir_status T##_result_(void *self, weir_ctx *cx, weir_row in, weir_status s, const void *data, size_t n)  \
    {                                                                                                                 \
        if (s == WEIR_OK) return T##_row((T *)self, cx, in, (const R *)data);                                         \
        return weir_fail(cx, s, "%.*s", (int)n, n ? (const char *)data : "");                                         \
    }
#define WEIR_ASYNC_LOOKUP(T, R, ...)                                                                                  \
    WEIR_ASYNC_LOOKUP_(T, R)                                                                                          \
    static const weir_async T##_vtable_ = {                                                                           \
        .struct_size = sizeof(weir_async), .start = T##_start_, .result = T##_result_};                               \
    WEIR_COMPONENT(T, WEIR_ASYNC, T##_vtable_, __VA_ARGS__)
/* The same with T_open and T_close, as WEIR_RICH_MAP has them. */
#define WEIR_RICH_ASYNC_LOOKUP(T, R, ...)                                                                             \
    WEIR_ASYNC_LOOKUP_(T, R)                                                                                          \
    static weir_status T##_open_(void *self, weir_ctx *cx)                                                            \
    {                                                                                                                 \
        return T##_open((T *)self, cx);                                                                               \
    }                                                                                                                 \
    static void T##_close_(void *self, weir_ctx *cx)                                                                  \
    {                                                                                                                 \
        T##_close((T *)self, cx);                                                                                     \
    }                                                                                                                 \
    static const weir_async T##_vtable_ = {.struct_size = sizeof(weir_async), .open = T##_open_,                      \
                                           .start = T##_start_, .result = T##_result_, .close = T##_close_};          \
    WEIR_COMPONENT(T, WEIR_ASYNC, T##_vtable_, __VA_ARGS__)

/* ---- the plugin itself ------------------------------------------------------------------------------------------- */

#define WEIR_TEXT_(x) #x
#define WEIR_TEXT(x) WEIR_TEXT_(x)
/* Ends the file. The note lets tools identify the file without opening it; it holds no pointer. */
#define WEIR_PLUGIN(ID, VERSION, ...)                                                                                 \
    __attribute__((used, section(WEIR_NOTE_SECTION))) static const char weir_note_[] =                                \
        "weir;abi=" WEIR_TEXT(WEIR_ABI_MAJOR) "." WEIR_TEXT(WEIR_ABI_MINOR) ";id=" ID ";version=" VERSION;            \
    WEIR_EXPORT const weir_plugin *weir_plugin_v1(void)                                                               \
    {                                                                                                                 \
        static const weir_component *const components[] = {__VA_ARGS__, NULL};                                        \
        static const weir_plugin plugin = {.struct_size = sizeof(weir_plugin), .abi_major = WEIR_ABI_MAJOR,           \
                                           .abi_minor = WEIR_ABI_MINOR, .id = ID, .version = VERSION,                 \
                                           .license = "Apache-2.0", .components = components};                        \
        return &plugin;                                                                                               \
    }                                                                                                                 \
    static_assert(1, "")

#endif
