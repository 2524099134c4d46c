/* Notes what a process writes, and what of it is synced.
 *
 * Loaded with LD_PRELOAD. In: calls that change or sync files below $WELKOM_JOURNAL_UNDER.
 * Out: $WELKOM_JOURNAL, one record a call, from which a test rebuilds the folder as a disk would
 * have it that lost everything that was not synced.
 * Promises: a write is noted after it happened, a sync once before it begins and once after it
 * succeeded; so what the journal calls synced was written before that sync began.
 * The journal is written with one writev to a file opened with O_APPEND: records of several
 * threads do not mix, and what was noted survives a kill -9 of the process.
 * $WELKOM_JOURNAL_SYNC_MS makes every sync of a file take that long: a slow disk, on which
 * "acknowledged before it was durable" is not hidden by luck.
 * $WELKOM_JOURNAL_SYNC_FAILS=n makes every n-th sync fail with EIO, and not happen.
 * Invariant: no file elsewhere is touched, slowed or noted.
 *
 * A record, all numbers in the machine's own order (the test runs on the same machine):
 *    0  1  operation: a letter, see below
 *    1  7  zeros
 *    8  8  which open file: a number that is never used again; 0 where a path says it
 *   16  8  offset: of a write; the new length of a truncation; 1 for an open that truncated
 *   24  8  how many bytes follow
 *   32  …  O open: path        W write: data          T truncate: nothing
 *          S sync begins       E sync succeeded       R rename: old path, zero, new path
 *          U unlink: path      D remove folder: path  M make folder: path
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 65536

static const char *under;
static size_t under_len;
static int journal = -1;
static long sync_ms, sync_fails, syncs;
static uint64_t open_number[FDS_MAX]; /* by descriptor; 0: not below the folder */
static uint64_t next_number = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t numbers = PTHREAD_MUTEX_INITIALIZER;

/* The real function of that name. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void begin(void) {
    const char *path = getenv("WELKOM_JOURNAL"), *ms = getenv("WELKOM_JOURNAL_SYNC_MS");
    const char *fails = getenv("WELKOM_JOURNAL_SYNC_FAILS");
    under = getenv("WELKOM_JOURNAL_UNDER");
    under_len = under ? strlen(under) : 0;
    sync_ms = ms ? atol(ms) : 0;
    sync_fails = fails ? atol(fails) : 0;
    if (under && path)
        journal = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_under(const char *path) {
    pthread_once(&once, begin);
    return journal >= 0 && path && strncmp(path, under, under_len) == 0 &&
           (path[under_len] == '/' || path[under_len] == 0);
}

static uint64_t number_of(int fd) {
    return fd >= 0 && fd < FDS_MAX ? __atomic_load_n(&open_number[fd], __ATOMIC_ACQUIRE) : 0;
}

/* A journal that cannot be written proves nothing: then the process must not go on. */
static void note(char op, uint64_t file, uint64_t offset, const void *bytes, size_t len,
                 const void *more, size_t more_len) {
    struct {
        char op, zeros[7];
        uint64_t file, offset, len;
    } head = {op, {0}, file, offset, len + more_len};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)bytes, len}, {(void *)more, more_len}};
    int saved = errno;
    if (REAL(writev)(journal, parts, 3) != (ssize_t)(sizeof head + len + more_len))
        abort();
    errno = saved;
}

static int opened(int fd, const char *path, int flags) {
    if (fd >= 0 && fd < FDS_MAX && is_under(path)) {
        pthread_mutex_lock(&numbers);
        uint64_t number = next_number++;
        pthread_mutex_unlock(&numbers);
        __atomic_store_n(&open_number[fd], number, __ATOMIC_RELEASE);
        note('O', number, (flags & O_TRUNC) != 0, path, strlen(path), "", 0);
    }
    return fd;
}

/* The third argument is there if a file may be made. */
#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;                    \
        va_end(list);                                                                              \
        return opened(REAL(name)(path, flags, mode), path, flags);                                 \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (number_of(fd))
        __atomic_store_n(&open_number[fd], 0, __ATOMIC_RELEASE);
    return REAL(close)(fd);
}

/* After a write the file's own offset stands behind what was written, with O_APPEND too. */
static ssize_t written(int fd, ssize_t done, const void *bytes) {
    uint64_t number = number_of(fd);
    if (number && done > 0)
        note('W', number, (uint64_t)lseek(fd, 0, SEEK_CUR) - (uint64_t)done, bytes, (size_t)done,
             "", 0);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t len) {
    return written(fd, REAL(write)(fd, bytes, len), bytes);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    /* Part by part is what a partial writev looks like too; callers go on with the rest. */
    if (!number_of(fd) || count == 0)
        return REAL(writev)(fd, parts, count);
    return write(fd, parts[0].iov_base, parts[0].iov_len);
}

#define PWRITE(name, type)                                                                         \
    ssize_t name(int fd, const void *bytes, size_t len, type offset) {                             \
        ssize_t done = REAL(name)(fd, bytes, len, offset);                                         \
        if (number_of(fd) && done > 0)                                                             \
            note('W', number_of(fd), (uint64_t)offset, bytes, (size_t)done, "", 0);                \
        return done;                                                                               \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, type)                                                                       \
    int name(int fd, type len) {                                                                   \
        int done = REAL(name)(fd, len);                                                            \
        if (number_of(fd) && done == 0)                                                            \
            note('T', number_of(fd), (uint64_t)len, "", 0, "", 0);                                 \
        return done;                                                                               \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                                                 \
    int name(int fd) {                                                                             \
        uint64_t number = number_of(fd);                                                           \
        if (!number)                                                                               \
            return REAL(name)(fd);                                                                 \
        note('S', number, 0, "", 0, "", 0);                                                        \
        if (sync_fails > 0 && __atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED) % sync_fails == 0) { \
            errno = EIO;                                                                           \
            return -1;                                                                             \
        }                                                                                          \
        if (sync_ms > 0)                                                                           \
            nanosleep(&(struct timespec){sync_ms / 1000, sync_ms % 1000 * 1000000}, 0);            \
        int done = REAL(name)(fd);                                                                 \
        if (done == 0)                                                                             \
            note('E', number, 0, "", 0, "", 0);                                                    \
        return done;                                                                               \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *to) {
    int done = REAL(rename)(from, to);
    if (done == 0 && is_under(from))
        note('R', 0, 0, from, strlen(from) + 1, to, strlen(to));
    return done;
}

#define PATH(name, letter)                                                                         \
    int name(const char *path) {                                                                   \
        int done = REAL(name)(path);                                                               \
        if (done == 0 && is_under(path))                                                           \
            note(letter, 0, 0, path, strlen(path), "", 0);                                         \
        return done;                                                                               \
    }
PATH(unlink, 'U')
PATH(rmdir, 'D')

int mkdir(const char *path, mode_t mode) {
    int done = REAL(mkdir)(path, mode);
    if (done == 0 && is_under(path))
        note('M', 0, 0, path, strlen(path), "", 0);
    return done;
}
