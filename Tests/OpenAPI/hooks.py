"""What schemathesis loads: it keeps each request in its bounds and sets the scene for it."""

import sys
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.generation.stateful.state_machine import APIStateMachine

sys.path.append(str(Path(__file__).resolve().parent))
import bounds
import scenes

STAGE = scenes.Stage()


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any],
) -> None:
    """Just before a request is sent."""
    bounds.keep(case)
    STAGE.set_for(case, kwargs)


def teardown(machine: APIStateMachine) -> None:
    """After each stateful test: a replay that met other devices would end all of them."""
    STAGE.clear()


APIStateMachine.teardown = teardown
