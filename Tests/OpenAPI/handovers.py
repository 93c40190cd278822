"""Migrations for the scenes: each operation finds one that it makes sense for.

They are all between devices of the one agent that is tested. A migration that the agent is to run by
itself finds a peer that puts it off, so it goes on trying for a while, and is cancelled after its scene.
"""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

SOURCE, DESTINATION = "leaves", "arrives"
# A device that outlives the agent is taken without further questions.
PLAN = {"initial_bytes": 4096, "stop_copy_bytes": 1024, "last_close_resets": False}
ENDS = ("completed", "failed", "cancelled", "discarded", "void")
BARRIERS = ["before-quiesce", "before-stop", "before-run"]
# The members of a request that go with a role and a coordinator.
BY_CLIENT = {"id", "role", "coordinator", "devices", "destination", "source_after",
             "allow_sole_holder"}
TAKEN_IN = {"id", "role", "epoch", "devices", "allow_sole_holder"}
BY_AGENT = {"epoch"}


class Peer(BaseHTTPRequestHandler):
    """The other agent: it has plans, but no time, and forgets whatever it is told to."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Plans and discards a migration at once, and puts off everything else."""
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        devices = [{"destination": f"d{n}"} for n, _ in enumerate(request.get("devices", []))]
        is_quick = self.path.endswith("/discard") or "dry_run" in self.path
        record = {"phase": "discarded", "devices": devices, "arcs": []}
        problem = {"code": "overloaded", "detail": "Later.", "retryable": True}
        body = json.dumps(record if is_quick else problem).encode()
        self.send_response(200 if is_quick else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def start_peer() -> str:
    """The URL of a peer that ends with this process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


PEER = start_peer()


class Handovers:
    """The migrations of one agent."""

    def __init__(self, agent: requests.Session, url: str) -> None:
        self.agent = agent
        self.url = url

    def set_for(self, operation: str, identifier: str, body: Any) -> None:
        """Has a migration with this id for an operation; puts what is true of it into the body."""
        self.clear()
        match operation:
            case "createMigration":
                self.fit(body)
            case "getMigration":
                self.open(identifier)
            case "switchOver" | "cancelMigration" | "releaseBarrier":
                self.begin(identifier, barriers=BARRIERS)
            case "deleteMigration":
                self.begin(identifier, coordinator="client")
                self.act(identifier, "cancel")
            case "commitMigration" | "finishMigration" | "voidMigration":
                self.begin(identifier, coordinator="client")
                self.read(SOURCE, identifier)
                if operation != "commitMigration":
                    self.act(identifier, "commit")
            case "resolveMigration":
                self.open(identifier)
                body["fenced"] = True
            case "prepareMigration":
                body["images"] = [self.take_in(identifier)]
            case "runMigration":
                image = self.take_in(identifier)
                self.act(identifier, "prepare", {"epoch": 1, "images": [image]})
            case "discardMigration":
                self.open(identifier)

    def clear(self) -> None:
        """Ends and deletes every migration, and ends maintenance."""
        self.agent.put(f"{self.url}/maintenance", json={"maintenance": False})
        page = self.agent.get(f"{self.url}/migrations", params={"limit": 500}).json()
        for record in page["items"]:
            self.end(record)

    def end(self, record: Any) -> None:
        """Ends a migration, as far as it is, and forgets it."""
        identifier, phase = record["id"], record["phase"]
        if phase not in ENDS:
            if record["role"] == "destination":
                self.act(identifier, "discard", {"epoch": record["epoch"]})
            elif phase in ("pending", "preflight", "copying", "waiting-switchover"):
                self.act(identifier, "cancel")
            else:
                self.act(identifier, "void")
        for device in record["devices"]:
            self.agent.post(
                f"{self.url}/devices/{device['source']}/reset", headers={"If-Match": "*"})
        self.agent.delete(f"{self.url}/migrations/{identifier}")

    def attach(self, device: str) -> dict[str, Any]:
        """A device, attached anew."""
        path = f"{self.url}/devices"
        self.agent.delete(f"{path}/{device}", params={"force": "true"})
        self.agent.post(path, json={"id": device, "source": {"simulated": PLAN}})
        resource: dict[str, Any] = self.agent.get(f"{path}/{device}").json()
        return resource

    def begin(self, identifier: str, **members: Any) -> None:
        """Begins a source."""
        self.attach(SOURCE)
        self.agent.post(f"{self.url}/migrations", json={
            "id": identifier, "devices": [{"source": SOURCE}], "destination": {"url": PEER},
            **members})

    def open(self, identifier: str) -> None:
        """Begins a destination."""
        self.agent.post(f"{self.url}/migrations", json={
            "id": identifier, "role": "destination", "epoch": 1, "devices": [self.guest()]})

    def guest(self) -> dict[str, Any]:
        """A device that is to be taken in."""
        device = self.attach(DESTINATION)
        return {
            "source": SOURCE, "destination": DESTINATION, "identity": device["identity"],
            "features": device["features"],
        }

    def act(self, identifier: str, action: str, body: Any = None) -> None:
        """Asks something of a migration."""
        self.agent.post(f"{self.url}/migrations/{identifier}/{action}", json=body)

    def enter(self, device: str, state: str, identifier: str) -> None:
        """Takes a device to a state, for a migration."""
        self.agent.put(
            f"{self.url}/devices/{device}/state", json={"state": state},
            headers={"Migration-Id": identifier})

    def read(self, device: str, identifier: str) -> bytes:
        """The image of a device, for a migration."""
        self.enter(device, "STOP_COPY", identifier)
        answer = self.agent.get(
            f"{self.url}/devices/{device}/data", headers={"Migration-Id": identifier})
        return answer.content

    def take_in(self, identifier: str) -> dict[str, Any]:
        """Opens a destination and writes an image into its device; what there is to say of it."""
        self.attach(SOURCE)
        image = self.read(SOURCE, identifier)
        self.open(identifier)
        self.enter(DESTINATION, "RESUMING", identifier)
        self.agent.put(
            f"{self.url}/devices/{DESTINATION}/data", data=image,
            headers={"Migration-Id": identifier})
        digest = hashlib.sha256(image).hexdigest()
        return {"device": DESTINATION, "bytes": len(image), "sha256": digest}

    def fit(self, body: dict[str, Any]) -> None:
        """Keeps the rules for a request that no schema can say, and names devices that are there."""
        device = self.guest()
        body.setdefault("id", "fitted")
        if body.get("role") == "destination":
            keep = TAKEN_IN
            body["devices"] = [device]
        else:
            by_client = body.get("coordinator") == "client"
            keep = BY_CLIENT if by_client else body.keys() - BY_AGENT
            body["devices"] = [{"source": DESTINATION}]
            body["destination"] = {"url": PEER}
        for name in body.keys() - keep:
            del body[name]
