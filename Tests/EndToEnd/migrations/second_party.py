"""Hands a group of devices from one agent to another, over nothing but their public API.

A control plane of its own: it claims the group at both agents, moves states and bytes, and asks for the
decision, which the source's agent keeps. What it remembers itself is a file with what it was asked for,
written before it asks anybody. Killed at any step and started again with that file, it finishes what
was committed and takes back what was not (presumed abort).

Exits with 0 when the destination runs, 1 when the source runs again, 3 when an operator is needed.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

Value = TypeVar("Value")
COMPLETED, TAKEN_BACK, HOLDING = 0, 1, 3
STEPS = ("begin", "open", "copy", "quiesce", "stop", "drain", "prepare", "commit", "run", "finish",
         "cancel", "discard")
PIECE = 1 << 18
# How long one answer may take, and how long the devices may stand still before it is decided.
ANSWER_SECONDS = 5.0
DOWNTIME_SECONDS = 10.0


class Unanswered(Exception):
    """Nobody knows whether the request was done."""


class Refused(Exception):
    """The agent has answered with a problem."""

    def __init__(self, status: int, problem: Any) -> None:
        super().__init__(f"{problem.get('code', status)}: {problem.get('detail', '')}")
        self.status = status
        self.code = problem.get("code")


class OperatorNeeded(Exception):
    """Neither side may be given up without somebody's word."""


