/* A plugin whose declaration is sound until one of these macros is set to something else: CMakeLists.txt beside builds one
 * file for each way to be wrong. It fills in the structs of the ABI by hand, as an author without the macros would. */
#include <weir/plugin.h>

#ifndef NOTE
#define NOTE "weir;abi=" NOTE_ABI ";id=test.hostile;version=" NOTE_VERSION
#endif
#ifndef NOTE_ABI
#define NOTE_ABI "1.0"
#endif
#ifndef NOTE_VERSION
#define NOTE_VERSION "1.0.0"
#endif
#ifndef MAJOR
#define MAJOR WEIR_ABI_MAJOR
#endif
#ifndef ENTRY
#define ENTRY weir_plugin_v1
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(weir_plugin)
#endif
#ifndef COMPONENT_SIZE
#define COMPONENT_SIZE sizeof(weir_component)
#endif
#ifndef VTABLE_SIZE
#define VTABLE_SIZE sizeof(weir_operator)
#endif
#ifndef VTABLE_FLAGS
#define VTABLE_FLAGS 0
#endif
#ifndef VTABLE
#define VTABLE &vtable
#endif
#ifndef PROCESS
#define PROCESS process
#endif
#ifndef KIND
#define KIND WEIR_OPERATOR
#endif
#ifndef ID
#define ID "first"
#endif
#ifndef SECOND_ID
#define SECOND_ID "second"
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
#ifndef IN
#define IN "n:i64"
#endif
#ifndef OUT
#define OUT "m:i64"
#endif
#ifndef OPTION_NAME
#define OPTION_NAME "limit"
#endif
#ifndef OPTION_TYPE
#define OPTION_TYPE WEIR_OPT_I64
#endif
#ifndef OPTION_OFFSET
#define OPTION_OFFSET offsetof(instance, limit)
#endif
#ifndef OPTION_SIZE
#define OPTION_SIZE sizeof(int64_t)
#endif
#ifndef OPTION_DEFAULT
#define OPTION_DEFAULT "5"
#endif
#ifndef OPTION_MIN
#define OPTION_MIN "1"
#endif
#ifndef OPTION_MAX
#define OPTION_MAX "10"
#endif
#ifndef CHOICES
#define CHOICES choices
#endif
#ifndef STRIDE
#define STRIDE sizeof(weir_option)
#endif
#ifndef STATE_KIND
#define STATE_KIND WEIR_VALUE
#endif
#ifndef STATE_SIZE
#define STATE_SIZE 8
#endif
#ifndef N_FIELDS
#define N_FIELDS 1
#endif
#ifndef FIELD_OFFSET
#define FIELD_OFFSET 0
#endif
#ifndef FIELD_TYPE
#define FIELD_TYPE WEIR_I64
#endif

typedef struct instance {
    int64_t limit;
    int32_t mode;
} instance;

static const char *const choices[] = {"slow", "fast", NULL};
static const weir_option options[] = {
    {.name = "mode",
     .doc = "",
     .def = "fast",
     .choices = CHOICES,
     .type = WEIR_OPT_ENUM,
     .offset = offsetof(instance, mode),
     .size = sizeof(int32_t)},
    {.name = OPTION_NAME,
     .doc = "",
     .def = OPTION_DEFAULT,
     .min = OPTION_MIN,
     .max = OPTION_MAX,
     .type = OPTION_TYPE,
     .offset = OPTION_OFFSET,
     .size = OPTION_SIZE},
};
static const weir_field fields[] = {{.name = "n", .type = FIELD_TYPE, .offset = FIELD_OFFSET, .size = 8}};
static const weir_state states[] = {{.name = "kept",
                                     .kind = STATE_KIND,
                                     .version = 1,
                                     .size = STATE_SIZE,
                                     .n_fields = N_FIELDS,
                                     .fields = fields,
                                     .field_stride = sizeof(weir_field)}};

static weir_status process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)self;
    (void)cx;
    (void)port;
    *row = b->length;
    return WEIR_OK;
}
static const weir_operator vtable = {.struct_size = VTABLE_SIZE, .flags = VTABLE_FLAGS, .process = PROCESS};
static const weir_operator sound_vtable = {.struct_size = sizeof(weir_operator), .process = process};

static const weir_component first = {.struct_size = COMPONENT_SIZE,
                                     .kind = KIND,
                                     .id = ID,
                                     .doc = "",
                                     .in = IN,
                                     .out = OUT,
                                     .flags = FLAGS,
                                     .instance_size = sizeof(instance),
                                     .options = options,
                                     .n_options = 2,
                                     .option_stride = STRIDE,
                                     .states = states,
                                     .n_states = 1,
                                     .state_stride = sizeof(weir_state),
                                     .vtable = VTABLE};
static const weir_component second = {.struct_size = sizeof(weir_component),
                                      .kind = WEIR_OPERATOR,
                                      .id = SECOND_ID,
                                      .doc = "",
                                      .in = "n:i64",
                                      .instance_size = 8,
                                      .vtable = &sound_vtable};
static const weir_component *const components[] = {&first, &second, NULL};
static const weir_component *const no_components[] = {NULL, &first, &second};
#ifndef COMPONENTS
#define COMPONENTS components
#endif

static const weir_plugin plugin = {.struct_size = PLUGIN_SIZE,
                                   .abi_major = MAJOR,
                                   .abi_minor = 0,
                                   .id = "test.hostile",
                                   .version = "1.0.0",
                                   .license = "",
                                   .components = COMPONENTS};
#ifndef RETURNS
#define RETURNS &plugin
#endif

#ifndef WITHOUT_NOTE
__attribute__((used, section(WEIR_NOTE_SECTION))) static const char note[] = NOTE;
#endif

WEIR_EXPORT const weir_plugin *ENTRY(void);
const weir_plugin *ENTRY(void)
{
    (void)plugin;
    (void)components;
    (void)no_components;
    (void)vtable;
    (void)choices;
    return RETURNS;
}
