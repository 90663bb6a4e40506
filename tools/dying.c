/* Ends the process before its n-th change of the file system below a folder, as SIGKILL would.

   gcc -shared -fPIC -o dying.so dying.c -ldl
   LD_PRELOAD=./dying.so DIE_BELOW=/folder DIE_AT=17 DIE_COUNT=/where/to/write/the/number program

   Counted are the calls of the C library by which a file or a folder is changed or made durable. With DIE_AT beyond
   their number the program runs to its end, and the number stands in DIE_COUNT. The variables may be set while the
   program runs: nothing is counted before DIE_BELOW is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static long calls;

long dying_calls(void) { return calls; }

static int below(const char *path) {
    const char *root = getenv("DIE_BELOW");
    return root && path && strncmp(path, root, strlen(root)) == 0;
}

static int open_below(int fd) {
    char link[64], path[PATH_MAX];
    if (!getenv("DIE_BELOW")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* A relative path is one below the folder that the descriptor names, or below the current one. */
static int below_at(int at, const char *path) {
    if (path && path[0] == '/') return below(path);
    if (at != AT_FDCWD) return open_below(at);
    char here[PATH_MAX];
    return getcwd(here, sizeof here) != NULL && below(here);
}

static void step(void) {
    const char *at = getenv("DIE_AT");
    if (at && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == atol(at)) _exit(137);
}

__attribute__((destructor)) static void tell(void) {
    const char *where = getenv("DIE_COUNT");
    FILE *file = where ? fopen(where, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", calls);
        fclose(file);
    }
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define ON_FILE(result, name, fd, parameters, arguments) \
    result name parameters {                             \
        if (open_below(fd)) step();                      \
        return NEXT(name) arguments;                     \
    }

ON_FILE(ssize_t, write, fd, (int fd, const void *data, size_t size), (fd, data, size))
ON_FILE(ssize_t, pwrite, fd, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
ON_FILE(ssize_t, pwrite64, fd, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
ON_FILE(ssize_t, writev, fd, (int fd, const struct iovec *parts, int count), (fd, parts, count))
ON_FILE(ssize_t, pwritev, fd, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))
ON_FILE(ssize_t, pwritev64, fd, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at))
ON_FILE(size_t, fwrite, fileno(file), (const void *data, size_t size, size_t count, FILE *file),
        (data, size, count, file))
ON_FILE(ssize_t, sendfile, out, (int out, int in, off_t *at, size_t size), (out, in, at, size))
ON_FILE(ssize_t, sendfile64, out, (int out, int in, off64_t *at, size_t size), (out, in, at, size))
ON_FILE(ssize_t, copy_file_range, out, (int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags),
        (in, from, out, to, size, flags))
ON_FILE(int, fsync, fd, (int fd), (fd))
ON_FILE(int, fdatasync, fd, (int fd), (fd))
ON_FILE(int, syncfs, fd, (int fd), (fd))
ON_FILE(int, ftruncate, fd, (int fd, off_t size), (fd, size))
ON_FILE(int, ftruncate64, fd, (int fd, off64_t size), (fd, size))
ON_FILE(int, fallocate, fd, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
ON_FILE(int, fallocate64, fd, (int fd, int mode, off64_t at, off64_t size), (fd, mode, at, size))

#define ON_NAME(name, at, path, parameters, arguments) \
    int name parameters {                              \
        if (below_at(at, path)) step();                \
        return NEXT(name) arguments;                   \
    }

ON_NAME(rename, AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_NAME(renameat, to_at, to, (int at, const char *from, int to_at, const char *to), (at, from, to_at, to))
ON_NAME(renameat2, to_at, to, (int at, const char *from, int to_at, const char *to, unsigned flags),
        (at, from, to_at, to, flags))
ON_NAME(link, AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_NAME(linkat, to_at, to, (int at, const char *from, int to_at, const char *to, int flags),
        (at, from, to_at, to, flags))
ON_NAME(symlink, AT_FDCWD, path, (const char *content, const char *path), (content, path))
ON_NAME(symlinkat, at, path, (const char *content, int at, const char *path), (content, at, path))
ON_NAME(mkdir, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
ON_NAME(mkdirat, at, path, (int at, const char *path, mode_t mode), (at, path, mode))
ON_NAME(rmdir, AT_FDCWD, path, (const char *path), (path))
ON_NAME(unlink, AT_FDCWD, path, (const char *path), (path))
ON_NAME(unlinkat, at, path, (int at, const char *path, int flags), (at, path, flags))

#define OPENS(name, at, parameters, arguments)                         \
    int name parameters {                                              \
        mode_t mode = 0;                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                           \
            va_list more;                                              \
            va_start(more, flags);                                     \
            mode = va_arg(more, mode_t);                               \
            va_end(more);                                              \
        }                                                              \
        if (flags & (O_CREAT | O_TRUNC) && below_at(at, path)) step(); \
        return NEXT(name) arguments;                                   \
    }

OPENS(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENS(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENS(openat, at, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPENS(openat64, at, (int at, const char *path, int flags, ...), (at, path, flags, mode))

#define OPENS_STREAM(name)                                        \
    FILE *name(const char *path, const char *mode) {              \
        if (mode[0] != 'r' && below_at(AT_FDCWD, path)) step();   \
        return NEXT(name)(path, mode);                            \
    }

OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)
