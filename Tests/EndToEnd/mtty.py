"""The kernel lab's real devices: the sample driver mtty, a serial card with a 16550 UART for each port."""

import ctypes
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent import Agent
from clients import Client
from devices import ALL_FEATURES, Device

IN_LAB = "FERRY_LAB_TIER" in os.environ
TIER = os.environ.get("FERRY_LAB_TIER", "")
MDEVS = os.environ.get("FERRY_LAB_MDEVS", "").split()
GROUPS = os.environ.get("FERRY_LAB_GROUPS", "").split()
CDEVS = os.environ.get("FERRY_LAB_CDEVS", "").split()
DEBUGFS = os.environ.get("FERRY_LAB_DEBUGFS", "")

# The first two have two ports each, the others one; an image says how many it is for.
TWO_PORTS, ONE_PORT = (0, 1), (2, 3)
HEADER_LENGTH = 24
IMAGE_LENGTH = {0: 96, 1: 96, 2: 60, 3: 60}

# Offset 7 of a port is the UART's scratch register; each port is a BAR, and a BAR's place in the
# device's file is its number shifted by 40 (linux/vfio_pci_core.h, VFIO_PCI_OFFSET_SHIFT).
SCRATCH = 7
REGION_SHIFT = 40
# Source: include/uapi/asm-generic/unistd.h.
PIDFD_OPEN, PIDFD_GETFD = 434, 438


def source(number: int) -> dict[str, Any]:
    """How the device with this number is attached on this kernel."""
    if CDEVS:
        return {"cdev": {"path": CDEVS[number]}}
    return {"group": {"group": int(GROUPS[number]), "device": MDEVS[number]}}


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
    """The scratch registers of a device that an agent has open, reached by a copy of its file.

    A device can be open once; pidfd_getfd(2) shares the agent's own open file.
    """

    def __init__(self, agent: Agent, number: int) -> None:
        self.files = _device_files(agent)
        self.number = number

    def __enter__(self) -> "Registers":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files:
            os.close(file)

    def write(self, *values: int, file: int = 0) -> None:
        """Writes the scratch register of each port."""
        for port, value in enumerate(values):
            count = os.pwrite(self.files[file], bytes([value]), (port << REGION_SHIFT) + SCRATCH)
            assert count == 1

    def read(self, ports: int, file: int = 0) -> tuple[int, ...]:
        """Reads the scratch register of each port."""
        return tuple(
            os.pread(self.files[file], 1, (port << REGION_SHIFT) + SCRATCH)[0]
            for port in range(ports))


def _device_files(agent: Agent) -> list[int]:
    """Copies of the VFIO device files that the agent has open, in the order of their opening."""
    assert platform.machine() == "x86_64"
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(PIDFD_OPEN, agent.process.pid, 0)
    assert pidfd >= 0, os.strerror(ctypes.get_errno())
    files = []
    try:
        folder = Path(f"/proc/{agent.process.pid}/fd")
        for number in sorted(int(entry.name) for entry in folder.iterdir()):
            target = os.readlink(folder / str(number))
            if target == "anon_inode:[vfio-device]" or target.startswith("/dev/vfio/devices/"):
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
