/* kernels_time.c - truncate, extract, format and parse, by the clock of a zone.
 *
 * Units, patterns and zones are constants: they are read when the program is made, and kept in a plan.
 */
#include <stdio.h>
#include <weir/text.h>

#include "expr/compile_internal.h"
#include "expr/zone_internal.h"

#define MS_DAY INT64_C(86400000)
#define FARTHEST \
    INT64_C(8640000000000000) /* 100,000,000 days either way, as in ECMAScript: all arithmetic below stays in range */

enum unit {
    SECOND,
    MINUTE,
    HOUR,
    DAY,
    WEEK,
    MONTH,
    QUARTER,
    YEAR,
    DAY_OF_WEEK,
    DAY_OF_YEAR,
    MILLISECOND,
    EPOCH,
    EPOCH_MS,
    N_UNITS
};
#define N_TRUNCATING (YEAR + 1)

static const char *const unit_names[] = {"second",      "minute",  "hour",    "day",         "week",
                                         "month",       "quarter", "year",    "day_of_week", "day_of_year",
                                         "millisecond", "epoch",   "epoch_ms"};

struct plan {
    enum unit unit;
    struct weir__zone *zone; /* NULL: UTC */
    char *pattern;
    bool has_offset; /* the pattern says the offset */
};

static void destroy_plan(void *p)
{
    struct plan *plan = p;
    weir__zone_destroy(plan->zone);
    weir_free(plan->pattern);
    weir_free(plan);
}

/* ---- plans ----------------------------------------------------------------------------------------------------------- */

static bool plan_zone(struct weir__compiler *c, const struct weir__node *call, uint32_t arg, struct plan *plan)
{
    weir_str name;
    struct weir_error error = {0};
    if (call->n_args <= arg) return true;
    if (!weir__constant_text(c, call, arg, "a time zone", &name)) return false;
    char *text = weir_strndup(name.p, name.n);
    weir_status s = weir__zone_load(c->platform, text, &plan->zone, &error);
    weir_free(text);
    if (s == WEIR_OK) return true;
    return weir__problem(c, call->args[arg]->offset, call->args[arg]->length,
                         "zones are 'UTC', '+02:00' or names such as 'Europe/Berlin'", "%s", error.text);
}

static bool plan_unit(struct weir__compiler *c, const struct weir__node *call, size_t n_units, struct plan *plan)
{
    weir_str name;
    struct weir_text help = {0};
    if (!weir__constant_text(c, call, 1, "a unit", &name)) return false;
    for (size_t i = 0; i < n_units; i++) {
        if (!weir_text_is_word(name.p, name.n, unit_names[i])) continue;
        plan->unit = (enum unit)i;
        return true;
    }
    weir_text_add(&help, "it is one of");
    for (size_t i = 0; i < n_units; i++) weir_text_add(&help, "%s %s", i ? "," : "", unit_names[i]);
    weir__problem(c, call->args[1]->offset, call->args[1]->length, weir_text_get(&help), "'%.*s' is no unit that %s knows",
                  (int)(name.n < 40 ? name.n : 40), name.p, call->function->name);
    weir_text_finish(&help);
    return false;
}

static bool plan_pattern(struct weir__compiler *c, const struct weir__node *call, struct plan *plan)
{
    weir_str pattern;
    if (!weir__constant_text(c, call, 1, "a pattern", &pattern)) return false;
    plan->pattern = weir_strndup(pattern.p, pattern.n);
    for (const char *p = plan->pattern; *p; p++) {
        if (*p == '%' && p[1]) plan->has_offset |= *++p == 'z';
    }
    const char *wrong = weir_time_pattern_error(plan->pattern);
    if (!wrong) return true;
    return weir__problem(c, call->args[1]->offset, call->args[1]->length,
                         "there are %Y %m %d %H %M %S %f %z %b %F %T and %%", "'%.2s' is no part of a time", wrong);
}

static bool plan(struct weir__compiler *c, const struct weir__node *call, size_t n_units, void **aux,
                 void (**destroy)(void *))
{
    struct plan *p = weir_alloc(sizeof *p);
    bool ok = n_units ? plan_unit(c, call, n_units, p) : plan_pattern(c, call, p);
    if (!plan_zone(c, call, 2, p)) ok = false;
    if (!ok) {
        destroy_plan(p);
        return false;
    }
    *aux = p;
    *destroy = destroy_plan;
    return true;
}

