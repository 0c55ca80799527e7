"""On which line of a settings file each key stands."""

from __future__ import annotations

import os
import re

from filtersched.settings.files import section_of

_SECTION = re.compile(r"\[(?P<name>[^\]]*)\]")
_KEY = re.compile(r"(?P<key>[^\s=:]+)")


def key_lines(path: str | os.PathLike[str]) -> dict[tuple[str, str], list[int]]:
    """The lines of each key by section and name, for a file that `read_settings` can read.

    A flag stands in DEFAULT and has `_` for `-`; `--noname` is the key `name` too.
    """
    found: dict[tuple[str, str], list[int]] = {}
    section = "DEFAULT"
    with open(os.path.expanduser(os.fspath(path)), encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if line[:1] in ("", "#", ";", " ", "\t", "\r", "\n") or line.startswith("//"):
                continue
            header, key = _SECTION.match(line), _KEY.match(line)
            if header is not None:
                section = section_of(header["name"].strip())
            elif line.startswith("--"):
                _add(found, "DEFAULT", _flag(line), number)
            elif key is not None:
                _add(found, section, key["key"], number)
    return found


def _flag(line: str) -> str:
    name = re.split(r"[=\s]", line[2:].strip(), maxsplit=1)[0].replace("-", "_")
    has_value = "=" in line or " " in line.strip()
    return name[2:].lstrip("_") if name.startswith("no") and not has_value else name


def _add(found: dict[tuple[str, str], list[int]], section: str, name: str, number: int) -> None:
    found.setdefault((section, name), []).append(number)