class Agent:
    """One agent, as the party of one migration sees it."""

    def __init__(self, url: str, migration: str) -> None:
        self.place = urlsplit(url)
        self.migration = migration
        self.record = f"/v1/migrations/{migration}"

    def connect(self, timeout: float | None) -> http.client.HTTPConnection:
        """A connection, which opens with the first request."""
        return http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """What a request on behalf of the migration is answered."""
        fields = {"Migration-Id": self.migration, **headers}
        if body is not None:
            fields["Content-Type"] = "application/json"
        try:
            with contextlib.closing(self.connect(ANSWER_SECONDS)) as connection:
                connection.request(method, path, body and json.dumps(body), fields)
                return answered(connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(f"{method} {path}: {error!r}") from error

    def enter(self, device: str, state: str) -> Any:
        """Takes a device to a state."""
        return self.ask("PUT", f"/v1/devices/{device}/state", {"state": state})

    def act(self, action: str, body: Any = None) -> Any:
        """Asks something of the migration; its object."""
        return self.ask("POST", f"{self.record}/{action}", body)


def answered(response: http.client.HTTPResponse) -> Any:
    """The body of a success."""
    content = response.read()
    value = json.loads(content) if content else {}
    if response.status >= 400:
        raise Refused(response.status, value)
    return value


class Stream(threading.Thread):
    """Carries one device's image from its source to its destination, until the image ends."""

    def __init__(self, source: Agent, device: str, goal: Agent, other: str, rate: int | None) -> None:
        super().__init__(daemon=True)
        query = f"?max_bytes_per_second={rate}" if rate else ""
        self.from_path, self.to_path = f"/v1/devices/{device}/data{query}", f"/v1/devices/{other}/data"
        self.fields = {"Migration-Id": source.migration}
        # While the device idles in pre-copy there is nothing to read: only the caller ends that.
        self.down, self.up = source.connect(None), goal.connect(ANSWER_SECONDS)
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        """Reads and writes; an image that breaks off must not look like one that ends."""
        try:
            self.down.request("GET", self.from_path, headers=self.fields)
            answer = self.down.getresponse()
            if answer.status != 200:
                answered(answer)
            self.up.request(
                "PUT", self.to_path, iter(lambda: answer.read1(PIECE), b""),
                {**self.fields, "Transfer-Encoding": "chunked"}, encode_chunked=True)
            answered(self.up.getresponse())
        except (OSError, http.client.HTTPException, Refused, AttributeError, ValueError) as error:
            self.error = error
        finally:
            self.close()

    def close(self) -> None:
        """Ends both connections, wherever they are."""
        for connection in (self.down, self.up):
            with contextlib.suppress(OSError):
                if connection.sock:
                    connection.sock.shutdown(2)
            connection.close()

    def check(self) -> None:
        """Raises what it failed at."""
        if self.error:
            raise Unanswered(f"the stream {self.from_path} broke: {self.error!r}")


class Party:
    """One handover, by its journal."""

    def __init__(self, order: dict[str, Any], dies_at: str | None) -> None:
        self.order = order
        self.dies_at = dies_at
        self.source = Agent(order["source"], order["id"])
        self.goal = Agent(order["destination"], order["id"])
        self.streams: dict[str, Stream] = {}
        self.pairs: dict[str, str] = {}
        self.features: dict[str, list[str]] = {}

    def step(self, name: str) -> None:
        """Says what comes next; a test may want it to end right there."""
        print(name, flush=True)
        if name == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def settle(self, is_new: bool) -> int:
        """Brings it to an end, from wherever it stands."""
        self.step("begin")
        try:
            record = self.begin(is_new)
        except Refused as refusal:
            print(f"not begun: {refusal}", flush=True)
            return TAKEN_BACK
        try:
            if is_new and record["phase"] == "pending":
                self.carry()
        except (Unanswered, Refused) as error:
            print(f"not carried over: {error}", flush=True)
        finally:
            for stream in self.streams.values():
                stream.close()
        return self.conclude()

    def begin(self, is_new: bool) -> Any:
        """Claims the source's devices, if that was not done before."""
        request = {
            "id": self.order["id"], "coordinator": "client",
            "devices": [{"source": device} for device in self.order["devices"]],
            "destination": {"url": self.order["destination"]},
            "source_after": self.order["source_after"],
        }
        key = {"Idempotency-Key": self.order["id"]}
        try:
            return self.insist(lambda: self.source.ask("POST", "/v1/migrations", request, **key))
        except Refused as refusal:
            # The answer was lost with the agent or with this process: then the record is there.
            if is_new and refusal.code not in ("migration-exists", "migration-ended"):
                raise
            return self.insist(lambda: self.source.ask("GET", self.source.record))

    # Before the decision

    def carry(self) -> None:
        """From the claim to the decision. Whatever fails here is taken back."""
        self.step("open")
        self.open()
        self.step("copy")
        self.together(lambda device: self.goal.enter(self.pairs[device], "RESUMING"))
        self.together(self.copy, needing="PRE_COPY")
        self.together(self.await_initial_data, needing="PRE_COPY")
        self.step("quiesce")
        deadline = time.monotonic() + DOWNTIME_SECONDS
        self.together(self.quiesce, needing="P2P")
        self.step("stop")
        self.together(lambda device: self.source.enter(device, "STOP_COPY"))
        self.step("drain")
        for device in self.pairs:
            stream = self.streams.get(device) or self.stream(device)
            stream.join(max(0.0, deadline - time.monotonic()))
            stream.check()
            if stream.is_alive():
                raise Unanswered(f"{device} stood still for too long")
        self.step("prepare")
        self.goal.act("prepare", {"epoch": 1, "images": [self.image(d) for d in self.pairs]})
        self.step("commit")
        self.source.act("commit")

    def open(self) -> None:
        """Has the destination claim devices that fit."""
        group = [self.source.ask("GET", f"/v1/devices/{device}") for device in self.order["devices"]]
        wanted = [
            {"source": device["id"], "destination": self.order["devices"][device["id"]],
             "identity": device["identity"], "features": device["features"]}
            for device in group
        ]
        record = self.goal.ask("POST", "/v1/migrations", {
            "id": self.order["id"], "role": "destination", "epoch": 1, "devices": wanted})
        self.features = {device["id"]: device["features"] for device in group}
        self.pairs = {pair["source"]: pair["destination"] for pair in record["devices"]}

    def together(self, act: Callable[[str], Any], needing: str = "STOP_COPY") -> None:
        """Does something to all devices with a feature at once, and waits for all of them."""
        devices = [device for device in self.pairs if needing in self.features[device]]
        with ThreadPoolExecutor(max_workers=len(self.pairs)) as pool:
            for done in [pool.submit(act, device) for device in devices]:
                done.result()

    def stream(self, device: str) -> Stream:
        """Sets a device's image going."""
        stream = Stream(self.source, device, self.goal, self.pairs[device], self.order["rate"])
        self.streams[device] = stream
        return stream

    def copy(self, device: str) -> None:
        """Begins to save a device while it runs."""
        self.source.enter(device, "PRE_COPY")
        self.stream(device)

    def await_initial_data(self, device: str) -> None:
        """Waits until what the pre-copy began with is through."""
        left = 1
        while left:
            self.streams[device].check()
            try:
                info = self.source.ask(
                    "GET", f"/v1/devices/{device}/precopy-info"
                    "?wait_ms=1000&until=initial-done&max_age_ms=100")
            except Refused as refusal:
                if refusal.status == 501:
                    return
                raise
            left = info["initial_bytes"]

    def quiesce(self, device: str) -> None:
        """No DMA of the device's own any more, so that the others can stop as well."""
        is_copied = "PRE_COPY" in self.features[device]
        self.source.enter(device, "PRE_COPY_P2P" if is_copied else "RUNNING_P2P")

    def image(self, device: str) -> dict[str, Any]:
        """What the source says of an image."""
        session = self.source.ask("GET", f"/v1/devices/{device}/session")
        return {"device": self.pairs[device], "bytes": session["offset"], "sha256": session["sha256"]}

    # From the decision on, or when there is to be none

    def conclude(self) -> int:
        """Does what follows from the source's record: there the decision is, or it is not."""
        while True:
            phase = self.insist(lambda: self.source.ask("GET", self.source.record))["phase"]
            if phase == "completed":
                return COMPLETED
            if phase in ("committed", "running-destination"):
                self.step("run")
                self.grant()
            elif phase in ("letting-go", "aborting"):
                time.sleep(0.05)
            elif phase in ("cancelled", "failed"):
                self.step("discard")
                self.insist(lambda: self.goal.act("discard", {"epoch": 1}))
                return TAKEN_BACK
            elif phase in ("holding", "in-doubt"):
                raise OperatorNeeded(f"the source is {phase}")
            else:
                self.step("cancel")
                self.cancel()

    def grant(self) -> None:
        """Tells the destination to run, and then the source what came of it."""
        phase = self.insist(lambda: self.goal.act("run", {"epoch": 1}))["phase"]
        self.step("finish")
        if phase not in ("completed", "void"):
            raise OperatorNeeded(f"the destination is {phase}")
        self.insist(lambda: self.source.act("finish" if phase == "completed" else "void"))

    def cancel(self) -> None:
        """Has the source run again; it is too late for that if the decision was written after all."""
        try:
            self.insist(lambda: self.source.act("cancel"))
        except Refused as refusal:
            if refusal.code not in ("migration-committed", "migration-ended"):
                raise

    @staticmethod
    def insist(call: Callable[[], Value]) -> Value:
        """Repeats what is idempotent until it is answered, however long that takes."""
        pause = 0.05
        while True:
            try:
                return call()
            except Unanswered:
                pass
            except Refused as refusal:
                if refusal.status != 503 or refusal.code == "maintenance":
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)


