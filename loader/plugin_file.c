/* loader/plugin_file.c - the checks of loader/plugin_file.h. Any thread. */
#include "loader/plugin_file.h"

#include <stdio.h>
#include <string.h>
#include <weir/component.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "loader/elf_file.h"
#include "loader/plugin_internal.h"

enum { OTHERS_MAY_WRITE = 022, EVERYBODY_MAY_WRITE = 02, STICKY = 01000 };
#define REBUILD "rebuild the plugin with this weir's headers (<weir/udf.h>)"

/* ---- trust ------------------------------------------------------------------------------------------------------- */

static bool owner_is_trusted(const struct weir_platform *p, uint32_t owner, const char *installation)
{
    struct weir_file_info info;
    if (owner == 0 || owner == weir_process_user()) return true;
    return installation && p->info(p->self, installation, &info, NULL) == WEIR_OK && info.owner == owner;
}

/* Whoever may rename files in a folder may put another one in their place: in his own folder, and in one that everybody can
 * write, unless it is sticky, as /tmp is. As sudo and sshd look at the folders of their files. */
static weir_status trust_folder(const struct weir_platform *p, const char *path, const char *folder,
                                const char *installation, struct weir_error *error)
{
    struct weir_file_info info;
    weir_status s = p->info(p->self, folder, &info, error);
    if (s != WEIR_OK) return s;
    if (!owner_is_trusted(p, info.owner, installation))
        return weir__refuse(error,
                            "%s: expected folders above it that belong to root, you (user %u) or the owner of weir's "
                            "installation, found '%s' of user %u, who could put another file in its place; move the plugin, "
                            "or `chown` the folder if you trust it",
                            path, weir_process_user(), folder, info.owner);
    if ((info.mode & EVERYBODY_MAY_WRITE) && !(info.mode & STICKY))
        return weir__refuse(error,
                            "%s: expected folders above it that not everybody can write, found '%s' with mode %04o, in "
                            "which anybody could put another file in its place; `chmod o-w` it, or move the plugin",
                            path, folder, info.mode & 07777);
    return WEIR_OK;
}

static weir_status trust_folders(const struct weir_platform *p, const char *path, const char *installation,
                                 struct weir_error *error)
{
    char *folder = NULL;
    weir_status s = weir_path_resolve(path, &folder, error);
    while (s == WEIR_OK && strcmp(folder, "/") != 0) {
        char *above = weir_path_dirname(folder);
        weir_free(folder);
        folder = above;
        s = trust_folder(p, path, folder, installation, error);
    }
    weir_free(folder);
    return s;
}

weir_status weir_plugin_file_trust(const struct weir_platform *p, const char *path, const char *installation,
                                   struct weir_error *error)
{
    struct weir_file_info info;
    weir_status s = p->info(p->self, path, &info, error);
    if (s != WEIR_OK)
        return weir__refuse(error,
                            "%s: expected a file, found none that can be looked at; check the path and the rights of "
                            "its folders",
                            path);
    if (!info.is_regular)
        return weir__refuse(error, "%s: expected a regular file, found %s; name the file itself", path,
                            info.is_directory ? "a directory" : "a device, pipe or socket");
    if (!owner_is_trusted(p, info.owner, installation))
        return weir__refuse(
            error,
            "%s: expected an owner that is root, you (user %u) or the owner of weir's installation, found user %u, who "
            "could run code as you; `chown` it if you trust it",
            path, weir_process_user(), info.owner);
    if (info.mode & OTHERS_MAY_WRITE)
        return weir__refuse(error,
                            "%s: expected a file that only its owner can write, found mode %03o, which lets %s change it; "
                            "`chmod go-w` it",
                            path, info.mode & 0777, info.mode & EVERYBODY_MAY_WRITE ? "everybody" : "its group");
    return trust_folders(p, path, installation, error);
}

/* ---- the note ---------------------------------------------------------------------------------------------------- */

/* Takes "key=value" up to ';' off the front of *p; the value is the caller's to free. NULL: something else is there. */
static char *take_value(const char **p, const char *key)
{
    size_t n = strlen(key);
    if (strncmp(*p, key, n) != 0 || (*p)[n] != '=') return NULL;
    const char *from = *p + n + 1, *end = from + strcspn(from, ";");
    *p = *end ? end + 1 : end;
    return weir_strndup(from, (size_t)(end - from));
}

static bool parse_version(const char *text, uint16_t *major, uint16_t *minor)
{
    unsigned a = 0, b = 0;
    int end = 0;
    if (strlen(text) > 11 || sscanf(text, "%5u.%5u%n", &a, &b, &end) != 2 || text[end] || a > UINT16_MAX || b > UINT16_MAX)
        return false;
    *major = (uint16_t)a;
    *minor = (uint16_t)b;
    return true;
}

