/*
 * mtty_big's parameters, writable while it runs: /sys/module/mtty_big/parameters. They hold for all
 * of its devices. The counters of faults disarm themselves: they are 0 again after the fault.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#define BIG_PARAMETER(name, initial, text)                                \
	static unsigned int big_##name = initial;                         \
	module_param_named(name, big_##name, uint, 0644);                 \
	MODULE_PARM_DESC(name, text)

BIG_PARAMETER(image_kb, 64, "state of a device beyond its UARTs, from its next reset on");
BIG_PARAMETER(seed, 1, "what that state is made from, from the next reset on");
BIG_PARAMETER(dirty_mb_s, 0, "how fast a running device overwrites it, in MiB/s");
BIG_PARAMETER(enomsg, 1, "1: a temporary end is ENOMSG; 0: it is a read of 0 bytes");
BIG_PARAMETER(poll, 0, "1: the data fd of a new session has poll; 0: it is always ready");
BIG_PARAMETER(arc_ms, 0, "how long every arc takes");
BIG_PARAMETER(reinit_after_ms, 0, "so long after a session began it has new initial data, once");
BIG_PARAMETER(busy, 0, "the n-th arc to STOP_COPY from now is EBUSY");
BIG_PARAMETER(refuse, 0, "the n-th commit of an image from now is EINVAL");
BIG_PARAMETER(error_on_read, 0, "the n-th read of data from now is EIO and leads to ERROR");
BIG_PARAMETER(error_on_write, 0, "the n-th write of data from now is EIO and leads to ERROR");
BIG_PARAMETER(error_after_ms, 0, "so long after a saving session began its device is in ERROR");
BIG_PARAMETER(close_resets, 0, "1: the last close resets a device, as that of a PCI function does");

/* Counts an armed fault down; whether it is its turn. */
static bool big_is_due(unsigned int *count)
{
	return *count && --*count == 0;
}
