/* replay.c - runs a fuzz target over files: those named, and those of the folders named. No libFuzzer is needed. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        exit(2);
    }
    /* Exactly as large as the file, so that a sanitizer sees a read behind its end. */
    size_t n = (size_t)st.st_size;
    uint8_t *bytes = malloc(n + (n == 0));
    if (!bytes || fread(bytes, 1, n, f) != n) {
        perror(path);
        exit(2);
    }
    fclose(f);
    fprintf(stderr, "%s\n", path); /* the last one is the one that crashed */
    (void)LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    return 1;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return replay_file(path);
    struct dirent **entries;
    int n = scandir(path, &entries, is_shown, by_name), replayed = 0;
    for (int i = 0; i < n; i++) {
        char *file = NULL;
        if (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0) abort();
        replayed += replay(file);
        free(file);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    return replayed;
}

int main(int argc, char **argv)
{
    int replayed = 0;
    for (int i = 1; i < argc; i++) replayed += replay(argv[i]);
    printf("%d files\n", replayed);
    return replayed == 0;
}
