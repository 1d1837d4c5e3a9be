/* cli/inspect.c - `weir inspect`: what a plugin file holds.
 *
 * The file is checked as bytes first and then described by another process, this same program with --probe, so that no file
 * can bring down the one that inspects it. Only --probe and --probe-function open a file here, and speak the protocol of
 * loader/probe.h.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/process.h"
#include "cli/command.h"
#include "data/schema.h"
#include "loader/call_library.h"
#include "loader/plugin_info.h"
#include "loader/plugin_manifest.h"
#include "loader/plugin_open.h"
#include "loader/probe.h"

enum form { TEXT, JSON, MANIFEST, WRITE, PROBE, PROBE_FUNCTION };

static const char help[] = "weir inspect - describe plugin files\n"
                           "\n"
                           "USAGE\n"
                           "  weir inspect [OPTION...] FILE...\n"
                           "\n"
                           "DESCRIPTION\n"
                           "  Prints id, version and components of a plugin (X.so) with their inputs, outputs,\n"
                           "  options and states. A file is checked before it is opened, and opened in another\n"
                           "  process, so that a broken one cannot do harm.\n"
                           "\n"
                           "OPTIONS\n"
                           "  --output text|json      how to describe it; text is the default\n"
                           "  --manifest              print its manifest (YAML) instead\n"
                           "  --manifest --write      write the manifest to X.weir.yaml beside X.so: jobs are\n"
                           "                          checked against that file, and it has to be written anew\n"
                           "                          whenever X.so is built\n"
                           "  --help                  this text\n"
                           "\n"
                           "EXIT CODES\n"
                           "  0 all files are usable   2 the command line is wrong\n"
                           "  3 a file cannot be used; the reason is on standard error\n"
                           "\n"
                           "EXAMPLES\n"
                           "  weir inspect ./libacme.so\n"
                           "  weir inspect --manifest --write build/*.so\n";

static int fail(const struct weir_error *error)
{
    fprintf(stderr, "%s\n", error->text);
    return WEIR_EXIT_PLUGIN;
}

/* ---- the helper -------------------------------------------------------------------------------------------------- */

static weir_status describe_here(const char *path, struct weir_text *manifest, struct weir_error *error)
{
    struct weir_plugin_file file;
    struct weir_plugin_info info = {0};
    const weir_plugin *plugin;
    char *self = weir_process_executable();
    weir_status s = weir_plugin_file_check(weir_platform_os(), path, self, &file, error);
    weir_free(self);
    if (s != WEIR_OK) return s;
    s = weir_plugin_open(&file, &plugin, error);
    if (s == WEIR_OK) s = weir_plugin_describe(plugin, &file, &info, error);
    if (s == WEIR_OK) weir_plugin_manifest_write(&info, manifest);
    weir_plugin_info_finish(&info);
    weir_plugin_file_finish(&file);
    return s;
}

/* What the plugin prints while it is opened goes to standard error, where it cannot be taken for the manifest. */
static int probe(const char *path)
{
    struct weir_error error;
    struct weir_text manifest = {0};
    int output;
    weir_process_die_with_parent();
    weir_status s = weir_process_reserve_output(&output, &error);
    if (s == WEIR_OK) s = describe_here(path, &manifest, &error);
    if (s == WEIR_OK) s = weir_process_say(output, weir_text_get(&manifest), manifest.n, &error);
    weir_text_finish(&manifest);
    return s == WEIR_OK ? WEIR_EXIT_OK : fail(&error);
}

/* names: library, function, and perhaps the one that frees what it returns. */
static weir_status find_functions(int n, char **names, struct weir_error *error)
{
    char *self = weir_process_executable();
    weir_status s = WEIR_OK;
    void (*function)(void);
    for (int i = 1; i < n && s == WEIR_OK; i++)
        s = weir_call_library_open(weir_platform_os(), self, names[0], names[i], &function, error);
    weir_free(self);
    return s;
}

static int probe_function(int n, char **names)
{
    struct weir_error error;
    int output;
    weir_process_die_with_parent();
    weir_status s = weir_process_reserve_output(&output, &error);
    if (s == WEIR_OK) s = find_functions(n, names, &error);
    if (s == WEIR_OK) s = weir_process_say(output, "found\n", 6, &error);
    return s == WEIR_OK ? WEIR_EXIT_OK : fail(&error);
}

