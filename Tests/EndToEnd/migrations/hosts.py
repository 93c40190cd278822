"""Two hosts: an agent each, with a state directory and devices that survive it, behind a gate."""

import threading
from pathlib import Path
from typing import Any

from agent import MIB, Agent, eventually
from answers import Answer
from clients import Client
from devices import Device
from gate import Gate

# A fast migration, and still one that is caught in the middle.
PLAN: dict[str, Any] = {
    "initial_bytes": 4 * MIB, "stop_copy_bytes": MIB, "last_close_resets": False,
}
# The arcs that loading a device takes, there and back: faults are counted from the first one on.
LOADING_ARCS = 6
LOADED_SEED = 1000
IMAGES: dict[tuple[int, int], bytes] = {}
IMAGES_LOCK = threading.Lock()
ENDS = ("completed", "failed", "cancelled", "discarded", "void")


class Host:
    """An agent that can be killed, and what outlives it."""

    def __init__(self, folder: Path, *arguments: str, state: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.state = state or folder / "state"
        self.arguments = arguments
        self.plans: dict[str, dict[str, Any]] = {}
        # What a reset makes of the devices that were loaded.
        self.blank: dict[str, str] = {}
        self.gate = Gate()
        self.starts = 0
        self.agent = self.begin()

    def begin(self) -> Agent:
        """Starts an agent on what is there, without waiting for it."""
        self.starts += 1
        (self.folder / "devices").mkdir(exist_ok=True)
        self.agent = Agent(
            self.folder / f"run-{self.starts}", "--simulate", "0",
            "--state-directory", str(self.state),
            "--simulated-state", str(self.folder / "devices"), *self.arguments)
        return self.agent

    def start(self) -> "Host":
        """Waits until it listens, and attaches the devices that it had."""
        self.agent.started()
        self.client = Client(self.agent.address)
        for device, plan in self.plans.items():
            if self.client.get(f"/v1/devices/{device}").status == 404:
                self.attach(device, **plan)
        self.gate.address = self.agent.address
        return self

    def kill(self) -> None:
        """SIGKILL."""
        self.gate.address = ""
        self.agent.discard()

    def restart(self) -> None:
        """Starts it again, on what the last one has left."""
        self.begin()
        self.start()

    def end(self) -> None:
        """Leaves nothing behind."""
        self.gate.close()
        self.agent.discard()

    @property
    def log(self) -> str:
        """What its agents have logged."""
        return "".join(
            (self.folder / f"run-{n}/log").read_text(errors="replace")
            for n in range(1, self.starts + 1))

    # Devices

    def attach(self, device: str, **plan: Any) -> Device:
        """Attaches a device, which is attached again after every restart."""
        self.plans[device] = plan
        body = {"id": device, "source": {"simulated": {**PLAN, **plan}}}
        self.client.post("/v1/devices", body).ok(201)
        return Device(self.client, device)

    def attach_loaded(self, device: str, **plan: Any) -> Device:
        """Attaches a device and gives it a state that a reset does not bring back."""
        attached = self.attach(device, **plan)
        if "state_checksum" in attached.resource["identity"]:
            self.blank[device] = attached.checksum
        image = self._image({**PLAN, **plan})
        attached.go("RESUMING")
        attached.upload(image).ok()
        attached.go("RUNNING", image={"bytes": len(image)})
        return attached

    def device(self, device: str) -> Device:
        """An attached device."""
        return Device(self.client, device)

    def _image(self, plan: dict[str, Any]) -> bytes:
        sizes = (plan["initial_bytes"], plan["stop_copy_bytes"])
        with IMAGES_LOCK:
            if sizes not in IMAGES:
                donor = dict(zip(("initial_bytes", "stop_copy_bytes"), sizes), seed=LOADED_SEED)
                body = {"id": "donor", "source": {"simulated": donor}}
                self.client.post("/v1/devices", body).ok(201)
                IMAGES[sizes] = Device(self.client, "donor").image()
                Device(self.client, "donor").detach(force=True)
            return IMAGES[sizes]

    # Migrations

    def post(self, body: dict[str, Any], query: str = "", **headers: str) -> Answer:
        """POST of a migration."""
        return self.client.post(f"/v1/migrations{query}", body, **headers)

    def migration(self, identifier: str, query: str = "") -> Any:
        """A migration, or None."""
        answer = self.client.get(f"/v1/migrations/{identifier}{query}")
        return None if answer.status == 404 else answer.ok()

    def act(self, identifier: str, action: str, body: Any = None) -> Answer:
        """Asks something of a migration."""
        target = f"/v1/migrations/{identifier}/{action}"
        return self.client.ask("POST", target) if body is None else self.client.post(target, body)

    def wait_for(self, identifier: str, *phases: str) -> Any:
        """A migration, once it is in one of these phases; fails when it has ended in another."""
        def look() -> Any:
            seen = self.migration(identifier)
            is_there = seen is not None and seen["phase"] in phases
            assert is_there or seen is None or seen["phase"] not in ENDS, seen
            return seen if is_there else None

        return eventually(look, f"{identifier} is {' or '.join(phases)}")


class Pair:
    """A source `a` and a destination `b`, with as many devices each as is wanted."""

    def __init__(self, folder: Path) -> None:
        self.a = Host(folder / "a")
        self.b = Host(folder / "b")
        self.a.start()
        self.b.start()
        self.names: list[tuple[str, str]] = []

    def attach(self, count: int = 1, a: Any = None, b: Any = None, **plan: Any) -> "Pair":
        """Attaches devices: at `a` loaded ones, at `b` blank ones, `a0`, `b0` and so on."""
        for number in range(count):
            self.a.attach_loaded(f"a{number}", seed=number + 1, **plan, **(a or {}))
            self.b.attach(f"b{number}", seed=number + 501, **plan, **(b or {}))
            self.names.append((f"a{number}", f"b{number}"))
        return self

    @property
    def images(self) -> dict[str, set[str]]:
        """What each of the source's devices holds now."""
        return {a: {self.a.device(a).checksum} for a, _ in self.names}

    def request(self, identifier: str = "m1", **members: Any) -> dict[str, Any]:
        """What a migration of all of them is asked for with."""
        devices = [{"source": a, "destination": b} for a, b in self.names]
        return {
            "id": identifier, "devices": devices, "destination": {"url": self.b.gate.url},
            "source_after": "stop", **members,
        }

    def migrate(self, identifier: str = "m1", **members: Any) -> Any:
        """Begins it."""
        return self.a.post(self.request(identifier, **members)).ok(202)

    def end(self) -> None:
        """Ends both."""
        self.a.end()
        self.b.end()