bool weir__prepare_truncate(struct weir__compiler *c, const struct weir__node *call, void **aux, void (**destroy)(void *))
{
    return plan(c, call, N_TRUNCATING, aux, destroy);
}
bool weir__prepare_extract(struct weir__compiler *c, const struct weir__node *call, void **aux, void (**destroy)(void *))
{
    return plan(c, call, N_UNITS, aux, destroy);
}
bool weir__prepare_format(struct weir__compiler *c, const struct weir__node *call, void **aux, void (**destroy)(void *))
{
    return plan(c, call, 0, aux, destroy);
}
bool weir__prepare_parse(struct weir__compiler *c, const struct weir__node *call, void **aux, void (**destroy)(void *))
{
    return plan(c, call, 0, aux, destroy);
}

/* ---- the calendar ------------------------------------------------------------------------------------------------ */

static int64_t floor_to(int64_t v, int64_t unit)
{
    int64_t rest = v % unit;
    return v - (rest < 0 ? rest + unit : rest);
}

static int64_t monday_of(int64_t days) /* 1970-01-01 was a Thursday */
{
    return floor_to(days + 3, 7) - 3;
}

static bool in_range(struct weir__step *k, int64_t r, int64_t at)
{
    if (at >= -FARTHEST && at <= FARTHEST) return true;
    weir__fail(k, r, "%lld ms lies outside of the calendar", (long long)at);
    return false;
}

/* The start of the unit, in local time. */
static int64_t truncated(enum unit unit, int64_t local)
{
    static const int64_t sizes[] = {1000, 60000, 3600000, MS_DAY};
    int64_t year;
    int month, day;
    if (unit <= DAY) return floor_to(local, sizes[unit]);
    int64_t days = floor_to(local, MS_DAY) / MS_DAY;
    if (unit == WEEK) return monday_of(days) * MS_DAY;
    weir_civil_from_days(days, &year, &month, &day);
    month = unit == YEAR ? 1 : unit == QUARTER ? (month - 1) / 3 * 3 + 1 : month;
    return weir_days_from_civil(year, month, 1) * MS_DAY;
}

void weir__truncate(struct weir__step *k)
{
    const struct plan *plan = k->code->aux;
    const int64_t *at = weir__values(k, 0);
    int64_t *out = k->out;
    struct weir__zone_span span = {0};
    for (int64_t r = 0; r < k->n; r++) {
        out[r] = 0;
        if (!weir__live(k, r) || !in_range(k, r, at[r])) continue;
        int64_t offset = weir__zone_offset(plan->zone, &span, at[r]), start = truncated(plan->unit, at[r] + offset);
        out[r] = plan->unit <= HOUR ? start - offset : weir__zone_to_utc(plan->zone, &span, start);
    }
}

/* The number of the week that holds the day, by ISO 8601: the week with the year's first Thursday is the first. */
static int64_t iso_week(int64_t days)
{
    int64_t thursday = monday_of(days) + 3, year;
    int month, day;
    weir_civil_from_days(thursday, &year, &month, &day);
    return (thursday - weir_days_from_civil(year, 1, 1)) / 7 + 1;
}

static int64_t part_of(enum unit unit, int64_t utc, int64_t local)
{
    int64_t days = floor_to(local, MS_DAY) / MS_DAY, rest = local - days * MS_DAY, year;
    int month, day;
    weir_civil_from_days(days, &year, &month, &day);
    switch (unit) {
    case MILLISECOND: return rest % 1000;
    case SECOND: return rest / 1000 % 60;
    case MINUTE: return rest / 60000 % 60;
    case HOUR: return rest / 3600000;
    case DAY: return day;
    case WEEK: return iso_week(days);
    case MONTH: return month;
    case QUARTER: return (month - 1) / 3 + 1;
    case YEAR: return year;
    case DAY_OF_WEEK: return days - monday_of(days) + 1;
    case DAY_OF_YEAR: return days - weir_days_from_civil(year, 1, 1) + 1;
    case EPOCH: return floor_to(utc, 1000) / 1000;
    default: return utc;
    }
}