/* ---- as text ----------------------------------------------------------------------------------------------------- */

static void add_flag(struct weir_text *t, bool is, const char *word)
{
    if (is) weir_text_add(t, ", %s", word);
}

static void add_traits(struct weir_text *t, const struct weir_component_info *c)
{
    add_flag(t, (c->flags & WEIR_NEEDS_KEY) || c->has_timers || (c->n_states && c->kind == WEIR_OPERATOR), "keyed");
    add_flag(t, c->flags & WEIR_ONE_TO_ONE, "map");
    add_flag(t, c->is_filter, "filter");
    add_flag(t, c->has_timers, "timers");
    add_flag(t, c->flags & WEIR_BLOCKING, "blocking");
    add_flag(t, c->flags & WEIR_NONDETERMINISTIC, "nondeterministic");
    add_flag(t, c->flags & WEIR_ACCEPTS_SELECTION, "accepts selections");
    add_flag(t, c->flags & WEIR_MERGEABLE, "mergeable");
    add_flag(t, c->flags & WEIR_MERGEABLE_BUT_FLOATS, "mergeable but floats");
    add_flag(t, c->flags & WEIR_INVERTIBLE, "invertible");
    add_flag(t, c->flags & WEIR_UNBOUNDED, "unbounded");
    add_flag(t, c->flags & WEIR_REPLAYABLE, "replayable");
    add_flag(t, c->flags & WEIR_AT_MOST_ONCE, "at most once");
    add_flag(t, c->flags & WEIR_IDEMPOTENT, "idempotent");
    add_flag(t, c->flags & WEIR_WRITE_AHEAD, "write-ahead");
    add_flag(t, c->flags & WEIR_TWO_PHASE, "two-phase");
    add_flag(t, c->flags & WEIR_STORES_FILES, "stores files");
    add_flag(t, c->is_splittable, "splittable");
}

static void add_option(struct weir_text *t, const struct weir_option_info *o)
{
    weir_text_add(t, "      %s: ", o->name);
    if (o->choices) {
        for (size_t i = 0; o->choices[i]; i++) weir_text_add(t, "%s%s", i ? "|" : "", o->choices[i]);
    } else if (o->type == WEIR_OPT_COMPONENT) {
        weir_text_add(t, "%s", weir_kind_name(o->accepts));
    } else {
        weir_text_add(t, "%s", weir_option_type_name(o->type));
    }
    if (o->def) {
        weir_text_add(t, " = ");
        weir_text_add_json(t, o->def);
    } else {
        weir_text_add(t, o->flags & WEIR_OPTIONAL ? ", optional" : ", required");
    }
    if (o->min) weir_text_add(t, ", at least %s", o->min);
    if (o->max) weir_text_add(t, ", at most %s", o->max);
    weir_text_add(t, *o->doc ? "  -- %s\n" : "\n", o->doc);
}

static void add_state(struct weir_text *t, const struct weir_state_layout *s)
{
    weir_text_add(t, "      %s: %s%s of {", s->name, weir_state_kind_name(s->kind),
                  s->flags & WEIR_PER_WINDOW ? ", of the window," : "");
    for (uint32_t i = 0; i < s->n_fields; i++)
        weir_text_add(t, "%s%s: %s", i ? ", " : "", s->fields[i].name, weir_type_name((weir_type)s->fields[i].type));
    weir_text_add(t, "}");
    for (uint32_t i = 0; i < s->n_key_fields; i++)
        weir_text_add(t, "%s%s: %s", i ? ", " : " by {", s->key_fields[i].name,
                      weir_type_name((weir_type)s->key_fields[i].type));
    weir_text_add(t, s->n_key_fields ? "}, version %u\n" : ", version %u\n", s->version);
}

static void add_component(struct weir_text *t, const struct weir_component_info *c)
{
    weir_text_add(t, "\n  %s (%s", c->id, weir_kind_name(c->kind));
    add_traits(t, c);
    weir_text_add(t, *c->doc ? "): %s\n" : ")\n", c->doc);
    if (c->in) weir_text_add(t, "    in: %s\n", c->in);
    if (c->out) weir_text_add(t, "    out: %s\n", c->out);
    if (c->sides) weir_text_add(t, "    side outputs: %s\n", c->sides);
    if (c->n_options) weir_text_add(t, "    options:\n");
    for (uint32_t i = 0; i < c->n_options; i++) add_option(t, &c->options[i]);
    if (c->n_states) weir_text_add(t, "    states:\n");
    for (uint32_t i = 0; i < c->n_states; i++) add_state(t, &c->states[i]);
}

