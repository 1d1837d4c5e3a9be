/* loader/part.h - a component as a job uses it: which one, with which option values; and how an instance is made from that.
 *
 * Floor 3. A part spec is built when a job is validated, immutable afterwards, shared by all subtasks. Instances belong to
 * one subtask.
 */
#ifndef WEIR_LOADER_PART_H
#define WEIR_LOADER_PART_H

#include "loader/registry.h"

struct weir_part_spec;

/* A parsed option value; `set` is false for an optional option that is absent. */
struct weir_option_value {
    bool set;
    union {
        bool boolean;
        int64_t i64; /* I64, DURATION (ms), SIZE (bytes) */
        double f64;
        int32_t index; /* ENUM: choice; FIELD: field of input 0 */
        char *string;  /* STRING, SECRET; owned */
        struct {
            char **items;
            size_t n;
        } list;                      /* owned */
        struct weir_part_spec *part; /* COMPONENT; owned */
    };
};

struct weir_part_spec {
    const struct weir_component_info *info;
    struct weir_option_value *values; /* by option; info->n_options of them */
};
/* All options at their defaults (not set where there is none). Defaults of FIELD and COMPONENT options are left to the job's
 * compiler, which knows the stream's fields and the registry. */
struct weir_part_spec *weir_part_spec_create(const struct weir_component_info *);
void weir_part_spec_destroy(struct weir_part_spec *); /* with nested parts; NULL is fine */
const struct weir_option_value *weir_part_option(const struct weir_part_spec *,
                                                 const char *option); /* NULL: no such option */

/* Parses `text` as the option's type into value: range, choices, units checked. FIELD and COMPONENT are the caller's. A LIST
 * is "a, b", items trimmed; items that hold commas are put into value->list by the caller. The earlier value is freed; it
 * stays on failure. The message names neither option nor component: "expected a duration between 1ms and 1d, found \"5
 * parsecs\" (write it as in 200ms, 5s, 10min or 1h 30min)". */
WEIR_CHECKED weir_status weir_option_parse(const struct weir_option_info *, const char *text, struct weir_option_value *,
                                           struct weir_error *);
void weir_option_value_finish(const struct weir_option_info *,
                              struct weir_option_value *); /* not set afterwards; zeroed is fine */

/* An instance with its options stored, nested parts included; opens plugin files as needed. [coordinator] */
struct weir_part_instance {
    const weir_component *component;
    const struct weir_part_spec *spec; /* outlives the instance */
    const void *vtable;
    void *self;                        /* 64-byte aligned, zeroed but for the options */
    struct weir_part_instance *nested; /* by component option that is set */
    uint32_t n_nested;
};
WEIR_CHECKED weir_status weir_part_instantiate(struct weir_registry *, const struct weir_part_spec *,
                                               struct weir_part_instance *, struct weir_error *);
void weir_part_instance_finish(struct weir_part_instance *); /* zeroed is fine */

#endif
