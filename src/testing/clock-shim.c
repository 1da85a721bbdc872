/*
 * Moves the wall clock of one process. Preloaded (LD_PRELOAD) into redis-server by `redis-with-clock.ts` and `test-redis.ts`.
 *
 * CLOCK_SHIM_FILE names a file of 8 bytes: by how many ms the wall clock is ahead (behind, if negative), a signed
 * integer in the machine's byte order. It is mapped, so that a change counts from the next look at the clock on.
 * The monotonic clock stays right, as it does when somebody sets the clock of a machine.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000L
#define NS_PER_SECOND 1000000000L

static const volatile int64_t *offset_ms;

__attribute__((constructor)) static void map_offset(void) {
  const char *path = getenv("CLOCK_SHIM_FILE");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset_ms, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    fputs("clock-shim: CLOCK_SHIM_FILE must name a file of 8 bytes\n", stderr);
    _exit(1);
  }
  close(file);
  offset_ms = mapped;
}

/* The system call and not the next clock_gettime: it is there from the first instruction on, before any constructor. */
static int right_clock(clockid_t clock, struct timespec *now) {
  return (int)syscall(SYS_clock_gettime, clock, now);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = right_clock(clock, now);
  if (result != 0 || offset_ms == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) {
    return result;
  }
  int64_t ahead_ms = *offset_ms;
  now->tv_sec += (time_t)(ahead_ms / 1000);
  now->tv_nsec += (long)(ahead_ms % 1000) * NS_PER_MS;
  if (now->tv_nsec >= NS_PER_SECOND) {
    now->tv_sec += 1;
    now->tv_nsec -= NS_PER_SECOND;
  } else if (now->tv_nsec < 0) {
    now->tv_sec -= 1;
    now->tv_nsec += NS_PER_SECOND;
  }
  return 0;
}

int gettimeofday(struct timeval *now, void *zone) {
  (void)zone; /* obsolete: Linux has no time zone of its own */
  struct timespec precise;
  int result = clock_gettime(CLOCK_REALTIME, &precise);
  if (result == 0) {
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
  }
  return result;
}

time_t time(time_t *now) {
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0) {
    return (time_t)-1;
  }
  if (now != NULL) {
    *now = precise.tv_sec;
  }
  return precise.tv_sec;
}