static void add_plugin(struct weir_text *t, const struct weir_plugin_info *p)
{
    weir_text_add(t, "%s %s (ABI %u.%u, %s)\n  %s\n  build-id %s\n", p->id, p->version, p->abi_major, p->abi_minor,
                  *p->license ? p->license : "no license named", p->path, p->build_id);
    for (uint32_t i = 0; i < p->n_components; i++) add_component(t, &p->components[i]);
}

/* ---- one file, all files ----------------------------------------------------------------------------------------- */

static weir_status write_beside(const struct weir_plugin_info *info, const struct weir_text *manifest,
                                struct weir_error *error)
{
    char *path = weir_plugin_manifest_path(info->path);
    weir_status s = weir_write_file(weir_platform_os(), path, weir_text_get(manifest), manifest->n, error);
    weir_free(path);
    return s;
}

static weir_status tell(const struct weir_plugin_info *info, enum form form, struct weir_error *error)
{
    struct weir_text t = {0};
    weir_status s = WEIR_OK;
    if (form == TEXT) {
        add_plugin(&t, info);
    } else if (form == JSON) {
        weir_plugin_manifest_write_json(info, &t);
        weir_text_add(&t, "\n");
    } else {
        weir_plugin_manifest_write(info, &t);
    }
    if (form == WRITE) {
        s = write_beside(info, &t, error);
    } else {
        fwrite(weir_text_get(&t), 1, t.n, stdout);
    }
    weir_text_finish(&t);
    return s;
}

static int inspect(const char *path, const char *self, enum form form)
{
    struct weir_error error;
    struct weir_plugin_file file;
    struct weir_plugin_info info;
    weir_status s = weir_plugin_file_check(weir_platform_os(), path, self, &file, &error);
    if (s != WEIR_OK) return fail(&error);
    s = weir_probe(self, &file, 0, &info, &error);
    if (s == WEIR_OK) s = tell(&info, form, &error);
    weir_plugin_info_finish(&info);
    weir_plugin_file_finish(&file);
    return s == WEIR_OK ? WEIR_EXIT_OK : fail(&error);
}

static int usage_error(const char *words)
{
    fprintf(stderr, "weir inspect: %s; see `weir inspect --help`\n", words);
    return WEIR_EXIT_USAGE;
}

/* -1: go on; else an exit code. */
static int parse(int argc, char **argv, enum form *form)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {"manifest", no_argument, NULL, 'm'},
                                            {"write", no_argument, NULL, 'w'},        {"probe", no_argument, NULL, 'p'},
                                            {"probe-function", no_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    bool manifest = false, write = false;
    int c;
    *form = TEXT;
    optind = 0;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'o':
            if (strcmp(optarg, "text") != 0 && strcmp(optarg, "json") != 0) return usage_error("--output is text or json");
            *form = *optarg == 'j' ? JSON : TEXT;
            break;
        case 'm': manifest = true; break;
        case 'w': write = true; break;
        case 'p': *form = PROBE; break;
        case 'f': *form = PROBE_FUNCTION; break;
        case 'h': printf("%s", help); return WEIR_EXIT_OK;
        default: return usage_error("wrong option");
        }
    }
    if (write && !manifest) return usage_error("--write goes with --manifest");
    if (manifest) *form = write ? WRITE : MANIFEST;
    return optind < argc ? -1 : usage_error("name a plugin file");
}

int weir_inspect_main(int argc, char **argv)
{
    enum form form;
    int code = parse(argc, argv, &form);
    if (code >= 0) return code;
    if (form == PROBE) return probe(argv[optind]);
    if (form == PROBE_FUNCTION) return probe_function(argc - optind, argv + optind);
    char *self = weir_process_executable();
    if (!self) return usage_error("the system does not say where this program is (/proc is missing)");
    code = WEIR_EXIT_OK;
    for (int i = optind; i < argc; i++) {
        int one = inspect(argv[i], self, form);
        if (one != WEIR_EXIT_OK) code = one;
    }
    weir_free(self);
    return code;
}
