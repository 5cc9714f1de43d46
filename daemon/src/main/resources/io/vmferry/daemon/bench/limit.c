/*
 * What plain C reaches over the same sockets: the limit that `vmferry bench` compares with.
 *
 *   limit receive HOST BYTES CONNECTIONS cold|warm     reads into a mapping
 *   limit send HOST PORT BYTES CONNECTIONS             writes a mapping of incompressible pages
 *   limit serve HOST BYTES LOAD                        answers page requests
 *   limit ask HOST PORT BYTES SAMPLES LOAD             takes userfaultfd faults and asks for the pages
 *
 * LOAD: idle, nothing beside them; bulk, a transfer; paced, a transfer, and a pause before each touch; busy, a
 * transfer, and threads that compute.
 *
 * A listener prints "port N" first. A process ends when its standard input does. Each process prints one line of JSON at its end. Addresses are
 * IPv4 in dotted form.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* As many as the guest beside has vCPUs. */
enum { BUSY_THREADS = 8 };

/* Between two touches, if paced: a guest that migrates faults some hundred times a second. */
enum { PACE_NANOS = 2000000 };

enum { PAGE = 4096, CALL = 1 << 20, REQUEST = 32, HEADER = 16, MAX_CONNECTIONS = 128 };

static void die(const char *what) {
  fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
  struct rusage u;
  if (getrusage(RUSAGE_SELF, &u) < 0) die("getrusage");
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static char *map_memory(size_t bytes) {
  int fd = memfd_create("limit", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0) die("memfd");
  char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) die("mmap");
  close(fd);
  return at;
}

static void populate(char *at, size_t bytes) {
  if (madvise(at, bytes, MADV_POPULATE_WRITE) < 0) die("MADV_POPULATE_WRITE");
}

/* Incompressible, no two pages alike. */
static void fill(char *memory, size_t bytes) {
  uint64_t *words = (uint64_t *)memory;
  for (size_t page = 0; page < bytes / PAGE; page++) {
    uint64_t x = (page + 1) * 0x9e3779b97f4a7c15ull;
    for (size_t i = 0; i < PAGE / 8; i++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      *words++ = x;
    }
  }
}

static struct sockaddr_in address(const char *host, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
    errno = EINVAL;
    die(host);
  }
  return a;
}

static int listen_at(const char *host) {
  struct sockaddr_in a = address(host, 0);
  socklen_t length = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, MAX_CONNECTIONS) < 0
      || getsockname(fd, (struct sockaddr *)&a, &length) < 0) {
    die("listen");
  }
  printf("port %d\n", ntohs(a.sin_port));
  fflush(stdout);
  return fd;
}

static int accept_one(int listener) {
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) die("accept");
  return fd;
}

static int connect_to(const char *host, int port) {
  struct sockaddr_in a = address(host, port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
  return fd;
}

static void no_delay(int fd) {
  int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) die("TCP_NODELAY");
}

static void write_all(int fd, const char *from, size_t bytes) {
  while (bytes > 0) {
    ssize_t n = write(fd, from, bytes < CALL ? bytes : CALL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) die("write");
    from += n;
    bytes -= (size_t)n;
  }
}

/* 0 if the peer closed before the first byte. */
static int read_all(int fd, char *into, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    size_t left = bytes - done;
    ssize_t n = read(fd, into + done, left < CALL ? left : CALL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) die("read");
    if (n == 0) {
      if (done == 0) return 0;
      errno = EPIPE;
      die("read");
    }
    done += (size_t)n;
  }
  return 1;
}

/* One connection's contiguous share. */
struct share {
  pthread_t thread;
  int fd;
  char *at;
  size_t bytes;
};

static void *receive_share(void *argument) {
  struct share *s = argument;
  if (!read_all(s->fd, s->at, s->bytes)) die("the sender left");
  write_all(s->fd, "k", 1);
  return NULL;
}

static void *send_share(void *argument) {
  struct share *s = argument;
  char ok;
  write_all(s->fd, s->at, s->bytes);
  if (!read_all(s->fd, &ok, 1)) die("the receiver left");
  return NULL;
}

static void cut(struct share *shares, int n, char *memory, size_t bytes) {
  size_t each = bytes / (size_t)n / PAGE * PAGE;
  for (int i = 0; i < n; i++) {
    shares[i].at = memory + each * (size_t)i;
    shares[i].bytes = i == n - 1 ? bytes - each * (size_t)i : each;
  }
}

static void run_all(struct share *shares, int n, void *(*work)(void *)) {
  for (int i = 0; i < n; i++) {
    if (pthread_create(&shares[i].thread, NULL, work, &shares[i]) != 0) die("pthread_create");
  }
  for (int i = 0; i < n; i++) pthread_join(shares[i].thread, NULL);
}

