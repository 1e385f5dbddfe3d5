/* Gives a program a GPIO chip that its kernel has not:
 *
 *     LD_PRELOAD=preload.so GPIO_RIG=SOCKET program
 *
 * Opening /dev/gpiochip0 and every ioctl on it go to SOCKET, where chip.py answers in the kernel's
 * place. The chip is seen in a listing of /dev, and access(2) tells what opening would. A line that
 * was requested is a real descriptor: its events arrive on it, and closing it, or dying, lets the
 * line go. /proc/device-tree/system/linux,revision names a Raspberry Pi 4 B.
 *
 * No exec, no dup of these descriptors, and no more than DESCRIPTORS of them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DESCRIPTORS 4096
static const char CHIP[] = "/dev/gpiochip0";
static const char REVISION[] = "/proc/device-tree/system/linux,revision";
static const unsigned char PI_4B[] = {0x00, 0xc0, 0x31, 0x15};

/* As in chip.py. OPEN asks whether the chip is there and may be used; any other command is that of
 * an ioctl, with its argument as the kernel knows it. */
#define OPEN 0u
struct message {
    uint32_t command;
    int32_t number; /* to chip.py: which line request, -1 for the chip; from it: an errno, or 0 */
    union {
        struct gpiochip_info chip;
        struct gpio_v2_line_info line;
        struct gpio_v2_line_request request;
        struct gpio_v2_line_config config;
        struct gpio_v2_line_values values;
    } argument;
};

/* What a descriptor is: nothing of ours, the chip, or FIRST_LINE + the number of a request. */
enum { NOT_OURS, THE_CHIP, FIRST_LINE };
static int kind[DESCRIPTORS];
static int to_rig = -1;
static pid_t connected_by;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static DIR *listing; /* of /dev, in which the chip is still to be shown */

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int real_close(int fd)
{
    REAL(close);
    return real(fd);
}

static int failed(int error)
{
    errno = error;
    return -1;
}

static int connect_to_rig(void)
{
    const char *path = getenv("GPIO_RIG");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (to_rig >= 0 && connected_by == getpid())
        return 0;
    if (!path || strlen(path) >= sizeof address.sun_path)
        return failed(ENOENT);
    strcpy(address.sun_path, path);
    if (to_rig >= 0)
        real_close(to_rig); /* a child's copy of its parent's */
    to_rig = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    connected_by = getpid();
    if (to_rig < 0)
        return -1;
    if (connect(to_rig, (struct sockaddr *)&address, sizeof address) < 0) {
        real_close(to_rig);
        to_rig = -1;
        return failed(ENOENT);
    }
    return 0;
}

/* Sends a message and replaces it by the answer; *fd is the descriptor that came along, or -1. */
static int ask(struct message *message, int *fd)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {message, sizeof *message};
    struct msghdr answer = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int result = -1;
    *fd = -1;
    pthread_mutex_lock(&lock);
    if (connect_to_rig() == 0) {
        if (send(to_rig, message, sizeof *message, MSG_NOSIGNAL) != sizeof *message ||
            recvmsg(to_rig, &answer, MSG_CMSG_CLOEXEC) != sizeof *message) {
            errno = ENODEV; /* the test ended before the program */
        } else {
            struct cmsghdr *header = CMSG_FIRSTHDR(&answer);
            if (header && header->cmsg_type == SCM_RIGHTS)
                memcpy(fd, CMSG_DATA(header), sizeof *fd);
            errno = message->number;
            result = message->number ? -1 : 0;
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static int is_usable(void)
{
    struct message message = {.command = OPEN, .number = -1};
    int fd;
    return ask(&message, &fd);
}

static int open_revision(void)
{
    int fd = memfd_create("revision", MFD_CLOEXEC);
    if (fd >= 0 && (write(fd, PI_4B, sizeof PI_4B) != sizeof PI_4B || lseek(fd, 0, SEEK_SET) < 0))
        abort();
    return fd;
}

static int open_chip(void)
{
    int fd;
    if (is_usable() < 0)
        return -1;
    fd = memfd_create("gpiochip0", MFD_CLOEXEC);
    if (fd >= DESCRIPTORS) {
        real_close(fd);
        return failed(EMFILE);
    }
    if (fd >= 0)
        kind[fd] = THE_CHIP;
    return fd;
}

static int is_ours(const char *path) { return !strcmp(path, CHIP) || !strcmp(path, REVISION); }

static int open_ours(const char *path) { return strcmp(path, CHIP) ? open_revision() : open_chip(); }

/* The mode is there only when a file may be made; reading it anyway does no harm here. */
#define MODE(last) \
    va_list rest; \
    va_start(rest, last); \
    int mode = va_arg(rest, int); \
    va_end(rest)
#define OPEN_LIKE(name) \
    int name(const char *path, int flags, ...) \
    { \
        MODE(flags); \
        REAL(name); \
        return is_ours(path) ? open_ours(path) : real(path, flags, mode); \
    }
#define OPENAT_LIKE(name) \
    int name(int folder, const char *path, int flags, ...) \
    { \
        MODE(flags); \
        REAL(name); \
        return is_ours(path) ? open_ours(path) : real(folder, path, flags, mode); \
    }
OPEN_LIKE(open)
OPEN_LIKE(open64)
OPENAT_LIKE(openat)
OPENAT_LIKE(openat64)

int access(const char *path, int mode)
{
    REAL(access);
    if (strcmp(path, CHIP))
        return real(path, mode);
    if (is_usable() == 0 || (mode == F_OK && errno == EACCES))
        return 0;
    return -1;
}

DIR *opendir(const char *path)
{
    REAL(opendir);
    DIR *opened = real(path);
    if (opened && (!strcmp(path, "/dev") || !strcmp(path, "/dev/")))
        listing = access(CHIP, F_OK) == 0 ? opened : NULL;
    return opened;
}

#define READDIR_LIKE(name, type) \
    struct type *name(DIR *folder) \
    { \
        REAL(name); \
        static struct type chip = {.d_type = DT_CHR, .d_name = "gpiochip0"}; \
        struct type *entry = real(folder); \
        if (entry || folder != listing) \
            return entry; \
        listing = NULL; \
        return &chip; \
    }
READDIR_LIKE(readdir, dirent)
READDIR_LIKE(readdir64, dirent64)

int ioctl(int fd, unsigned long command, ...)
{
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    REAL(ioctl);
    if (fd < 0 || fd >= DESCRIPTORS || kind[fd] == NOT_OURS)
        return real(fd, command, argument);
    size_t size = _IOC_SIZE(command);
    struct message message = {.command = (uint32_t)command, .number = kind[fd] - FIRST_LINE};
    int line;
    if (size > sizeof message.argument)
        return failed(ENOTTY);
    memcpy(&message.argument, argument, size);
    if (ask(&message, &line) < 0)
        return -1;
    if (line >= DESCRIPTORS) {
        real_close(line);
        return failed(EMFILE);
    }
    if (line >= 0) { /* chip.py put the number of the request where the kernel puts the descriptor */
        kind[line] = FIRST_LINE + message.argument.request.fd;
        message.argument.request.fd = line;
    }
    memcpy(argument, &message.argument, size);
    return 0;
}

int close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS)
        kind[fd] = NOT_OURS;
    return real_close(fd);
}
