// What Glibc's Swift module lacks of the C library and the kernel.
//
// It includes as little as it can: what a header declares belongs to the module that read it first.
#pragma once

#include <sys/eventfd.h>

// The symbolic name of an errno ("EIO"), or NULL for a number that has none.
// Corresponds to strerrorname_np(3), which only _GNU_SOURCE shows.
const char *ferry_errno_name(int number);

// POLLRDHUP of poll(2), which only _GNU_SOURCE shows.
extern const short ferry_pollrdhup;

// accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK, which only _GNU_SOURCE shows.
int ferry_accept(int listener);

// pthread_cond_clockwait(3) on CLOCK_MONOTONIC, which only _GNU_SOURCE shows: waits for a
// pthread_cond_t with a pthread_mutex_t until a struct timespec.
int ferry_cond_wait_until(void *condition, void *mutex, const void *moment);

// Names the calling thread. Corresponds to pthread_setname_np(3), which only _GNU_SOURCE shows.
int ferry_name_this_thread(const char *name);