void weir__extract(struct weir__step *k)
{
    const struct plan *plan = k->code->aux;
    const int64_t *at = weir__values(k, 0);
    int64_t *out = k->out;
    struct weir__zone_span span = {0};
    for (int64_t r = 0; r < k->n; r++) {
        out[r] = 0;
        if (!weir__live(k, r) || !in_range(k, r, at[r])) continue;
        out[r] = part_of(plan->unit, at[r], at[r] + weir__zone_offset(plan->zone, &span, at[r]));
    }
}

/* ---- texts ----------------------------------------------------------------------------------------------------------- */

static char *put_offset(char *to, int64_t offset)
{
    if (offset == 0) {
        *to++ = 'Z';
        return to;
    }
    int minutes = (int)((offset < 0 ? -offset : offset) / 60000);
    *to++ = offset < 0 ? '-' : '+';
    to = weir_text_two_(to, minutes / 60);
    *to++ = ':';
    return weir_text_two_(to, minutes % 60);
}

static char *put_date(char *to, const weir_text_time_ *t)
{
    to = weir_text_put_year_(to, t->year);
    *to++ = '-';
    to = weir_text_two_(to, t->month);
    *to++ = '-';
    return weir_text_two_(to, t->day);
}

static char *put_clock(char *to, const weir_text_time_ *t)
{
    to = weir_text_two_(to, t->hour);
    *to++ = ':';
    to = weir_text_two_(to, t->minute);
    *to++ = ':';
    return weir_text_two_(to, t->second);
}

#define MOST_OF_A_PART 16 /* bytes: a date with the farthest year */

static char *put_part(char *to, char what, const weir_text_time_ *t, int64_t offset)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    switch (what) {
    case 'Y': return weir_text_put_year_(to, t->year);
    case 'm': return weir_text_two_(to, t->month);
    case 'd': return weir_text_two_(to, t->day);
    case 'H': return weir_text_two_(to, t->hour);
    case 'M': return weir_text_two_(to, t->minute);
    case 'S': return weir_text_two_(to, t->second);
    case 'f': *to = (char)('0' + t->ms / 100); return weir_text_two_(to + 1, t->ms % 100);
    case 'z': return put_offset(to, offset);
    case 'b': memcpy(to, months + 3 * (t->month - 1), 3); return to + 3;
    case 'F': return put_date(to, t);
    case 'T': return put_clock(to, t);
    default: *to = '%'; return to + 1;
    }
}

void weir__format_time(struct weir__step *k)
{
    const struct plan *plan = k->code->aux;
    const int64_t *at = weir__values(k, 0);
    weir_str *out = k->out;
    struct weir__zone_span span = {0};
    size_t most = strlen(plan->pattern) * MOST_OF_A_PART;
    for (int64_t r = 0; r < k->n; r++) {
        out[r] = (weir_str){"", 0};
        if (!weir__live(k, r) || !in_range(k, r, at[r])) continue;
        char *text = weir__text_room(k, most), *to = text;
        if (!text) return;
        int64_t offset = weir__zone_offset(plan->zone, &span, at[r]);
        weir_text_time_ t = weir_text_time_of_(at[r] + offset);
        for (const char *p = plan->pattern; *p; p++) {
            if (*p == '%')
                to = put_part(to, *++p, &t, offset);
            else
                *to++ = *p;
        }
        out[r] = (weir_str){text, (size_t)(to - text)};
        weir__text_unused(k, most - out[r].n);
    }
}

void weir__parse_time(struct weir__step *k)
{
    const struct plan *plan = k->code->aux;
    const weir_str *a = weir__values(k, 0);
    int64_t *out = k->out;
    struct weir__zone_span span = {0};
    for (int64_t r = 0; r < k->n; r++) {
        out[r] = 0;
        if (!weir__live(k, r)) continue;
        if (!weir_text_to_time_by(plan->pattern, a[r].p, a[r].n, &out[r])) {
            int shown = (int)weir_utf8_prefix(a[r].p, a[r].n < 60 ? a[r].n : 60);
            weir__fail(k, r, "'%.*s' is no time as '%s' writes it", shown, a[r].p, plan->pattern);
        } else if (!plan->has_offset && in_range(k, r, out[r])) {
            out[r] = weir__zone_to_utc(plan->zone, &span, out[r]);
        }
    }
}
