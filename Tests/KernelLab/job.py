"""What the guest gets to read: its initramfs and the job for this one run."""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from kernels import Kernel
from steps import LabError

# Fixed, so that a test may name them; two serial cards with two ports and two with one.
PORTS = {
    "0f3e2f2a-0000-4000-8000-000000000001": 2,
    "0f3e2f2a-0000-4000-8000-000000000002": 2,
    "0f3e2f2a-0000-4000-8000-000000000003": 1,
    "0f3e2f2a-0000-4000-8000-000000000004": 1,
}


@dataclass(frozen=True)
class Job:
    """A command, its environment, and whether somebody sits at the terminal."""

    tier: str
    command: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    driver: str = "mtty"
    # Its own in a network of two guests, and the other's.
    addresses: tuple[str, str] | None = None
    interactive: bool = False

    def script(self) -> str:
        """The job in shell words, as /init reads it."""
        size = shutil.get_terminal_size()
        settings = {
            "tier": self.tier,
            "driver": self.driver,
            "address": self.addresses[0] if self.addresses else "",
            "peer": self.addresses[1] if self.addresses else "",
            "mdevs": " ".join(f"{uuid}:{self.driver}-{ports}" for uuid, ports in PORTS.items()),
            "folder": os.getcwd(),
            "interactive": "yes" if self.interactive else "",
            "columns": str(size.columns),
            "rows": str(size.lines),
        }
        environment = [f"{name}={value}" for name, value in self._environment().items()]
        lines = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
        lines.append("set -- " + shlex.join([*environment, *self.command]))
        return "\n".join(lines) + "\n"

    def _environment(self) -> dict[str, str]:
        """Only what is listed here reaches the command, besides FERRY_LAB_."""
        # The folder of the real interpreter first: a launcher that picks one by shell script
        # costs a second per start in here.
        path = f"{os.path.dirname(sys.executable)}:{os.environ.get('PATH', os.defpath)}"
        return {
            "PATH": path,
            "HOME": "/tmp",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            # Output goes to a serial line, for line buffering; colours would end up in a log.
            "TERM": "xterm" if self.interactive else "dumb",
            **self.variables,
        }


def pack_initramfs(kernel: Kernel, folder: Path) -> Path:
    """Packs busybox, /init and the kernel's modules; takes no time, so it is never out of date."""
    root = folder / "initramfs"
    (root / "bin").mkdir(parents=True)
    busybox = shutil.which("busybox")
    if busybox is None:
        raise LabError("busybox is not in PATH")
    shutil.copy(busybox, root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")
    shutil.copyfile(Path(__file__).with_name("guest") / "init", root / "init")
    (root / "init").chmod(0o755)
    (root / "modules").mkdir()
    for module in kernel.modules:
        shutil.copy(module, root / "modules")
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    command = ["cpio", "--create", "--format=newc", "--quiet"]
    archive = folder / "initramfs.cpio"
    with archive.open("wb") as output:
        subprocess.run(command, cwd=root, input=names.encode(), stdout=output, check=True)
    return archive
