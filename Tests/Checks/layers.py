"""Compares every import in Sources with the floor plan.

A target imports lower floors only, imports exactly what Package.swift declares for it, and each C
module is imported by one Swift target. The compiler's own check misses what comes in transitively.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FLOORS = [
    {"CLinux", "CVFIO", "CMicroHTTPD", "CJansson", "CNettle", "CCurl", "COpenAPI"},
    {"SystemCalls", "MigrationModel", "JSON", "Digests"},
    {"VFIO", "HTTPServer", "HTTPClient"},
    {"Devices"},
    {"KernelDevices", "SimulatedDevices"},
    {"Orchestration"},
    {"AgentAPI"},
    {"ferry"},
]
# What any target may import without naming it in Package.swift.
TOOLCHAIN = {"Glibc", "Synchronization"}
PURE = {"MigrationModel": set()}
IMPORT = re.compile(r"^\s*(?:@\w+\s+)*(?:(?:public|package|internal|private)\s+)?import\s+(\w+)", re.M)


def floor_of(module: str) -> int | None:
    """The floor that a module of this package is on."""
    return next((number for number, names in enumerate(FLOORS) if module in names), None)


def declared_dependencies() -> dict[str, set[str]]:
    """The modules that Package.swift lets each target import."""
    dump = subprocess.run(
        ["swift", "package", "dump-package"], cwd=ROOT, check=True, capture_output=True
    )
    targets = json.loads(dump.stdout)["targets"]
    declared: dict[str, set[str]] = {}
    for target in targets:
        named = (next(iter(dependency.values())) for dependency in target["dependencies"])
        declared[target["name"]] = {name for name, *_ in named}
    return declared


def imports() -> Iterator[tuple[str, Path, str]]:
    """Every import: the target, the file and the module."""
    for path in sorted((ROOT / "Sources").rglob("*.swift")):
        target = path.relative_to(ROOT / "Sources").parts[0]
        for match in IMPORT.finditer(path.read_text()):
            yield target, path.relative_to(ROOT), match.group(1)


def problems() -> Iterator[str]:
    """Everything that does not fit the floor plan."""
    declared = declared_dependencies()
    used: dict[str, set[str]] = {}
    importers: dict[str, set[str]] = {}
    for target, path, module in imports():
        used.setdefault(target, set()).add(module)
        if module.startswith("C") and floor_of(module) == 0:
            importers.setdefault(module, set()).add(target)
        if target in PURE and module not in PURE[target]:
            yield f"{path}: {target} is pure and imports {module}"
        if module == "Foundation":
            yield f"{path}: Foundation is not imported in Sources"
        if module in TOOLCHAIN:
            continue
        if module not in declared.get(target, set()):
            yield f"{path}: {target} imports {module}, which Package.swift does not name for it"
        here, there = floor_of(target), floor_of(module)
        if here is None:
            yield f"{path}: {target} has no floor in the plan"
        elif there is not None and there >= here:
            yield f"{path}: {target} (floor {here}) imports {module} (floor {there})"
    for module, targets in importers.items():
        if len(targets) > 1:
            yield f"{module} is imported by {', '.join(sorted(targets))}: one target is enough"
    for target, names in declared.items():
        if floor_of(target) is not None:
            for name in sorted(names - used.get(target, set())):
                yield f"Package.swift: {target} names {name} and does not import it"


def main() -> int:
    """Prints what is wrong; succeeds if nothing is."""
    found = list(dict.fromkeys(problems()))
    print("\n".join(found) if found else "layers: every import fits the floor plan")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