/* "weir;abi=1.0;id=acme.billing;version=1.0.0"; a later minor may add keys behind. */
static weir_status parse_note(const char *note, struct weir_plugin_file *f, struct weir_error *error)
{
    const char *p = note;
    char *abi = NULL;
    if (strncmp(p, "weir;", 5) == 0) {
        p += 5;
        abi = take_value(&p, "abi");
        f->id = take_value(&p, "id");
        f->version = take_value(&p, "version");
    }
    bool good = abi && parse_version(abi, &f->abi_major, &f->abi_minor) && f->version;
    weir_free(abi);
    if (!good)
        return weir__refuse(error,
                            "expected a note such as \"weir;abi=%d.%d;id=acme.billing;version=1.0.0\" in section %s, found "
                            "\"%.80s\"; write it "
                            "with WEIR_PLUGIN",
                            WEIR_ABI_MAJOR, WEIR_ABI_NEWEST, WEIR_NOTE_SECTION, note);
    if (!weir__is_plugin_id(f->id))
        return weir__refuse(
            error,
            "expected a plugin id of the characters a-z 0-9 . _ - in section %s, found \"%.80s\"; change the first argument "
            "of WEIR_PLUGIN",
            WEIR_NOTE_SECTION, f->id);
    return WEIR_OK;
}

static weir_status check_abi(const struct weir_plugin_file *f, struct weir_error *error)
{
    if (f->abi_major != WEIR_ABI_MAJOR)
        return weir__refuse(error,
                            "expected plugin ABI %d, found plugin ABI %u.%u; " REBUILD ", or run it with a weir of ABI %u",
                            WEIR_ABI_MAJOR, f->abi_major, f->abi_minor, f->abi_major);
    if (f->abi_minor > WEIR_ABI_NEWEST)
        return weir__refuse(error,
                            "expected plugin ABI %d.%d or older, found one that needs %u.%u; update weir, or rebuild the "
                            "plugin with a lower "
                            "WEIR_ABI_MINOR",
                            WEIR_ABI_MAJOR, WEIR_ABI_NEWEST, f->abi_major, f->abi_minor);
    return WEIR_OK;
}

static weir_status read_note(const struct weir_elf *e, struct weir_plugin_file *f, struct weir_error *error)
{
    char *note;
    size_t n;
    weir_status s = weir_elf_section(e, WEIR_NOTE_SECTION, &note, &n, error);
    if (s != WEIR_OK) return s;
    if (!note)
        return weir__refuse(error,
                            "expected a weir plugin, found a shared object without the section %s; end its source with "
                            "WEIR_PLUGIN(id, version, "
                            "&component ...)",
                            WEIR_NOTE_SECTION);
    weir__make_printable(note);
    s = parse_note(note, f, error);
    if (s == WEIR_OK) s = check_abi(f, error);
    weir_free(note);
    return s;
}

static weir_status check_entry(const struct weir_elf *e, struct weir_error *error)
{
    bool found;
    char *other;
    weir_status s = weir_elf_exports(e, WEIR_ENTRY_SYMBOL, "weir_plugin_v", &found, &other, error);
    if (s == WEIR_OK && !found)
        s = weir__refuse(error,
                         "expected the exported symbol " WEIR_ENTRY_SYMBOL ", found %s; " REBUILD
                         " and keep the symbol visible (WEIR_PLUGIN "
                         "does), also in a version script",
                         other ? other : "none");
    weir_free(other);
    return s;
}

static weir_status read_build_id(const struct weir_elf *e, struct weir_plugin_file *f, struct weir_error *error)
{
    weir_status s = weir_elf_build_id(e, &f->build_id, error);
    if (s == WEIR_OK && !f->build_id)
        s = weir__refuse(error,
                         "expected a GNU build-id, found none: its manifest could not be told from another's; link it with "
                         "-Wl,--build-id=sha1");
    return s;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static weir_status read_elf(const struct weir_platform *p, struct weir_plugin_file *f, struct weir_error *error)
{
    struct weir_elf elf;
    weir_status s = weir_elf_open(&elf, p, f->path, error);
    if (s != WEIR_OK) return s;
    s = read_note(&elf, f, error);
    if (s == WEIR_OK) s = check_entry(&elf, error);
    if (s == WEIR_OK) s = read_build_id(&elf, f, error);
    weir_elf_close(&elf);
    return s;
}

weir_status weir_plugin_file_check(const struct weir_platform *p, const char *path, const char *installation,
                                   struct weir_plugin_file *f, struct weir_error *error)
{
    *f = (struct weir_plugin_file){0};
    weir_status s = weir_plugin_file_trust(p, path, installation, error);
    if (s != WEIR_OK) return s;
    s = weir_path_resolve(path, &f->path, error);
    if (s != WEIR_OK) return s;
    s = read_elf(p, f, error);
    if (s == WEIR_OK) return WEIR_OK;
    weir_error_prefix(error, "%s: ", f->path);
    weir_plugin_file_finish(f);
    return s;
}

void weir_plugin_file_finish(struct weir_plugin_file *f)
{
    weir_free(f->path);
    weir_free(f->id);
    weir_free(f->version);
    weir_free(f->build_id);
    *f = (struct weir_plugin_file){0};
}
