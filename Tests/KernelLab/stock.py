"""The stock tier: Debian's own kernel, with the sample driver built as a module for it."""

import lzma
import re
import shutil
import struct
import subprocess
from pathlib import Path

from packages import Archive
from steps import LabError, logged, step

SUITE = "bookworm-backports"
IMAGE = r"linux-image-6\.12\.\d+[^-]*-amd64"
SOURCE = "linux-source-6.12"
SAMPLE = f"{SOURCE}/samples/vfio-mdev/mtty.c"
# What /init needs of a kernel that has nearly everything as modules; the rest comes with them.
WANTED = ["9p", "9pnet_virtio", "virtio_net", "vfio_iommu_type1", "mdev", "mtty"]


def choose(archive: Archive) -> tuple[str, list[str]]:
    """The newest version that has all of its parts in the archive, and their names."""
    for image, version in archive.newest(IMAGE):
        abi = image.removeprefix("linux-image-").removesuffix("-amd64")
        parts = [image, f"linux-headers-{abi}-amd64", f"linux-headers-{abi}-common"]
        parts += [f"linux-kbuild-{abi}", SOURCE]
        if all(version in archive.versions(part) for part in parts):
            return version, parts
    raise LabError(f"{SUITE} has no {IMAGE} with headers and sources of the same version")


def build(tree: Path, folder: Path, jobs: int, log: Path) -> None:
    """Leaves vmlinux, the numbered modules, and what others are built with, in the folder."""
    with step("unpacking the stock kernel"):
        compressed = next((tree / "boot").glob("vmlinuz-*"))
        (folder / "vmlinux").write_bytes(unpack_kernel(compressed.read_bytes()))
    with step("building mtty as a module"):
        driver = _build_driver(tree, jobs, log)
    with step("collecting the guest's modules"):
        _collect_modules(tree, driver, folder / "modules")
    shutil.copyfile(driver.with_name("mtty.c"), folder / "mtty.c")
    _keep_headers(tree, folder)


def unpack_kernel(image: bytes) -> bytes:
    """The ELF file inside a bzImage: entering it directly saves a second of decompression."""
    # Offsets of the x86 boot protocol: setup_sects, payload_offset, payload_length.
    (setup_sectors,) = struct.unpack_from("<B", image, 0x1F1)
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    # The last four bytes are the unpacked size, which zstd would take for a second frame.
    payload = image[start : start + length - 4]
    (size,) = struct.unpack_from("<I", image, start + length - 4)
    done = subprocess.run(["zstd", "-dc"], input=payload, capture_output=True, check=False)
    if done.returncode != 0 or len(done.stdout) != size or done.stdout[:4] != b"\x7fELF":
        raise LabError("the stock kernel is not packed with zstd any more")
    return done.stdout


def _build_driver(tree: Path, jobs: int, log: Path) -> Path:
    """Compiles the sample driver against the unpacked headers."""
    sources = tree / "usr/src"
    folder = tree / "driver"
    folder.mkdir()
    logged(["tar", "-xf", sources / f"{SOURCE}.tar.xz", "-C", folder, SAMPLE], log)
    shutil.move(folder / SAMPLE, folder / "mtty.c")
    (folder / "Makefile").write_text("obj-m := mtty.o\n")
    headers = next(sources.glob("linux-headers-*-amd64"))
    common = next(sources.glob("linux-headers-*-common"))
    # The package's own names the place where it would have been installed.
    (headers / "Makefile").write_text(f"include ../{common.name}/Makefile\n")
    # The machine's own compiler; type information would need pahole, and nobody reads it here.
    settings = ["CC=gcc", "CONFIG_DEBUG_INFO_BTF_MODULES="]
    logged(["make", f"-j{jobs}", "-C", headers, f"M={folder}", *settings, "modules"], log)
    return folder / "mtty.ko"


def _keep_headers(tree: Path, folder: Path) -> None:
    """Moves what modules are built with to `headers`; its parts name each other by relative paths."""
    for place in ("src", "lib"):
        (folder / "packages" / place).mkdir(parents=True)
        for part in (tree / "usr" / place).glob("linux-[hk]*"):
            part.rename(folder / "packages" / place / part.name)
    headers = next((folder / "packages/src").glob("linux-headers-*-amd64"))
    (folder / "headers").symlink_to(headers.relative_to(folder))


def _collect_modules(tree: Path, driver: Path, folder: Path) -> None:
    """Writes the wanted modules and what they depend on, numbered in the order to load them."""
    folder.mkdir()
    paths = {_module_name(path): path for path in (tree / "lib/modules").rglob("*.ko.xz")}
    loaded: dict[str, bytes] = {}

    def load(name: str) -> None:
        """Appends a module behind those it depends on."""
        if name in loaded:
            return
        if name != "mtty" and name not in paths:
            raise LabError(f"the stock kernel has no module {name}")
        code = driver.read_bytes() if name == "mtty" else lzma.decompress(paths[name].read_bytes())
        for dependencies in re.findall(rb"\0depends=([^\0]+)\0", code):
            for dependency in dependencies.decode().split(","):
                load(dependency.replace("-", "_"))
        loaded[name] = code

    for name in WANTED:
        load(name)
    for number, (name, code) in enumerate(loaded.items()):
        (folder / f"{number:02}-{name}.ko").write_bytes(code)


def _module_name(path: Path) -> str:
    """The name that the kernel knows a module by."""
    return path.name.split(".")[0].replace("-", "_")
