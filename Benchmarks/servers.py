"""The processes that are measured: an agent and its peers, each on a port of its own."""

import http.client
import itertools
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / ".build/benchmarks"
FERRY = ROOT / ".build/release/ferry"
HUMMINGBIRD = ROOT / ".build/hummingbird/release/hello"
PATIENCE = 60.0

MIB = 1 << 20
GIB = 1 << 30
PORTS = itertools.count(9000)


class Server:
    """A process that serves 127.0.0.1, ended with its block."""

    def __init__(self, *command: str | Path, environment: Mapping[str, str] | None = None) -> None:
        """Starts it; `PORT` in the command stands for its port."""
        self.port = next(PORTS)
        self.started = time.monotonic()
        words = [str(word).replace("PORT", str(self.port)) for word in command]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        while not self._answers():
            assert self.process.poll() is None, f"{words} ended"
            assert time.monotonic() < self.started + PATIENCE, f"{words} does not listen"
            time.sleep(0.0002)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
            return True
        except ConnectionRefusedError:
            return False

    @property
    def url(self) -> str:
        """The beginning of its URLs."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        """A connection that stays."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, PATIENCE)
        connection.connect()
        return connection

    # What the kernel says

    @property
    def resident(self) -> int:
        """The bytes of memory that it has."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("Rss")).split()[1]) << 10

    @property
    def processor_seconds(self) -> float:
        """The time that its threads have run."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


class Agent(Server):
    """A ferry that simulates devices."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        # Not on a memory file system: decisions are to be on a disk.
        self.state = tempfile.TemporaryDirectory(dir=BUILT)
        super().__init__(
            FERRY, "serve", "--simulate", "0", "--listen", "127.0.0.1:PORT",
            "--state-directory", self.state.name, "--log-level", "warning",
            environment=environment)
        self.control = self.connect()

    def __exit__(self, *reason: object) -> None:
        super().__exit__(*reason)
        self.state.cleanup()

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        """A request that must succeed; its answer's JSON."""
        body = None if value is None else json.dumps(value)
        headers = {"Content-Type": "application/json"} if body else {}
        if method == "POST" and body is None:
            headers["If-Match"] = "*"
        self.control.request(method, path, body, headers)
        answer = self.control.getresponse()
        text = answer.read()
        assert answer.status < 300, f"{method} {path}: {text.decode()}"
        return json.loads(text) if text else None

    def attach(self, identifier: str, window: int | None = None, **plan: Any) -> str:
        """Attaches a simulated device; its path."""
        body: dict[str, Any] = {"id": identifier, "source": {"simulated": plan}}
        if window is not None:
            body["replay_window_bytes"] = window
        self.ask("POST", "/v1/devices", body)
        return f"/v1/devices/{identifier}"

    def go(self, device: str, *states: str, **more: Any) -> None:
        """Takes a device from state to state."""
        for state in states:
            self.ask("PUT", f"{device}/state", {"state": state, **more})


def bare() -> Server:
    """The limit: two system calls in a loop."""
    return Server(BUILT / "bare", "serve", "PORT")


def library_stream() -> Server:
    """libmicrohttpd in C, for bulk data."""
    return Server(BUILT / "mhd-stream", "PORT")


def library_hello(*answers: Path) -> Server:
    """libmicrohttpd and jansson in C, for small requests."""
    return Server(BUILT / "mhd-hello", "PORT", *answers)


def hummingbird(path: str, body: str) -> Server:
    """Hummingbird on SwiftNIO, for small requests."""
    return Server(HUMMINGBIRD, "PORT", path, body)


def client(*arguments: str | Path | int) -> float:
    """What the client in C moves, in bytes per second."""
    run = subprocess.run(
        [BUILT / "client", *map(str, arguments)], capture_output=True, text=True, check=True)
    count, seconds = run.stdout.split()
    return int(count) / float(seconds)
