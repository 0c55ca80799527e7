"""What setup.cfg cannot say: absolute links in the long description, and archives that anybody can build again.

Everything else about the package is in setup.cfg. Links start with the Source address of project_urls there.
An archive depends on the files alone, not on when, where or by whom it is built: SOURCE_DATE_EPOCH is its time.
"""

from __future__ import annotations

import configparser
import gzip
import os
import re
import tarfile
import time
import zipfile
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
# The earliest time that a wheel can hold: 1980-01-01.
EARLIEST = 315532800
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)(?=[^)\s]+\))")
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def long_description() -> str:
    """The README with links that lead to the source from anywhere."""
    setup_cfg = configparser.ConfigParser()
    setup_cfg.read(ROOT / "setup.cfg", encoding="utf-8")
    urls = dict(re.findall(r"(\w+) = (\S+)", setup_cfg["metadata"]["project_urls"]))
    parts = _FENCED.split((ROOT / "README.md").read_text(encoding="utf-8"))
    # Every second part is a block of code.
    parts[::2] = [_LINK.sub(urls["Source"] + "/", part) for part in parts[::2]]
    return "".join(parts)


def built_at() -> int:
    return max(int(os.environ.get("SOURCE_DATE_EPOCH", EARLIEST)), EARLIEST)


def mode(content: bytes) -> int:
    """Scripts can be run, everything can be read, whatever the umask and the modes of the checkout."""
    return 0o755 if content.startswith(b"#!") else 0o644


class ReproducibleSdist(sdist):
    """A source archive with sorted names, one time, no owner and plain modes."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)
        path = Path(f"{base_name}.tar.gz")
        with (
            path.open("wb") as raw,
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=built_at()) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for file in sorted(path for path in Path(base_dir).rglob("*") if path.is_file()):
                entry = tarfile.TarInfo(file.as_posix())
                entry.size, entry.mtime, entry.mode = file.stat().st_size, built_at(), mode(file.read_bytes())
                with file.open("rb") as content:
                    archive.addfile(entry, content)
        return str(path)


class ReproducibleWheel(bdist_wheel):
    """A wheel with one time and plain modes."""

    def run(self) -> None:
        super().run()
        for _command, _python, name in self.distribution.dist_files:
            if name.endswith(".whl"):
                pack_again(Path(name))


def pack_again(wheel: Path) -> None:
    """Write the wheel with the same files in the same order, and nothing of this machine."""
    with zipfile.ZipFile(wheel) as archive:
        contents = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, time.gmtime(built_at())[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode(content)) << 16
            archive.writestr(entry, content)


if __name__ == "__main__":
    setup(
        long_description=long_description(),
        cmdclass={"sdist": ReproducibleSdist, "bdist_wheel": ReproducibleWheel},
    )
