"""What the self-test runs in the guest, and what must come of it."""

import os
import signal
from dataclasses import dataclass

TIMED_OUT, LAB_FAILED, INTERRUPTED = 124, 125, 130
LINES = 20_000


@dataclass(frozen=True)
class Case:
    """A script for the guest and what must come of it."""

    name: str
    script: str
    status: int
    output: str | None = None
    complaint: str = ""
    options: tuple[str, ...] = ()


CASES = [
    Case("success arrives, and nothing but the output", "echo hello", 0, output="hello\n"),
    Case("failure arrives", "exit 7", 7),
    Case("death by a signal arrives", "kill -TERM $$", 128 + signal.SIGTERM),
    Case("a command that is not there", "exec /no/such/command", 127),
    Case("error output comes too", "echo wrong >&2", 0, output="wrong\n"),
    Case("carriage returns are left out", r"printf 'a\rb\r\n'", 0, output="ab\n"),
    Case(
        "the end of a long output is not lost",
        f"seq {LINES}",
        0,
        output="".join(f"{number}\n" for number in range(1, LINES + 1)),
    ),
    Case(
        "the variables and the caller's folder",
        'cd . && printf "%s,%s,%s,%s,%s" "$GIVEN" "$HOME" "$LANG" "$PWD" "$SECRET"',
        0,
        output=f"it's \\ so,/tmp,C.UTF-8,{os.getcwd()},",
        options=("--env", "GIVEN=it's \\ so"),
    ),
    Case("the host's files are safe", "! touch /etc/ferry-lab && ! touch ./ferry-lab", 0),
    Case("scratch space", "touch /tmp/a /run/a /var/tmp/a /dev/shm/a", 0),
    Case(
        "an imitated report changes nothing",
        "for port in /dev/ttyS0 /dev/ttyS1 /dev/stdout; do echo '0 0' >$port; done; exit 5",
        5,
    ),
    Case(
        "an imitated report does not help a guest that dies",
        "echo '0 0'; echo '0 0' >/dev/ttyS0; busybox poweroff -f; sleep 60",
        LAB_FAILED,
        complaint="without an exit status",
    ),
    Case("a reboot", "busybox reboot -f; sleep 60", LAB_FAILED, complaint="exit status"),
    # Linux does not let its first process be killed from inside: the run must go on as before.
    Case("an attempt on PID 1", "kill -9 1; exit 3", 3),
    Case(
        "a panic",
        "echo c >/proc/sysrq-trigger; sleep 60",
        LAB_FAILED,
        complaint="Kernel panic",
    ),
    Case(
        "a warning in the kernel's log",
        "echo '<4>WARNING: drivers/some.c:1 at some_function' >/dev/kmsg",
        LAB_FAILED,
        complaint="some_function",
    ),
    Case("other lines in the kernel's log", "echo '<4>some: a warning' >/dev/kmsg", 0),
    Case(
        "a warning that left its taint only",
        "echo 512 >/proc/sys/kernel/tainted",
        LAB_FAILED,
        complaint="(warning)",
    ),
    Case(
        "a command without an end",
        "sleep 1000",
        TIMED_OUT,
        complaint="no end after 10 s",
        options=("--timeout", "10"),
    ),
]
DEVICE_SCRIPT = """
set -e
count() { echo $#; }
test $(count $FERRY_LAB_MDEVS) = 4
test $(count $FERRY_LAB_GROUPS) = 4
for uuid in $FERRY_LAB_MDEVS; do basename $(readlink -f /sys/bus/mdev/devices/$uuid/mdev_type); done
for group in $FERRY_LAB_GROUPS; do test -c /dev/vfio/$group; done
for node in $FERRY_LAB_CDEVS; do test -c $node; done
echo $FERRY_LAB_TIER $(count $FERRY_LAB_CDEVS) $FERRY_LAB_DEBUGFS
"""
DEVICES = {
    "stock": "mtty-2\nmtty-2\nmtty-1\nmtty-1\nstock 0\n",
    "newest": "mtty-2\nmtty-2\nmtty-1\nmtty-1\nnewest 4 /sys/kernel/debug/vfio\n",
}
SERVER = """
import socket
server = socket.create_server(("", 8080))
while True:
    with server.accept()[0] as peer:
        peer.sendall(b"from the guest")
        if peer.recv(9) == b"thank you":
            break
"""
# What runs in the second guest and in the first, and what must come of it.
PAIRS = [
    (
        "busybox nc -l -p 5000",
        "until echo hello | busybox nc $FERRY_LAB_PEER 5000; do sleep 0.1; done",
        0,
    ),
    ("exit 3", "exit 0", 3),
    ("sleep 1000", "exit 7", 7),
    ("echo c >/proc/sysrq-trigger", "sleep 5", LAB_FAILED),
]
