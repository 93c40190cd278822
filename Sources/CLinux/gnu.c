#define _GNU_SOURCE
#include "CLinux.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

const char *ferry_errno_name(int number) { return strerrorname_np(number); }

const short ferry_pollrdhup = POLLRDHUP;

int ferry_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int ferry_cond_wait_until(void *condition, void *mutex, const void *moment) {
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, moment);
}

int ferry_name_this_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }
