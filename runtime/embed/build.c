/* build.c - a job made by calls: the same document that a manifest gives, without YAML. One thread.
 *
 * "source.file.path" walks through mappings, making those that are missing; the last name gets a scalar. Mistakes of content
 * are found by weir_job_check, as they are in a manifest; here only a path that runs into a scalar is refused.
 */
#include <string.h>

#include "base/alloc.h"
#include "embed/embed_internal.h"

weir_status weir_job_create(struct weir_runtime *runtime, const char *name, const char *base_dir, struct weir_job **job,
                            struct weir_error_text *error)
{
    struct weir_job *j = weir_alloc(sizeof *j);
    (void)error;
    j->lock = (struct weir_lock)WEIR_LOCK_INIT;
    j->runtime = runtime;
    j->document = weir_document_create(name, base_dir ? base_dir : ".");
    j->root = weir_document_mapping(j->document, NULL);
    j->nodes = weir_document_sequence(j->document, NULL);
    weir_document_set_root(j->document, j->root);
    weir_document_put(j->document, j->root, "job", weir_document_scalar(j->document, name, NULL));
    weir_document_put(j->document, j->root, "nodes", j->nodes);
    *job = j;
    return WEIR_OK;
}

/* The values of a mapping are this document's own, so they may be changed. */
static struct weir_value *value_at(struct weir_value *mapping, const char *name)
{
    for (size_t i = 0; i < mapping->n; i++) {
        if (strcmp(mapping->pairs[i].key->text, name) == 0) return mapping->pairs[i].value;
    }
    return NULL;
}

/* The mapping that holds the path's last name; *last points at that name. NULL when the path runs into something else. */
static struct weir_value *walk(struct weir_document *d, struct weir_value *at, const char *path, const char *origin,
                               const char **last)
{
    for (;;) {
        size_t n = strcspn(path, ".");
        *last = path;
        if (path[n] == '\0') return at;
        char *name = weir_strndup(path, n);
        struct weir_value *next = value_at(at, name);
        if (!next) {
            next = weir_document_mapping(d, origin);
            weir_document_put(d, at, name, next);
        }
        weir_free(name);
        if (next->kind != WEIR_VALUE_MAPPING) return NULL;
        at = next;
        path += n + 1;
    }
}

static void changed(struct weir_job *job)
{
    weir__job_let_go(job); /* of a directory that a start which failed had taken */
    weir_stream_graph_destroy(job->graph, weir_part_spec_destroy);
    job->graph = NULL;
}

static weir_status set(struct weir_job *job, struct weir_value *mapping, const char *path, const char *text,
                       const char *origin)
{
    const char *last;
    struct weir_value *at = job->started ? NULL : walk(job->document, mapping, path, origin, &last);
    if (!at || *last == '\0') return WEIR_E_CONFIG;
    changed(job);
    weir_document_put(job->document, at, last, weir_document_scalar(job->document, text, origin));
    return WEIR_OK;
}

weir_status weir_job_set(struct weir_job *job, const char *path, const char *value)
{
    return job->root ? set(job, job->root, path, value, path) : WEIR_E_CONFIG;
}

struct weir_node *weir_job_add_node(struct weir_job *job, const char *id)
{
    if (!job->nodes || job->started) return NULL;
    changed(job);
    struct weir_node *node = weir_alloc(sizeof *node);
    node->job = job;
    node->origin = weir_format("node '%s'", id);
    node->mapping = weir_document_mapping(job->document, node->origin);
    node->next = job->node_list;
    job->node_list = node;
    weir_document_put(job->document, node->mapping, "id", weir_document_scalar(job->document, id, node->origin));
    weir_value_append(job->nodes, node->mapping);
    return node;
}

weir_status weir_node_set(struct weir_node *node, const char *path, const char *value)
{
    return set(node->job, node->mapping, path, value, node->origin);
}

weir_status weir_node_append(struct weir_node *node, const char *path, const char *value)
{
    struct weir_document *d = node->job->document;
    const char *last;
    struct weir_value *at = node->job->started ? NULL : walk(d, node->mapping, path, node->origin, &last);
    if (!at || *last == '\0') return WEIR_E_CONFIG;
    struct weir_value *list = value_at(at, last);
    if (!list) {
        list = weir_document_sequence(d, node->origin);
        weir_document_put(d, at, last, list);
    }
    if (list->kind != WEIR_VALUE_SEQUENCE) return WEIR_E_CONFIG;
    changed(node->job);
    weir_value_append(list, weir_document_scalar(d, value, node->origin));
    return WEIR_OK;
}
