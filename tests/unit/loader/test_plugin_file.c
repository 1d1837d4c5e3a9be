/* Files as bytes: every refusal names the file, what was expected, what was found and what to do, and no bytes crash the
 * reader. */
#include <elf.h>

#include "base/random.h"
#include "plugin_fixture.h"

static struct folder folder;

/* A copy of the good plugin with n bytes at offset replaced. */
static const char *patched(const char *name, size_t offset, const void *bytes, size_t n)
{
    struct bytes b = load(GOOD);
    const char *path = in_folder(&folder, name);
    memcpy(b.p + offset, bytes, n);
    save(path, b.p, b.n);
    free(b.p);
    return path;
}

static void says(const char *path, const char *expected, const char *found, const char *cure)
{
    const char *text = refusal(path);
    WEIR_ASSERT_CONTAINS(text, path);
    WEIR_ASSERT_CONTAINS(text, expected);
    WEIR_ASSERT_CONTAINS(text, found);
    WEIR_ASSERT_CONTAINS(text, cure);
}

static void accepts_a_plugin(void)
{
    struct weir_error error;
    struct weir_plugin_file f;
    CU_ASSERT_EQUAL_FATAL(weir_plugin_file_check(weir_platform_os(), GOOD, NULL, &f, &error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(f.id, "test.good");
    CU_ASSERT_STRING_EQUAL(f.version, "1.2.3");
    CU_ASSERT_EQUAL(f.abi_major, 1);
    CU_ASSERT_EQUAL(f.abi_minor, 0);
    CU_ASSERT_EQUAL(strlen(f.build_id), 40);
    CU_ASSERT_EQUAL(f.path[0], '/');
    weir_plugin_file_finish(&f);
}

static void follows_links_to_the_real_file(void)
{
    struct weir_error error;
    struct weir_plugin_file f;
    folder_init(&folder);
    const char *file = copy_into(&folder, GOOD, "real.so"), *link = in_folder(&folder, "link.so");
    CU_ASSERT_EQUAL(symlink(file, link), 0);
    CU_ASSERT_EQUAL_FATAL(weir_plugin_file_check(weir_platform_os(), link, NULL, &f, &error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(f.path, file);
    weir_plugin_file_finish(&f);
    folder_finish(&folder);
}

static void refuses_what_is_no_file(void)
{
    folder_init(&folder);
    says(in_folder(&folder, "none.so"), "expected a file", "found none", "check the path");
    const char *directory = in_folder(&folder, "directory.so"), *fifo = in_folder(&folder, "fifo.so");
    mkdir(directory, 0755);
    says(directory, "expected a regular file", "found a directory", "name the file itself");
    CU_ASSERT_EQUAL(mkfifo(fifo, 0644), 0); /* opening one would wait for ever */
    says(fifo, "expected a regular file", "found a device, pipe or socket", "name the file itself");
    folder_finish(&folder);
}

static void refuses_files_that_others_can_write(void)
{
    folder_init(&folder);
    const char *path = copy_into(&folder, GOOD, "shared.so");
    chmod(path, 0666);
    says(path, "expected a file that only its owner can write", "found mode 666, which lets everybody change it",
         "`chmod go-w` it");
    chmod(path, 0664);
    says(path, "expected a file that only its owner can write", "found mode 664, which lets its group change it",
         "`chmod go-w` it");
    chmod(path, 0555);
    CU_ASSERT_STRING_EQUAL(refusal(path), "");
    folder_finish(&folder);
}

static void refuses_folders_that_others_can_write(void)
{
    folder_init(&folder);
    const char *inner = in_folder(&folder, "inner");
    mkdir(inner, 0755);
    const char *path = copy_into(&folder, GOOD, "inner/plugin.so");
    CU_ASSERT_STRING_EQUAL(refusal(path), "");
    chmod(inner, 0777);
    says(path, "expected folders above it that not everybody can write", "with mode 0777", "`chmod o-w` it");
    WEIR_ASSERT_CONTAINS(refusal(path), inner);
    chmod(inner, 01777); /* as /tmp: everybody may write, but not rename what belongs to others */
    CU_ASSERT_STRING_EQUAL(refusal(path), "");
    chmod(inner, 0755);
    chmod(folder.path, 0777); /* however far above */
    says(path, "expected folders above it that not everybody can write", folder.path, "or move the plugin");
    chmod(folder.path, 0700);
    CU_ASSERT_STRING_EQUAL(refusal(path), "");
    folder_finish(&folder);
}

static void refuses_a_foreign_owner_but_not_the_installations(void)
{
    struct weir_error error;
    struct weir_plugin_file f;
    if (geteuid() != 0) {
        weir_skip("only root can give files away");
        return;
    }
    folder_init(&folder);
    const char *path = copy_into(&folder, GOOD, "foreign.so"), *installation = copy_into(&folder, GOOD, "weir");
    CU_ASSERT_EQUAL(chown(path, 12345, 12345), 0);
    says(path, "expected an owner that is root, you (user 0) or the owner of weir's installation", "found user 12345",
         "`chown` it if you trust it");
    CU_ASSERT_EQUAL(weir_plugin_file_check(weir_platform_os(), path, installation, &f, &error), WEIR_E_PLUGIN);
    CU_ASSERT_EQUAL(chown(installation, 12345, 12345), 0);
    CU_ASSERT_EQUAL(weir_plugin_file_check(weir_platform_os(), path, installation, &f, &error), WEIR_OK);
    weir_plugin_file_finish(&f);
    CU_ASSERT_EQUAL(chown(path, 0, 0), 0);
    CU_ASSERT_EQUAL(chown(folder.path, 12345, 12345), 0);
    says(path, "expected folders above it that belong to root, you (user 0) or the owner of weir's installation",
         "of user 12345, who could put another file in its place", "move the plugin");
    CU_ASSERT_EQUAL(weir_plugin_file_check(weir_platform_os(), path, installation, &f, &error), WEIR_OK);
    weir_plugin_file_finish(&f);
    folder_finish(&folder);
}

static void refuses_what_is_not_elf(void)
{
    folder_init(&folder);
    const char *text = in_folder(&folder, "text.so"), *empty = in_folder(&folder, "empty.so");
    save(text, "INPUT(libacme.so.1)\n", 20);
    says(text, "expected an ELF shared object", "found another kind of file", "name the .so that the linker wrote");
    save(empty, "", 0);
    says(empty, "expected an ELF shared object", "found an empty file", "build it again");
    save(text, "\177EL", 3);
    says(text, "expected an ELF shared object", "found another kind of file", "name the .so");
    save(text, "\177ELF", 4);
    CU_ASSERT_NOT_EQUAL(refusal(text)[0], 0);
    folder_finish(&folder);
}

static void refuses_code_for_other_machines(void)
{
    uint16_t machine = EM_SPARC, arm = EM_ARM, object = ET_REL, core = ET_CORE;
    unsigned char class32 = ELFCLASS32, big_endian = ELFDATA2MSB;
    folder_init(&folder);
    says(patched("sparc.so", offsetof(Elf64_Ehdr, e_machine), &machine, 2), "expected code for ",
         "found code for ELF machine 2", "build it for this machine");
    says(patched("arm.so", offsetof(Elf64_Ehdr, e_machine), &arm, 2), "expected code for ", "found code for 32-bit ARM",
         "build it for this machine");
    says(patched("half.so", EI_CLASS, &class32, 1), "expected a 64-bit ELF file", "found a 32-bit one", "build it for");
    says(patched("end.so", EI_DATA, &big_endian, 1), "expected this machine's byte order", "found the other",
         "build it for");
    says(patched("object.so", offsetof(Elf64_Ehdr, e_type), &object, 2), "expected a shared object",
         "found an object file (.o)", "link it with -shared");
    says(patched("core.so", offsetof(Elf64_Ehdr, e_type), &core, 2), "expected a shared object", "found a core dump",
         "link it with -shared");
    folder_finish(&folder);
}

static void refuses_every_truncation(void)
{
    struct bytes b = load(GOOD);
    folder_init(&folder);
    const char *path = in_folder(&folder, "short.so");
    for (size_t n = 0; n < b.n; n += 211) {
        save(path, b.p, n);
        CU_ASSERT_NOT_EQUAL(refusal(path)[0], 0);
    }
    save(path, b.p, b.n - 1);
    says(path, "expected the section headers at bytes ", "found a file of ", "build or copy it again");
    save(path, b.p, b.n / 2);
    says(path, "expected the ", "it is truncated or damaged", "build or copy it again");
    free(b.p);
    folder_finish(&folder);
}

static void refuses_tables_that_point_outside(void)
{
    struct bytes good = load(GOOD);
    const Elf64_Ehdr *header = (const void *)good.p;
    uint64_t huge = UINT64_MAX - 4096;
    folder_init(&folder);
    says(patched("segment.so", (size_t)header->e_phoff + offsetof(Elf64_Phdr, p_filesz), &huge, 8),
         "expected the code and data at bytes ", "found a file of ", "it is truncated or damaged; build or copy it again");
    says(patched("section.so", (size_t)header->e_shoff + sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_offset), &huge, 8),
         "expected the sections at bytes ", "found a file of ", "it is truncated or damaged; build or copy it again");
    says(patched("headers.so", offsetof(Elf64_Ehdr, e_shoff), &huge, 8), "expected the section headers at bytes ",
         "found a file of ", "it is truncated or damaged; build or copy it again");
    free(good.p);
    folder_finish(&folder);
}

static void refuses_stripped_section_headers(void)
{
    uint16_t none = 0;
    folder_init(&folder);
    says(patched("bare.so", offsetof(Elf64_Ehdr, e_shnum), &none, 2), "expected section headers", "found none",
         "build it again");
    folder_finish(&folder);
}

/* Random bytes over headers and tables: refused or accepted, never read out of bounds (the sanitizers watch). */
static void survives_damaged_tables(void)
{
    struct bytes good = load(GOOD);
    struct weir_random random = {1};
    const Elf64_Ehdr *header = (const void *)good.p;
    size_t sections = (size_t)header->e_shoff, n_sections = (size_t)header->e_shnum * sizeof(Elf64_Shdr);
    char *copy = malloc(good.n);
    folder_init(&folder);
    const char *path = in_folder(&folder, "damaged.so");
    for (int i = 0; i < 2000; i++) {
        memcpy(copy, good.p, good.n);
        for (uint64_t k = 0, flips = 1 + weir_random_below(&random, 3); k < flips; k++) {
            size_t at = weir_random_below(&random, 3) == 0 ? (size_t)weir_random_below(&random, 64 + 600)
                                                           : sections + (size_t)weir_random_below(&random, n_sections);
            copy[at] = (char)weir_random_next(&random);
        }
        save(path, copy, good.n);
        (void)refusal(path);
    }
    free(copy);
    free(good.p);
    folder_finish(&folder);
}

static void refuses_files_without_the_marks_of_a_plugin(void)
{
    says(HOSTILE("no_note"), "expected a weir plugin", "found a shared object without the section .weir.plugin",
         "end its source with WEIR_PLUGIN");
    says(HOSTILE("garbled_note"), "expected a note such as \"weir;abi=1.0;", "found \"hello\"", "write it with WEIR_PLUGIN");
    says(HOSTILE("no_entry"), "expected the exported symbol weir_plugin_v1", "found none", "rebuild the plugin");
    says(HOSTILE("no_build_id"), "expected a GNU build-id", "found none", "link it with -Wl,--build-id=sha1");
}

static void refuses_other_versions_of_the_abi(void)
{
    says(HOSTILE("major_0"), "expected plugin ABI 1", "found plugin ABI 0.9", "rebuild the plugin with this weir's headers");
    says(HOSTILE("minor_99"), "expected plugin ABI 1.0 or older", "found one that needs 1.99",
         "update weir, or rebuild the plugin");
}

WEIR_SUITE(plugin_file) = {
    {"accepts a plugin and reads its id, version, ABI and build-id", accepts_a_plugin},
    {"follows links to the real file", follows_links_to_the_real_file},
    {"refuses what is no regular file", refuses_what_is_no_file},
    {"refuses files that others can write", refuses_files_that_others_can_write},
    {"refuses folders that others can write", refuses_folders_that_others_can_write},
    {"refuses a foreign owner but not the installation's", refuses_a_foreign_owner_but_not_the_installations},
    {"refuses what is not ELF", refuses_what_is_not_elf},
    {"refuses code for other machines", refuses_code_for_other_machines},
    {"refuses every truncation", refuses_every_truncation},
    {"refuses tables that point outside the file", refuses_tables_that_point_outside},
    {"refuses stripped section headers", refuses_stripped_section_headers},
    {"survives 2,000 damaged tables", survives_damaged_tables},
    {"refuses files without the marks of a plugin", refuses_files_without_the_marks_of_a_plugin},
    {"refuses other versions of the ABI", refuses_other_versions_of_the_abi},
    {NULL, NULL},
};