static int receive_memory(const char *host, size_t bytes, int n, int warm) {
  struct share shares[MAX_CONNECTIONS];
  char *memory = map_memory(bytes);
  if (warm) populate(memory, bytes);
  cut(shares, n, memory, bytes);
  int listener = listen_at(host);
  for (int i = 0; i < n; i++) shares[i].fd = accept_one(listener);
  double cpu = cpu_seconds();
  double start = seconds();
  run_all(shares, n, receive_share);
  printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", seconds() - start, cpu_seconds() - cpu);
  return 0;
}

static int send_memory(const char *host, int port, size_t bytes, int n) {
  struct share shares[MAX_CONNECTIONS];
  char *memory = map_memory(bytes);
  fill(memory, bytes);
  cut(shares, n, memory, bytes);
  for (int i = 0; i < n; i++) shares[i].fd = connect_to(host, port);
  double cpu = cpu_seconds();
  double start = seconds();
  run_all(shares, n, send_share);
  printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", seconds() - start, cpu_seconds() - cpu);
  return 0;
}

/* Sends the memory over and over until the receiver leaves. */
static void *send_for_ever(void *argument) {
  struct share *s = argument;
  for (;;) {
    for (size_t done = 0; done < s->bytes; done += CALL) {
      size_t left = s->bytes - done < CALL ? s->bytes - done : CALL;
      for (size_t at = 0; at < left;) {
        ssize_t n = send(s->fd, s->at + done + at, left - at, MSG_NOSIGNAL);
        if (n <= 0) return NULL;
        at += (size_t)n;
      }
    }
  }
}

static int serve_faults(const char *host, size_t bytes, int bulk) {
  char *memory = map_memory(bytes);
  fill(memory, bytes);
  int listener = listen_at(host);
  int fd = accept_one(listener);
  no_delay(fd);
  struct share beside = {.at = memory, .bytes = bytes};
  if (bulk) {
    beside.fd = accept_one(listener);
    if (pthread_create(&beside.thread, NULL, send_for_ever, &beside) != 0) die("pthread_create");
  }
  char request[REQUEST];
  char answer[HEADER + PAGE] = {0};
  while (read_all(fd, request, REQUEST)) {
    uint64_t offset;
    memcpy(&offset, request + 16, 8);
    if (offset % PAGE != 0 || offset >= bytes) {
      errno = EINVAL;
      die("request");
    }
    memcpy(answer + HEADER, memory + offset, PAGE);
    write_all(fd, answer, sizeof answer);
  }
  printf("{}\n");
  return 0;
}

struct handler {
  int uffd;
  int fd;
  char *base;
  double *handled;
  size_t count;
};

/* Reads a fault, asks for its page, installs it; blocking all the way. */
static void *handle_faults(void *argument) {
  struct handler *h = argument;
  static char answer[HEADER + PAGE] __attribute__((aligned(PAGE)));
  static char page[PAGE] __attribute__((aligned(PAGE)));
  for (size_t i = 0; i < h->count; i++) {
    struct uffd_msg message;
    if (read(h->uffd, &message, sizeof message) != sizeof message) die("read(uffd)");
    double start = seconds();
    uint64_t at = message.arg.pagefault.address & ~(uint64_t)(PAGE - 1);
    uint64_t offset = at - (uint64_t)(uintptr_t)h->base;
    char request[REQUEST] = {0};
    memcpy(request + 16, &offset, 8);
    write_all(h->fd, request, REQUEST);
    if (!read_all(h->fd, answer, sizeof answer)) die("the server left");
    memcpy(page, answer + HEADER, PAGE);
    struct uffdio_copy copy = {.dst = at, .src = (uint64_t)(uintptr_t)page, .len = PAGE};
    if (ioctl(h->uffd, UFFDIO_COPY, &copy) < 0 && errno != EEXIST) die("UFFDIO_COPY");
    h->handled[i] = seconds() - start;
  }
  return NULL;
}

static _Atomic size_t bulk_bytes;
static atomic_int bulk_stop;

/* Reads bulk data into memory that is cold again at the start of every pass. */
static void *receive_beside(void *argument) {
  struct share *s = argument;
  while (!atomic_load(&bulk_stop)) {
    if (madvise(s->at, s->bytes, MADV_REMOVE) < 0) die("MADV_REMOVE");
    for (size_t done = 0; done < s->bytes && !atomic_load(&bulk_stop);) {
      size_t left = s->bytes - done;
      ssize_t n = read(s->fd, s->at + done, left < CALL ? left : CALL);
      if (n <= 0) die("read(bulk)");
      done += (size_t)n;
      atomic_fetch_add(&bulk_bytes, (size_t)n);
    }
  }
  return NULL;
}

/* What a vCPU does to its core, as the host's scheduler sees it. */
static void *compute(void *unused) {
  (void)unused;
  while (!atomic_load_explicit(&bulk_stop, memory_order_relaxed)) continue;
  return NULL;
}

