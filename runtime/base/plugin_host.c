/* plugin_host.c - see the header. */
#include "base/plugin_host.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"

static void *host_alloc(weir_ctx *cx, size_t size)
{
    (void)cx;
    return weir_try_alloc(size);
}

static void *host_resize(weir_ctx *cx, void *p, size_t size)
{
    (void)cx;
    return weir_try_realloc(p, size);
}

static void host_release(weir_ctx *cx, void *p)
{
    (void)cx;
    weir_free(p);
}

void weir_plugin_host_memory(weir_host *h)
{
    h->alloc = host_alloc;
    h->resize = host_resize;
    h->release = host_release;
}

void weir_plugin_log(const char *where, int level, const char *format, va_list args)
{
    char line[1024];
    if (level < WEIR_ERROR || level > WEIR_DEBUG || !weir_log_enabled((weir_log_level)level, "plugin")) return;
    vsnprintf(line, sizeof line, format, args);
    weir_log((weir_log_level)level, "plugin", "%s: %s", where, line);
}
