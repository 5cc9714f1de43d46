/*
 * Keeps free memory at hand, for `vmferry bench`.
 *
 *   keep FLOOR AHEAD [MOST]     bytes
 *
 * On a virtual machine, memory that is free for two seconds may go back to the hypervisor, in blocks of 2 MiB and more, and to touch it again is dear
 * then. This process takes such blocks, all but FLOOR, at most MOST bytes, and gives them back bit by bit while others need them: whenever less than
 * FLOOR + AHEAD is free in such blocks. What was freed last is what the kernel hands out first, so others get pages which the host has not taken away.
 * They are still the kernel's to zero.
 *
 * What it holds counts as available memory (MemAvailable): it is marked with MADV_FREE, so that the kernel may take it should memory become short,
 * and nobody is refused memory for it.
 *
 * Every "take" on its standard input takes what has become free again, and is answered by "kept N huge M", in MiB. It ends when its standard input
 * does, and is the first to be killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* LOOK_MS: 3 GiB/s fill 6 MiB meanwhile. SETTLED: looks without anything to take, 200 ms. */
enum { PAGE = 4096, HUGE_PAGE = 2 << 20, BLOCK = 64 << 20, LOOK_MS = 2, SETTLED = 100 };

static char *base;
static char *held; /* one for each block */
static size_t blocks;
static size_t kept;

static void die(const char *what) {
  fprintf(stderr, "keep: %s: %s\n", what, strerror(errno));
  exit(1);
}

static size_t number(const char *text) {
  char *end;
  errno = 0;
  unsigned long long n = strtoull(text, &end, 10);
  if (errno != 0 || *end != 0 || *text == 0) {
    errno = EINVAL;
    die(text);
  }
  return (size_t)n;
}

/* Bytes that are free in blocks of a huge page or more, by /proc/buddyinfo: "Node 0, zone Normal", then how many of 1 page, 2, 4, ... */
static size_t free_bytes(void) {
  static int fd = -1;
  static char text[1 << 14];
  if (fd < 0) fd = open("/proc/buddyinfo", O_RDONLY | O_CLOEXEC);
  ssize_t n = pread(fd, text, sizeof text - 1, 0);
  if (n <= 0) die("/proc/buddyinfo");
  text[n] = 0;
  size_t bytes = 0;
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    char *at = strstr(line, "zone");
    if (at == NULL) continue;
    at += strlen("zone");
    at += strspn(at, " ");
    at += strcspn(at, " ");
    for (size_t block = PAGE; *at != 0; block *= 2) {
      char *end;
      size_t count = strtoull(at, &end, 10);
      if (end == at) break;
      if (block >= HUGE_PAGE) bytes += count * block;
      at = end;
    }
  }
  return bytes;
}

/* The kernel's out-of-memory killer shall choose this process. */
static void volunteer(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "1000", 4) != 4) die("oom_score_adj");
  close(fd);
}

static void reserve(size_t most) {
  struct sysinfo s;
  if (sysinfo(&s) < 0) die("sysinfo");
  size_t total = (size_t)s.totalram * s.mem_unit;
  blocks = (most < total ? most : total) / BLOCK;
  size_t bytes = blocks * BLOCK + HUGE_PAGE;
  char *at = mmap(
      NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) die("mmap");
  base = (char *)(((uintptr_t)at + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
  if (madvise(base, blocks * BLOCK, MADV_HUGEPAGE) < 0 && errno != EINVAL) die("MADV_HUGEPAGE");
  held = calloc(blocks + 1, 1);
  if (held == NULL) die("calloc");
}

/* Looks for a block that is or is not held, the lowest first: the first ones taken come from the zone that others are served from first. */
static size_t lowest(int wanted) {
  size_t i = 0;
  while (i < blocks && held[i] != wanted) i++;
  return i;
}

static int take_block(void) {
  size_t i = lowest(0);
  if (i == blocks) return 0;
  if (madvise(base + i * BLOCK, BLOCK, MADV_POPULATE_WRITE) < 0) {
    if (errno != EAGAIN && errno != ENOMEM) die("MADV_POPULATE_WRITE");
    madvise(base + i * BLOCK, BLOCK, MADV_DONTNEED);
    return 0;
  }
  if (madvise(base + i * BLOCK, BLOCK, MADV_FREE) < 0) die("MADV_FREE");
  held[i] = 1;
  kept++;
  return 1;
}

static int give_block(void) {
  size_t i = lowest(1);
  if (i == blocks) return 0;
  if (madvise(base + i * BLOCK, BLOCK, MADV_DONTNEED) < 0) die("MADV_DONTNEED");
  held[i] = 0;
  kept--;
  return 1;
}

/* How much of it are huge pages, in kB, by /proc/self/smaps_rollup. */
static size_t huge_kb(void) {
  char line[256];
  size_t kb = 0;
  FILE *file = fopen("/proc/self/smaps_rollup", "re");
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "AnonHugePages: %zu", &kb) == 1) break;
  }
  fclose(file);
  return kb;
}

/* Ends the process with its standard input. Whether a command came. */
static int command(int wait_ms) {
  char text[64];
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  int ready = poll(&input, 1, wait_ms);
  if (ready < 0 && errno != EINTR) die("poll");
  if (ready <= 0) return 0;
  ssize_t n = read(STDIN_FILENO, text, sizeof text);
  if (n < 0) die("read");
  if (n == 0) exit(0);
  return 1;
}

/* What others free comes in pieces and late: done when nothing came for a while. */
static void take(size_t floor) {
  for (int quiet = 0; quiet < SETTLED;) {
    if (free_bytes() >= floor + BLOCK && take_block()) {
      quiet = 0;
      command(0);
    } else {
      quiet++;
      command(LOOK_MS);
    }
  }
  printf("kept %zu huge %zu\n", kept * (BLOCK >> 20), huge_kb() >> 10);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "keep: see the head of keep.c\n");
    return 2;
  }
  size_t floor = number(argv[1]);
  size_t ahead = number(argv[2]);
  volunteer();
  reserve(argc == 4 ? number(argv[3]) : SIZE_MAX);
  for (;;) {
    if (command(LOOK_MS)) take(floor);
    while (kept > 0 && free_bytes() < floor + ahead && give_block()) continue;
  }
}
