"""The parts of the lab that need no guest: `python3 -m unittest parts_test` in this folder."""

import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

import big
import newest
import stock
from packages import machine_sources
from steps import LabError
from verdict import COMPLAINT, Evidence


class Sources(unittest.TestCase):
    """Both formats of apt's configuration."""

    def read(self, files: dict[str, str]) -> list[tuple[str, list[str]]]:
        """What is found in a folder with these files."""
        with tempfile.TemporaryDirectory() as name:
            for path, text in files.items():
                Path(name, path).parent.mkdir(exist_ok=True)
                Path(name, path).write_text(text)
            return list(machine_sources(Path(name)))

    def test_lists(self) -> None:
        """One-line entries, with and without options; other types and comments do not count."""
        text = (
            "# deb http://a.test/debian old main\n"
            "deb-src http://b.test/debian stable main\n"
            "deb [arch=amd64 signed-by=/a/b.gpg] http://c.test/debian stable main contrib\n"
        )
        expected = [("http://c.test/debian", ["stable"])]
        self.assertEqual(self.read({"sources.list": text}), expected)
        self.assertEqual(self.read({"sources.list.d/some.list": text}), expected)

    def test_stanzas(self) -> None:
        """Stanzas with comments between fields, values over several lines, and disabled ones."""
        text = (
            "Types: deb deb-src\n# comment\nURIs: http://a.test/debian\n"
            "Suites: stable\n stable-updates\nComponents: main\n\n"
            "Types: deb-src\nURIs: http://b.test/debian\nSuites: stable\n\n"
            "Enabled: no\nTypes: deb\nURIs: http://c.test/debian\nSuites: stable\n\n"
            "types: deb\nuris: http://d.test http://e.test\nsuites: other\n"
        )
        expected = [
            ("http://a.test/debian", ["stable", "stable-updates"]),
            ("http://d.test", ["other"]),
            ("http://e.test", ["other"]),
        ]
        self.assertEqual(self.read({"sources.list.d/some.sources": text}), expected)


class Complaints(unittest.TestCase):
    """What counts as a complaint of the kernel's, and what does not."""

    def test_complaints(self) -> None:
        """Lines as different versions of the kernel print them, with and without the time."""
        for line in (
            "[    1.234567] WARNING: CPU: 1 PID: 70 at drivers/some.c:10 some_function+0x1/0x2",
            "[    1.234567] WARNING: drivers/some.c:10 at some_function+0x1/0x2, CPU#1: some/70",
            "------------[ cut here ]------------",
            "[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "[   12.345678] Oops: general protection fault, probably for address: 0000 [#1] SMP",
            "[   12.345678] kernel BUG at drivers/some.c:11!",
            "[12345.678901] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [some:70]",
            "[  120.000000] INFO: task some:70 blocked for more than 60 seconds.",
            "[    2.000000] Kernel panic - not syncing: sysrq triggered crash",
        ):
            self.assertTrue(COMPLAINT.match(line), line)

    def test_other_lines(self) -> None:
        """What a healthy kernel says, and what it says of a program that crashed."""
        for line in (
            "[    1.234567] mtty: loading out-of-tree module taints kernel.",
            "[    1.234567] traps: some[70] general protection fault ip:1 sp:2 error:0 in some",
            "[    1.234567] some[70]: segfault at 0 ip 1 sp 2 error 4 in some[3+1000]",
            "[    1.234567] Warning: unable to open an initial console.",
            "[    1.234567] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks",
        ):
            self.assertFalse(COMPLAINT.match(line), line)


class Verdicts(unittest.TestCase):
    """Only a well-formed report of a healthy kernel counts."""

    def verdict(self, report: str | None, log: str = "") -> int:
        """The verdict on a run that left these files."""
        with tempfile.TemporaryDirectory() as name:
            Path(name, "share").mkdir()
            Path(name, "kernel.log").write_text(log)
            if report is not None:
                Path(name, "share/status").write_text(report)
            return Evidence(Path(name)).exit_status()

    def test_status(self) -> None:
        """The status comes through; an out-of-tree module's taint is no fault."""
        self.assertEqual(self.verdict("0 0\n"), 0)
        self.assertEqual(self.verdict("7 12288\n", log="all is well\n"), 7)

    def test_no_status(self) -> None:
        """Nothing, a cut report, or a complaint beside a good report."""
        for report, log in (
            (None, ""),
            ("", ""),
            ("0 0", ""),
            ("0\n", ""),
            ("0 512\n", ""),
            ("0 0\n", "BUG: some\n"),
        ):
            with self.assertRaises(LabError, msg=str(report)):
                self.verdict(report, log)


class Kernels(unittest.TestCase):
    """Checks on what goes into a kernel and comes out of a package."""

    def test_lost_symbols(self) -> None:
        """A symbol that olddefconfig dropped, or switched on again, is named."""
        kept = newest.FRAGMENT.read_text()
        newest.check_config(kept)
        with self.assertRaisesRegex(LabError, "CONFIG_IOMMUFD=y"):
            newest.check_config(kept.replace("CONFIG_IOMMUFD=y", "# CONFIG_IOMMUFD is not set"))
        with self.assertRaisesRegex(LabError, "CONFIG_VT=n"):
            newest.check_config(kept.replace("CONFIG_VT=n", "CONFIG_VT=y"))

    def test_unpacking(self) -> None:
        """The payload is found by its header; anything but a whole ELF file is refused."""
        for body, good in ((b"\x7fELF kernel", True), (b"no kernel", False)):
            packed = subprocess.run(["zstd", "-c"], input=body, capture_output=True).stdout
            image = bytearray(1024) + b"code" + packed + struct.pack("<I", len(body)) + b"rest"
            image[0x1F1] = 1
            struct.pack_into("<II", image, 0x248, 4, len(packed) + 4)
            if good:
                self.assertEqual(stock.unpack_kernel(bytes(image)), body)
            else:
                self.assertRaises(LabError, stock.unpack_kernel, bytes(image))

    def test_places_for_our_code(self) -> None:
        """Each has to be there once: a driver that lacks a part of ours would pass for the sample."""
        sample = "\n".join(big.EDITS)
        self.assertIn("big_step_state(", big.big_driver(sample))
        for place in big.EDITS:
            for broken in (sample.replace(place, ""), f"{sample}\n{place}"):
                self.assertRaises(LabError, big.big_driver, broken)


if __name__ == "__main__":
    unittest.main()
