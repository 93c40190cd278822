"""An agent for every module, devices for every test."""

import itertools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

# Before they are imported: their assertions tell what they saw.
pytest.register_assert_rewrite("agent", "answers", "clients", "devices", "rigs", "wire")

from agent import Agent
from clients import Client
from devices import SMALL, Device
from mtty import IN_LAB
from wire import Wire

# What needs real devices runs in the kernel lab: `make test-kernel`.
collect_ignore = [] if IN_LAB else ["kernel"]

Attach = Callable[..., Device]
Start = Callable[..., Agent]
LOG_LINES = 60


def pytest_runtest_setup() -> None:
    """Remembers where each log stands, so that a test shows its own part of it."""
    for agent in Agent.running:
        agent.shown = len(agent.log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows what the running agents have logged in a test that fails."""
    report = yield
    if report.failed:
        for agent in Agent.running:
            tail = "\n".join(agent.log[agent.shown:].splitlines()[-LOG_LINES:])
            report.sections.append((f"log of the agent, process {agent.process.pid}", tail))
    return report


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """The agent that the tests of a module share; it has to survive all of them and end well."""
    agent = Agent(tmp_path_factory.mktemp("agent"), "--simulate", "0")
    try:
        yield agent.started()
        assert agent.is_running, f"the agent has died:\n{agent.log}"
        assert agent.end() == 0, f"the agent ended badly:\n{agent.log}"
    finally:
        agent.discard()


@pytest.fixture
def client(agent: Agent) -> Client:
    """A client of the module's agent."""
    return Client(agent.address)


@pytest.fixture
def wire(agent: Agent) -> Iterator[Callable[[], Wire]]:
    """Opens bare connections to the module's agent, which end with the test."""
    opened: list[Wire] = []

    def open_wire(receive_buffer: int | None = None) -> Wire:
        opened.append(Wire(agent.address, receive_buffer))
        return opened[-1]

    yield open_wire
    for wire in opened:
        wire.close()


NUMBERS = itertools.count(1)


@pytest.fixture
def attach(client: Client) -> Iterator[Attach]:
    """Attaches simulated devices by plan, with a replay window; the test's end detaches them."""
    attached: list[Device] = []

    def attach_device(
        identifier: str | None = None, window: int | None = None, **plan: Any
    ) -> Device:
        identifier = identifier or f"test-{next(NUMBERS)}"
        body: dict[str, Any] = {"id": identifier, "source": {"simulated": {**SMALL, **plan}}}
        if window is not None:
            body["replay_window_bytes"] = window
        client.post("/v1/devices", body).ok(201)
        attached.append(Device(client, identifier))
        return attached[-1]

    yield attach_device
    for device in attached:
        device.detach(force=True)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts agents of the test's own, with these arguments."""
    started: list[Agent] = []

    def start_agent(
        *arguments: str, listen: str | None = "127.0.0.1:0", redirect: str = ""
    ) -> Agent:
        folder = tmp_path / f"agent-{len(started)}"
        agent = Agent(folder, *arguments, listen=listen, redirect=redirect)
        started.append(agent)
        return agent

    yield start_agent
    for agent in started:
        agent.discard()
