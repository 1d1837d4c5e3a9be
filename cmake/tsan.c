/* tsan.c - what ThreadSanitizer is not to report; part of every executable of a build with -DWEIR_SANITIZE=thread.
 *
 * LevelDB comes from the system and is not instrumented: its atomics are not seen, so that what one thread wrote into its
 * memory table and another reads looks like a race, in there and where the plugin hands it to us. What the host does
 * around a store is tested with the harness's own store (tests/harness/memory_store.c), which hides nothing.
 */
const char *__tsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
    return "race:libleveldb.so\n"
           "race:backend_leveldb/plugin.c\n";
}
