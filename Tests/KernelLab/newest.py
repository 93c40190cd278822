"""The newest tier: a small kernel built from Debian's newest sources, everything built in."""

import re
import shutil
from pathlib import Path

from packages import Archive
from steps import LabError, logged, step

SUITE = "trixie-backports"
SOURCE = r"linux-source-7\.\d+"
SAMPLE = "samples/vfio-mdev/mtty.c"
FRAGMENT = Path(__file__).with_name("newest.config")


def choose(archive: Archive) -> tuple[str, list[str]]:
    """The newest version of the sources, and the name of their package."""
    for name, version in archive.newest(SOURCE):
        return version, [name]
    raise LabError(f"{SUITE} has no package {SOURCE}")


def build(tree: Path, folder: Path, jobs: int, log: Path) -> None:
    """Leaves vmlinux, and what a module of one's own is built with, in the folder."""
    with step("unpacking the kernel's sources"):
        packed = next((tree / "usr/src").glob("linux-source-*.tar.xz"))
        logged(["tar", "-xf", packed, "-C", tree], log)
    sources = tree / packed.name.removesuffix(".tar.xz")
    with step("configuring"):
        logged(["make", "-C", sources, "tinyconfig"], log)
        config = sources / ".config"
        config.write_text(config.read_text() + FRAGMENT.read_text())
        logged(["make", "-C", sources, "olddefconfig"], log)
        check_config(config.read_text())
    with step(f"compiling with {jobs} jobs (minutes; output in {log})"):
        logged(["make", f"-j{jobs}", "-C", sources, "vmlinux", "modules"], log)
    shutil.copyfile(sources / "vmlinux", folder / "vmlinux")
    with step("keeping what modules are built with"):
        # What the kernel's own packages of headers are filled by.
        collect = f"$(srctree)/scripts/package/install-extmod-build {folder / 'headers'}"
        logged(["make", "-C", sources, "run-command", f"KBUILD_RUN_COMMAND={collect}"], log)
        shutil.copyfile(sources / SAMPLE, folder / "mtty.c")


def check_config(config: str) -> None:
    """Refuses a configuration in which a line of the fragment got lost."""
    is_set = set(re.findall(r"^(CONFIG_\w+)=y$", config, re.M))
    wanted = re.findall(r"^(CONFIG_\w+)=([yn])$", FRAGMENT.read_text(), re.M)
    lost = [f"{name}={value}" for name, value in wanted if (name in is_set) != (value == "y")]
    if lost:
        raise LabError(f"make olddefconfig did not keep {' '.join(lost)} of {FRAGMENT.name}")