@contextlib.contextmanager
def journal(path: Path, order: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """What is to be done, and whether that is new; forgotten only when it is done."""
    is_new = not path.exists()
    if is_new:
        draft = path.with_suffix(".draft")
        with draft.open("w") as file:
            json.dump(order, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    yield json.loads(path.read_text()), is_new
    path.unlink()


def main() -> int:
    """How the handover ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--id", default="m1")
    parser.add_argument("--source", help="the URL of the source's agent")
    parser.add_argument("--destination", help="the URL of the other one")
    parser.add_argument("--device", action="append", default=[], help="a0, or a0=b0")
    parser.add_argument("--rate", type=int, help="bytes per second, for every device")
    parser.add_argument("--source-after", default="reset")
    parser.add_argument("--die-at", choices=STEPS, help="for tests: SIGKILL just before this step")
    options = parser.parse_args()
    devices = dict((pair.split("=") + ["auto"])[:2] for pair in options.device)
    order = {
        "id": options.id, "source": options.source, "destination": options.destination,
        "devices": devices, "rate": options.rate, "source_after": options.source_after,
    }
    try:
        with journal(options.journal, order) as (kept, is_new):
            return Party(kept, options.die_at).settle(is_new)
    except (OperatorNeeded, Refused) as error:
        print(f"an operator is needed: {error}", file=sys.stderr)
        return HOLDING


if __name__ == "__main__":
    sys.exit(main())
