#!/usr/bin/env python3
"""The kernel lab: runs a command of this machine under a kernel that has migratable devices."""

import argparse
import os
import shlex
import signal
import sys
from typing import NoReturn

import big
import guest
import pair
from job import Job
from kernels import RECIPES, ready
from steps import LabError, say, step

DEFAULT_TIMEOUT_SECONDS = 600
# Beside the command's own exit status, which comes through unchanged; as timeout(1) has them.
TIMED_OUT, LAB_FAILED, INTERRUPTED = 124, 125, 130


def main() -> int:
    """Does what the command line says and returns the exit status."""
    # Like Ctrl-C: unwinds, so that the machine and the temporary files go.
    signal.signal(signal.SIGTERM, _end)
    options = _parse(sys.argv[1:])
    try:
        status: int = options.action(options)
        return status
    except guest.RanTooLong as error:
        say(f"TIMEOUT: {error}")
        return TIMED_OUT
    except LabError as error:
        say(f"FAILED: {error}")
        return LAB_FAILED
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED


def _end(number: int, _frame: object) -> NoReturn:
    """Ends this process by way of every `finally`."""
    sys.exit(128 + number)


def _build(options: argparse.Namespace) -> int:
    """Makes one kernel or all of them ready."""
    for tier in list(RECIPES) if options.tier == "all" else [options.tier]:
        with step(f"making the {tier} kernel ready"):
            kernel = ready(tier, options.jobs, big.NAME, options.update)
        say(f"{tier} is in {kernel.folder}")
    return 0


def _run(options: argparse.Namespace) -> int:
    """Runs a command to its end or its timeout."""
    job = Job(options.tier, options.command, dict(options.env), options.driver)
    kernel = ready(options.tier, options.jobs, options.driver)
    return guest.run(kernel, job, options.port, options.timeout)


def _pair(options: argparse.Namespace) -> int:
    """Runs two commands, each in a guest of its own, joined by a network."""
    kernel = ready(options.tier, options.jobs, options.driver)
    jobs = [
        Job(options.tier, command, dict(options.env), options.driver, addresses)
        for command, addresses in zip(
            (options.command, shlex.split(options.peer)), pair.ADDRESSES, strict=True)
    ]
    return pair.run(kernel, jobs[0], jobs[1], options.timeout)


def _shell(options: argparse.Namespace) -> int:
    """Joins the caller's terminal to a shell in the guest."""
    if not sys.stdin.isatty():
        raise LabError("a shell needs a terminal; use run for a script")
    job = Job(options.tier, ["/bin/bash"], dict(options.env), options.driver, interactive=True)
    kernel = ready(options.tier, options.jobs, options.driver)
    return guest.run(kernel, job, options.port, timeout=None)


def _parse(arguments: list[str]) -> argparse.Namespace:
    """The command line, with the action to take as `action`."""
    parser = argparse.ArgumentParser(description=__doc__)
    jobs = argparse.ArgumentParser(add_help=False)
    jobs.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1, metavar="N")
    machine = argparse.ArgumentParser(add_help=False)
    machine.add_argument("--tier", choices=RECIPES, required=True)
    machine.add_argument("--driver", choices=["mtty", big.NAME], default="mtty")
    machine.add_argument(
        "--env", type=variable, metavar="NAME=VALUE", action="append", default=[])
    timed = argparse.ArgumentParser(add_help=False)
    timed.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT_SECONDS, metavar="SECONDS")
    timed.add_argument("command", nargs="+", help="after --, with its arguments")
    reached = argparse.ArgumentParser(add_help=False)
    reached.add_argument(
        "--port", type=port_pair, metavar="HOST:GUEST", action="append", default=[])
    actions = parser.add_subparsers(required=True)

    build = actions.add_parser("build", parents=[jobs], help="make kernels ready in the cache")
    build.add_argument("--tier", choices=[*RECIPES, "all"], default="all")
    build.add_argument("--update", action="store_true", help="ask for newer packages")
    build.set_defaults(action=_build)
    run = actions.add_parser(
        "run", parents=[jobs, machine, reached, timed], help="run a command in the guest")
    run.set_defaults(action=_run)
    two = actions.add_parser(
        "pair", parents=[jobs, machine, timed], help="run a command each in two joined guests")
    two.add_argument("--peer", required=True, metavar="COMMAND", help="what runs in the second")
    two.set_defaults(action=_pair)
    shell = actions.add_parser(
        "shell", parents=[jobs, machine, reached], help="a shell in the guest")
    shell.set_defaults(action=_shell)
    return parser.parse_args(arguments)


def port_pair(text: str) -> tuple[int, int]:
    """Two port numbers with a colon between them."""
    here, there = text.split(":")
    return int(here), int(there)


def variable(text: str) -> tuple[str, str]:
    """A name and a value with an equals sign between them."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(text)
    return name, value


if __name__ == "__main__":
    sys.exit(main())
