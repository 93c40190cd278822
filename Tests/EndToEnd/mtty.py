"""The kernel lab's real devices: serial cards with a 16550 UART for each port.

Their driver is the kernel's sample, mtty, or mtty_big: the same with much more state (see mtty_big.py).
"""

import contextlib
import ctypes
import fcntl
import os
import platform
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mtty_big
from agent import Agent
from clients import Client
from devices import ALL_FEATURES, Device

IN_LAB = "FERRY_LAB_TIER" in os.environ
DRIVER = os.environ.get("FERRY_LAB_DRIVER", "mtty")
TIER = os.environ.get("FERRY_LAB_TIER", "")
MDEVS = os.environ.get("FERRY_LAB_MDEVS", "").split()
GROUPS = os.environ.get("FERRY_LAB_GROUPS", "").split()
CDEVS = os.environ.get("FERRY_LAB_CDEVS", "").split()
DEBUGFS = os.environ.get("FERRY_LAB_DEBUGFS", "")

# The first two have two ports each, the others one; an image says how many it is for.
TWO_PORTS, ONE_PORT = (0, 1), (2, 3)
HEADER_LENGTH = 24
PORT_LENGTH = 36

# Offset 7 of a port is the UART's scratch register; each port is a BAR, and a BAR's place in the
# device's file is its number shifted by 40 (linux/vfio_pci_core.h, VFIO_PCI_OFFSET_SHIFT).
SCRATCH = 7
REGION_SHIFT = 40
# Source: include/uapi/asm-generic/unistd.h.
PIDFD_OPEN, PIDFD_GETFD = 434, 438
# Source: linux/vfio.h, VFIO_GROUP_GET_DEVICE_FD.
GROUP_GET_DEVICE_FD = ord(";") << 8 | 106


def source(number: int) -> dict[str, Any]:
    """How the device with this number is attached on this kernel."""
    if CDEVS:
        return {"cdev": {"path": CDEVS[number]}}
    return {"group": {"group": int(GROUPS[number]), "device": MDEVS[number]}}


def image_length(number: int) -> int:
    """How long the image of the device with this number is, without a write that it repeats."""
    ports = 2 if number in TWO_PORTS else 1
    return HEADER_LENGTH + ports * PORT_LENGTH + (mtty_big.stream_length() if DRIVER == mtty_big.NAME else 0)


def attach(client: Client, number: int) -> Device:
    """Attaches the device with this number; it may be in any state."""
    name = f"mtty{number}"
    client.post("/v1/devices", {"id": name, "source": source(number)}).ok(201)
    return Device(client, name)


def witness(number: int) -> str | None:
    """The state by the kernel's own word; None where the kernel has no debugfs for it."""
    if not DEBUGFS:
        return None
    return Path(DEBUGFS, MDEVS[number], "migration/state").read_text().strip()


class Registers:
    """The scratch registers of devices that an agent has open, each by the number of its device."""

    def __init__(self, agent: Agent, *numbers: int) -> None:
        self.files = {number: shared_device(agent.process.pid, number) for number in numbers}

    def __enter__(self) -> "Registers":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            os.close(file)

    def write(self, *values: int, number: int = 0) -> None:
        """Writes the scratch register of each port."""
        for port, value in enumerate(values):
            place = (port << REGION_SHIFT) + SCRATCH
            assert os.pwrite(self.files[number], bytes([value]), place) == 1

    def read(self, ports: int, number: int = 0) -> tuple[int, ...]:
        """Reads the scratch register of each port."""
        return tuple(
            os.pread(self.files[number], 1, (port << REGION_SHIFT) + SCRATCH)[0]
            for port in range(ports))


class DataFile:
    """A copy of the one data fd that an agent has open."""

    def __init__(self, agent: Agent) -> None:
        (self.file,) = _copies(agent.process.pid, "anon_inode:mtty_mig")

    def __enter__(self) -> "DataFile":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.file)

    def is_readable(self) -> bool:
        """By the word of poll(2)."""
        return bool(select.select([self.file], [], [], 0)[0])


def shared_device(process: int, number: int) -> int:
    """A file of the device with this number, which a process has open: a device can be open once.

    A node's open file is shared by pidfd_getfd(2). A group's device has no name in /proc, but whoever
    shares the group's open file may ask it for the device again.
    """
    if CDEVS:
        (file,) = _copies(process, CDEVS[number])
        return file
    (group,) = _copies(process, f"/dev/vfio/{GROUPS[number]}")
    try:
        # A mutable argument, or Python would answer the argument and not the descriptor.
        return fcntl.ioctl(group, GROUP_GET_DEVICE_FD, bytearray(MDEVS[number].encode() + b"\0"))
    finally:
        os.close(group)


def _copies(process: int, name: str) -> list[int]:
    """Copies of the files that a process has open under this name, by pidfd_getfd(2)."""
    assert platform.machine() == "x86_64"
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(PIDFD_OPEN, process, 0)
    assert pidfd >= 0, os.strerror(ctypes.get_errno())
    files = []
    try:
        folder = Path(f"/proc/{process}/fd")
        for number in sorted(int(entry.name) for entry in folder.iterdir()):
            # One that is closed in the meantime is none.
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(folder / str(number)) == name:
                    copy = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
                    assert copy >= 0, os.strerror(ctypes.get_errno())
                    files.append(copy)
    finally:
        os.close(pidfd)
    return files


class MttyRig:
    """One real device for the whole matrix, reset before every use."""

    feature_sets: Sequence[list[str]] = [ALL_FEATURES]
    # There is no way to make mtty fail.
    start_states: Sequence[str] = [
        "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P"]

    def __init__(self, client: Client) -> None:
        self.matrix = attach(client, 0)

    def device(self, features: list[str]) -> Device:
        """The device, reset."""
        assert features == ALL_FEATURES == sorted(
            self.matrix.resource["features"], key=ALL_FEATURES.index)
        self.matrix.reset().ok()
        assert self.witness() in (None, "RUNNING")
        return self.matrix

    def failed_device(self, features: list[str]) -> Device:
        """There is none."""
        raise AssertionError(f"nobody asks mtty for ERROR: {features}")

    def witness(self) -> str | None:
        """The state of the device by the kernel's own word."""
        return witness(0)
