"""Sets the scene for requests, so that what needs a device in a certain state also succeeds.

Two requests of three find their device newly attached and taken to a state where the operation
makes sense, know its ETag and upload a real image; the plans of the device change in turn, so that
drivers fail, too. The third finds what those before it have left, and what must be refused finds a
device that runs. Stateful tests go on by themselves; each of them begins in the same scene.
"""

import base64
import hashlib
import re
from collections import Counter
from typing import Any

import requests
import schemathesis
from handovers import Handovers

# The devices of an agent with `--simulate 4`, and where stateful tests find them.
DEVICES = {"sim0": "RUNNING", "sim1": "PRE_COPY", "sim2": "STOP_COPY", "sim3": "RESUMING"}
# Where images come from.
SOURCE = "source"
# An id that is written the same in paths and in bodies.
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
# The operations that want a migration.
OF_MIGRATIONS = {
    "createMigration", "getMigration", "deleteMigration", "switchOver", "cancelMigration",
    "releaseBarrier", "resolveMigration", "prepareMigration", "runMigration", "discardMigration",
    "commitMigration", "finishMigration", "voidMigration",
}
# The states that the scenes of an operation begin in, in turn.
STATES = {
    "getDevice": ("RUNNING", "STOP"),
    "detachDevice": ("RUNNING", "STOP_COPY"),
    "getState": ("RUNNING", "RESUMING"),
    "setState": ("RUNNING", "STOP_COPY", "RESUMING"),
    "resetDevice": ("PRE_COPY", "STOP_COPY"),
    "getPrecopyInfo": ("PRE_COPY",),
    "getSession": ("STOP_COPY", "RESUMING"),
    "downloadData": ("PRE_COPY", "STOP_COPY"),
    "describeData": ("STOP_COPY", "RESUMING"),
    "uploadData": ("RESUMING",),
    "appendData": ("RESUMING",),
}
SMALL = {"initial_bytes": 4096, "stop_copy_bytes": 1024}
PLANS: tuple[dict[str, Any], ...] = (
    SMALL,
    SMALL | {"temporary_end": "zero", "precopy_info": "patch-v7"},
    SMALL | {"precopy_info": "unsupported"},
    SMALL | {"faults": [{"on": "arc", "nth": 4, "action": "error-state"}]},
    SMALL | {"faults": [{"on": "write", "nth": 1, "action": "errno"}]},
    SMALL | {"features": ["STOP_COPY"]},
    SMALL | {"faults": [{"on": "arc", "nth": 2, "action": "errno"}]},
)


class Stage:
    """Where the scenes are set; it counts what each operation is asked, and nothing is random."""

    def __init__(self) -> None:
        """Nothing has been played yet."""
        self.requests: Counter[str] = Counter()
        self.agent = requests.Session()
        self.url = ""

    def set_for(self, case: schemathesis.Case, sending: dict[str, Any]) -> None:
        """Sets the scene for a request, if it is its turn; `sending` is how it will be sent."""
        self.url = f"{case.operation.schema.get_base_url()}/v1/devices"
        if case.meta is None:
            return
        if case.meta.phase.name == "stateful":
            if self.requests:
                self.requests.clear()
                self.clear()
            return
        name = case.operation.definition.raw["operationId"]
        if name in OF_MIGRATIONS:
            return self.set_for_migration(name, case)
        device = case.path_parameters.get("id")
        if name == "attachDevice" and isinstance(case.body, dict):
            device = case.body.get("id")
        if not isinstance(device, str) or not PLAIN.fullmatch(device):
            return
        if case.meta.generation.mode.is_negative:
            if name in STATES:
                self.attach(device, SMALL)
            return
        turn = self.requests[name]
        self.requests[name] += 1
        if turn % 3 == 2:
            return
        if name == "attachDevice":
            self.detach(device)
        case.headers.pop("Migration-Id", None)
        if name in STATES:
            self.attach(device, PLANS[turn % len(PLANS)])
            self.take(device, STATES[name][turn % len(STATES[name])])
            self.tell_etag(device, case)
        if name in ("uploadData", "appendData") and turn % 5 != 4:
            sending["data"] = self.image()
            describe_image(case, sending["data"])
        if name == "downloadData" and turn % 5 != 4 and "offset" in case.query:
            case.query["offset"] = 0

    def set_for_migration(self, name: str, case: schemathesis.Case) -> None:
        """Sets the scene for a request that is about a migration."""
        identifier = case.path_parameters.get("id", "m1")
        turn = self.requests[name]
        self.requests[name] += 1
        is_negative = case.meta.generation.mode.is_negative
        is_left = turn % 3 == 2 and name in ("getMigration", "cancelMigration")
        if is_negative or is_left:
            return
        if not PLAIN.fullmatch(str(identifier)):
            identifier = case.path_parameters["id"] = "m1"
        self.handovers().set_for(name, identifier, case.body)
        if name == "releaseBarrier":
            case.path_parameters["name"] = "before-stop"

    def handovers(self) -> Handovers:
        """The migrations of the agent."""
        return Handovers(self.agent, self.url.removesuffix("/devices"))

    def clear(self) -> None:
        """Sets the scene in which stateful tests begin."""
        self.handovers().clear()
        page = self.agent.get(self.url, params={"limit": 500}).json()
        for device in page["items"]:
            self.detach(device["id"])
        for name, state in DEVICES.items():
            self.attach(name, SMALL)
            self.take(name, state)

    def attach(self, device: str, plan: dict[str, Any]) -> None:
        """Attaches a simulated device anew."""
        self.detach(device)
        self.agent.post(self.url, json={"id": device, "source": {"simulated": plan}})

    def detach(self, device: str) -> None:
        """Detaches a device, if it is there."""
        self.agent.delete(f"{self.url}/{device}", params={"force": "true"})

    def take(self, device: str, state: str) -> None:
        """Takes a device to a state, if it has it."""
        self.agent.put(f"{self.url}/{device}/state", json={"state": state})

    def image(self) -> bytes:
        """The image of a device, as another one of that size takes it."""
        self.attach(SOURCE, SMALL)
        self.take(SOURCE, "STOP_COPY")
        return self.agent.get(f"{self.url}/{SOURCE}/data").content

    def tell_etag(self, device: str, case: schemathesis.Case) -> None:
        """Replaces the tag that a request depends on by the one that the device has."""
        for name in ("If-Match", "If-None-Match"):
            if case.headers.get(name, "*") != "*":
                case.headers[name] = self.agent.get(f"{self.url}/{device}").headers["ETag"]


def describe_image(case: schemathesis.Case, image: bytes) -> None:
    """Replaces what a request says of its image by what is true of it."""
    digest = base64.b64encode(hashlib.sha256(image).digest()).decode()
    truths = {
        "Upload-Offset": "0", "Upload-Length": str(len(image)),
        "Repr-Digest": f"sha-256=:{digest}:", "Content-Digest": f"sha-256=:{digest}:",
    }
    case.headers.update({name: truths[name] for name in truths if name in case.headers})
    if "digest" in case.query:
        for name in ("Repr-Digest", "Content-Digest"):
            case.headers.pop(name, None)
