/* timer_order.c - records of timers in order of firing. Any thread.
 *
 * Few nodes are sorted by insertion, some tens or hundreds by the highest bits of time in which they differ and then by
 * merging what agrees in those: they come from one bucket of the wheel, so that is nearly nothing. Many are first sorted by
 * the bytes of time and prefix in which they differ at all, one after the other from the last on (a radix sort: three
 * passes for a million whole numbers as keys, due together); what is left are groups that agree in both, of longer keys or
 * of one key with several namespaces.
 */
#include "time/timers_internal.h"

#define FEW    24
#define MANY   512
#define DIGITS 64 /* as a level of the wheel has */

int weir__timer_compare(const struct weir__timer_node *a, const struct weir__timer_node *b)
{
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
    const struct weir__timer *x = a->timer, *y = b->timer;
    uint32_t n = x->n < y->n ? x->n : y->n;
    int order = n > 8 ? memcmp(x->key + 8, y->key + 8, n - 8) : 0;
    if (order) return order;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

static void insertion_sort(struct weir__timer_node *nodes, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct weir__timer_node node = nodes[i];
        size_t to = i;
        for (; to > 0 && weir__timer_compare(&node, &nodes[to - 1]) < 0; to--) nodes[to] = nodes[to - 1];
        nodes[to] = node;
    }
}

static void merge(const struct weir__timer_node *from, size_t begin, size_t middle, size_t end, struct weir__timer_node *to)
{
    size_t a = begin, b = middle;
    for (size_t i = begin; i < end; i++) {
        bool first = b == end || (a < middle && weir__timer_compare(&from[a], &from[b]) <= 0);
        to[i] = first ? from[a++] : from[b++];
    }
}

/* Runs of FEW, then of twice as many each time. */
static void merge_sort(struct weir__timer_node *nodes, size_t n, struct weir__timer_node *room)
{
    struct weir__timer_node *from = nodes, *to = room, *other;
    for (size_t i = 0; i < n; i += FEW) insertion_sort(nodes + i, n - i < FEW ? n - i : FEW);
    for (size_t width = FEW; width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t middle = n - i < width ? n : i + width, end = n - i < 2 * width ? n : i + 2 * width;
            merge(from, i, middle, end, to);
        }
        other = from;
        from = to;
        to = other;
    }
    if (from != nodes) memcpy(nodes, from, n * sizeof *nodes);
}

/* ---- some --------------------------------------------------------------------------------------------------------- */

static void spread_sort(struct weir__timer_node *nodes, size_t n, struct weir__timer_node *room)
{
    uint16_t ends[DIGITS] = {0}, end = 0;
    uint64_t differ = 0;
    for (size_t i = 1; i < n; i++) differ |= nodes[i].at ^ nodes[0].at;
    uint32_t bits = differ ? 64 - (uint32_t)__builtin_clzll(differ) : 0, shift = bits > 6 ? bits - 6 : 0;
    for (size_t i = 0; i < n; i++) ends[nodes[i].at >> shift & (DIGITS - 1)]++;
    for (uint32_t d = 0; d < DIGITS; d++) {
        uint16_t count = ends[d];
        ends[d] = end;
        end += count;
    }
    for (size_t i = 0; i < n; i++) room[ends[nodes[i].at >> shift & (DIGITS - 1)]++] = nodes[i];
    for (uint32_t d = 0, begin = 0; d < DIGITS; begin = ends[d++]) {
        if (ends[d] - begin > 1) merge_sort(room + begin, ends[d] - begin, nodes + begin);
    }
    memcpy(nodes, room, n * sizeof *nodes);
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

static inline uint32_t digit_of(const struct weir__timer_node *node, uint32_t byte)
{
    return (uint32_t)((byte < 8 ? node->prefix >> 8 * byte : node->at >> 8 * (byte - 8)) & 255);
}

static void sort_by_byte(const struct weir__timer_node *from, size_t n, uint32_t byte, struct weir__timer_node *to)
{
    size_t starts[256] = {0}, start = 0;
    for (size_t i = 0; i < n; i++) starts[digit_of(&from[i], byte)]++;
    for (uint32_t d = 0; d < 256; d++) {
        size_t count = starts[d];
        starts[d] = start;
        start += count;
    }
    for (size_t i = 0; i < n; i++) to[starts[digit_of(&from[i], byte)]++] = from[i];
}

static void radix_sort(struct weir__timer_node *nodes, size_t n, struct weir__timer_node *room)
{
    struct weir__timer_node *from = nodes, *to = room, *other;
    struct weir__timer_node differ = {0};
    for (size_t i = 1; i < n; i++) {
        differ.at |= nodes[i].at ^ nodes[0].at;
        differ.prefix |= nodes[i].prefix ^ nodes[0].prefix;
    }
    for (uint32_t byte = 0; byte < 16; byte++) {
        if (digit_of(&differ, byte) == 0) continue;
        sort_by_byte(from, n, byte, to);
        other = from;
        from = to;
        to = other;
    }
    if (from != nodes) memcpy(nodes, from, n * sizeof *nodes);
}

/* Those that agree in time and prefix. */
static void sort_groups(struct weir__timer_node *nodes, size_t n, struct weir__timer_node *room)
{
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && nodes[end].at == nodes[begin].at && nodes[end].prefix == nodes[begin].prefix;)
            end++;
        if (end - begin > 1) merge_sort(nodes + begin, end - begin, room);
    }
}

void weir__timer_sort(struct weir__timer_node *nodes, size_t n, struct weir__timer_node *room)
{
    if (n >= MANY) {
        radix_sort(nodes, n, room);
        sort_groups(nodes, n, room);
    } else if (n > FEW) {
        spread_sort(nodes, n, room);
    } else {
        merge_sort(nodes, n, room);
    }
}