static int open_uffd(void) {
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  if (fd < 0) {
    int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
    if (device < 0) die("userfaultfd");
    fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);
    if (fd < 0) die("userfaultfd");
    close(device);
  }
  struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_MISSING_SHMEM};
  if (ioctl(fd, UFFDIO_API, &api) < 0) die("UFFDIO_API");
  return fd;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double percentile(double *sorted, size_t count, double p) {
  size_t i = (size_t)(p * (double)count);
  return sorted[i < count ? i : count - 1] * 1e6;
}

static int ask_for_pages(
    const char *host, int port, size_t bytes, size_t samples, const char *load) {
  int bulk = strcmp(load, "idle") != 0;
  int busy_threads = strcmp(load, "busy") == 0 ? BUSY_THREADS : 0;
  struct timespec pause = {.tv_nsec = strcmp(load, "paced") == 0 ? PACE_NANOS : 0};
  size_t pages = bytes / PAGE;
  if (samples > pages) samples = pages;
  char *memory = map_memory(bytes);
  struct handler h = {.uffd = open_uffd(), .fd = connect_to(host, port), .base = memory};
  no_delay(h.fd);
  struct uffdio_register region = {
      .range = {.start = (uint64_t)(uintptr_t)memory, .len = bytes},
      .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (ioctl(h.uffd, UFFDIO_REGISTER, &region) < 0) die("UFFDIO_REGISTER");
  double *touched = calloc(samples, sizeof *touched);
  h.handled = calloc(samples, sizeof *h.handled);
  h.count = samples;
  struct share beside = {.bytes = bytes};
  if (bulk) {
    beside.fd = connect_to(host, port);
    beside.at = map_memory(bytes);
    if (pthread_create(&beside.thread, NULL, receive_beside, &beside) != 0) die("pthread_create");
  }
  for (int i = 0; i < busy_threads; i++) {
    pthread_t busy;
    if (pthread_create(&busy, NULL, compute, NULL) != 0) die("pthread_create");
    pthread_detach(busy);
  }
  pthread_t thread;
  if (pthread_create(&thread, NULL, handle_faults, &h) != 0) die("pthread_create");
  double start = seconds();
  volatile char sink = 0;
  /* A stride prime to any power of two visits each page once, in no order the kernel foresees. */
  for (size_t i = 0, page = 0; i < samples; i++, page = (page + 7919) % pages) {
    if (pause.tv_nsec > 0) nanosleep(&pause, NULL);
    double before = seconds();
    sink += memory[page * PAGE];
    touched[i] = seconds() - before;
  }
  (void)sink;
  pthread_join(thread, NULL);
  double elapsed = seconds() - start;
  size_t moved = atomic_load(&bulk_bytes);
  if (bulk) {
    atomic_store(&bulk_stop, 1);
    pthread_join(beside.thread, NULL);
    close(beside.fd);
  }
  close(h.fd);
  qsort(touched, samples, sizeof *touched, ascending);
  qsort(h.handled, samples, sizeof *h.handled, ascending);
  printf(
      "{\"touch_p50_us\": %.1f, \"touch_p99_us\": %.1f, \"handled_p50_us\": %.1f, "
      "\"handled_p99_us\": %.1f, \"bulk_bytes_per_second\": %.0f}\n",
      percentile(touched, samples, 0.5), percentile(touched, samples, 0.99),
      percentile(h.handled, samples, 0.5), percentile(h.handled, samples, 0.99),
      (double)moved / elapsed);
  return 0;
}

/* Whoever started this process is gone. */
static void *end_with_stdin(void *unused) {
  char ignored;
  (void)unused;
  while (read(STDIN_FILENO, &ignored, 1) > 0) continue;
  _exit(3);
}

static size_t number(const char *text) {
  char *end;
  errno = 0;
  unsigned long long n = strtoull(text, &end, 10);
  if (errno != 0 || *end != 0 || n == 0) {
    errno = EINVAL;
    die(text);
  }
  return (size_t)n;
}

static int connections(const char *text) {
  size_t n = number(text);
  if (n > MAX_CONNECTIONS) {
    errno = EINVAL;
    die(text);
  }
  return (int)n;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  pthread_t watch;
  if (pthread_create(&watch, NULL, end_with_stdin, NULL) != 0) die("pthread_create");
  if (strcmp(what, "receive") == 0 && argc == 6) {
    int n = connections(argv[4]);
    return receive_memory(argv[2], number(argv[3]), n, strcmp(argv[5], "warm") == 0);
  }
  if (strcmp(what, "send") == 0 && argc == 6) {
    int n = connections(argv[5]);
    return send_memory(argv[2], (int)number(argv[3]), number(argv[4]), n);
  }
  if (strcmp(what, "serve") == 0 && argc == 5) {
    return serve_faults(argv[2], number(argv[3]), strcmp(argv[4], "idle") != 0);
  }
  if (strcmp(what, "ask") == 0 && argc == 7) {
    return ask_for_pages(argv[2], (int)number(argv[3]), number(argv[4]), number(argv[5]), argv[6]);
  }
  fprintf(stderr, "limit: see the head of limit.c\n");
  return 2;
}
