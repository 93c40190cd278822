"""Devices as a client sees them: the requests that most tests are made of."""

from typing import Any

from agent import KIB
from answers import Answer
from clients import Client
from wire import Wire

SMALL: dict[str, Any] = {"initial_bytes": 64 * KIB, "stop_copy_bytes": 4 * KIB}
ALL_FEATURES = ["STOP_COPY", "P2P", "PRE_COPY"]
FEATURE_SETS = [["STOP_COPY"], ["STOP_COPY", "P2P"], ["STOP_COPY", "PRE_COPY"], ALL_FEATURES]


class Device:
    """One attached device."""

    def __init__(self, client: Client, identifier: str) -> None:
        self.client = client
        self.id = identifier
        self.path = f"/v1/devices/{identifier}"

    # Reading

    @property
    def resource(self) -> Any:
        """The device."""
        return self.client.get(self.path).ok()

    @property
    def status(self) -> Any:
        """Its state as a resource."""
        return self.client.get(f"{self.path}/state").ok()

    @property
    def state(self) -> str:
        """The name of its state."""
        return str(self.status["state"])

    @property
    def generation(self) -> int:
        """Its generation."""
        return int(self.status["generation"])

    @property
    def session(self) -> Any:
        """Its session, open or the last one."""
        return self.client.get(f"{self.path}/session").ok()

    @property
    def checksum(self) -> str:
        """The digest of its state, which has to be at rest."""
        return str(self.resource["identity"]["state_checksum"])

    # Changing

    def put(self, state: str, headers: dict[str, str] | None = None, **members: Any) -> Answer:
        """Asks for a state."""
        target = f"{self.path}/state"
        return self.client.put(target, {"state": state, **members}, **(headers or {}))

    def go(self, *states: str, **members: Any) -> Any:
        """Goes to one state after the other; the answer to the last."""
        report = None
        for state in states:
            report = self.put(state, **members).ok()
        return report

    def reset(self, **headers: str) -> Answer:
        """Resets it, under any condition."""
        return self.client.ask("POST", f"{self.path}/reset", headers=headers or {"If-Match": "*"})

    def detach(self, force: bool = False) -> Answer:
        """Detaches it."""
        query = "?force=true" if force else ""
        return self.client.ask("DELETE", self.path + query)

    # Data

    def download(self, query: str = "") -> Answer:
        """Streams the image, with its trailer."""
        with self.open_stream(query) as wire:
            return wire.answer()

    def open_stream(self, query: str = "", receive_buffer: int | None = None) -> Wire:
        """A connection on which the image has been asked for."""
        wire = Wire(self.client.address, receive_buffer)
        return wire.ask("GET", f"{self.path}/data{query}")

    def open_upload(self, *lines: str) -> Wire:
        """A connection on which a chunked upload has begun."""
        wire = Wire(self.client.address)
        return wire.ask("PUT", f"{self.path}/data", "Transfer-Encoding: chunked", *lines)

    def upload(self, image: bytes, **headers: str) -> Answer:
        """Writes an image."""
        return self.client.ask("PUT", f"{self.path}/data", image, headers)

    def image(self) -> bytes:
        """Its whole image; the device is stopped for it and stays in STOP."""
        self.go("STOP", "STOP_COPY")
        answer = self.download()
        assert answer.trailers["stream-state"] == "complete"
        self.go("STOP")
        return answer.body
