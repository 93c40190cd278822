"""Where the devices of the matrix come from: the seam between simulated and real ones.

The rig for real devices is in mtty.py: it names the sets of features that are there, and leaves ERROR
out of the states that it starts in.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from clients import Client
from devices import FEATURE_SETS, Device
from machine import STATES
from mtty import IN_LAB, MttyRig


class Rig(Protocol):
    """A supply of devices."""

    # The sets of features that there are devices with.
    feature_sets: Sequence[list[str]]
    # The states that it can bring a device to, features permitting.
    start_states: Sequence[str]

    def __init__(self, client: Client) -> None: ...

    def device(self, features: list[str]) -> Device:
        """A device with exactly these features, in RUNNING and without a session."""

    def failed_device(self, features: list[str]) -> Device:
        """A device with these features in ERROR; not asked for where that is no start state."""

    def witness(self) -> str | None:
        """The state of the device by somebody else's word; None where nobody else knows."""


class SimulatedRig:
    """Simulated devices, one for each set of features, reset before every use."""

    feature_sets: Sequence[list[str]] = FEATURE_SETS
    start_states: Sequence[str] = STATES
    # A few blocks make an image; the matrix moves a great many of them.
    plan: dict[str, Any] = {"initial_bytes": 8256, "stop_copy_bytes": 4160}

    def __init__(self, client: Client) -> None:
        self.client = client
        self.attached: dict[str, Device] = {}

    def device(self, features: list[str]) -> Device:
        """The device with these features, reset."""
        device = self._attached("matrix", features, [])
        device.reset().ok()
        return device

    def failed_device(self, features: list[str]) -> Device:
        """A device that its first arc has taken to ERROR, and that is left there."""
        fault = {"on": "arc", "nth": 1, "action": "error-state"}
        device = self._attached("failed", features, [fault])
        if device.state != "ERROR":
            device.put("STOP").problem(500, "device-failed")
        return device

    def witness(self) -> str | None:
        """Nobody but the agent."""
        return None

    def _attached(self, kind: str, features: list[str], faults: list[dict[str, Any]]) -> Device:
        name = ".".join([kind, *features])
        if name not in self.attached:
            plan = {**self.plan, "features": features, "faults": faults}
            body = {"id": name, "source": {"simulated": plan}}
            self.client.post("/v1/devices", body).ok(201)
            self.attached[name] = Device(self.client, name)
        return self.attached[name]


def bring(device: Device, state: str) -> dict[str, Any]:
    """Takes a fresh device to a state; what a PUT needs to leave it again.

    For RESUMING that is a whole image, the device's own, and the word on its length.
    """
    if state != "RESUMING":
        device.go(state)
        return {}
    image = device.image()
    device.go("RESUMING")
    device.upload(image).ok()
    return {"image": {"bytes": len(image)}}


# In the kernel lab the matrix runs on the real thing.
RIG: type[Rig] = MttyRig if IN_LAB else SimulatedRig
