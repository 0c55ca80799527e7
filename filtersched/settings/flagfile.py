"""Reading settings files of every age: sections, bare `name = value` lines, old `--flags`.

    --scheduler_driver=nova.scheduler.filter_scheduler.FilterScheduler
    --verbose
    port = 18781
    [filter_scheduler]
    enabled_filters = RamFilter

Lines before the first section header belong to [DEFAULT], and so does a line that starts with
`--`, wherever it stands. Everything else (sections, continuation lines, comments, quotes) is as
oslo.config reads it, because its parser does the reading.
"""

from __future__ import annotations

import os

from oslo_config import iniparser

from filtersched.errors import ConfigurationError

_BYTE_ORDER_MARK = "\ufeff"

Sections = dict[str, dict[str, list[str]]]


def read_settings(path: str | os.PathLike[str]) -> Sections:
    """Everything a settings file says: section -> name -> the values, in order.

    Section names are lower case but for DEFAULT, as oslo.config looks them up. A name given
    more than once has several values; which of them counts depends on the option.
    Raises ConfigurationError, with path and line, for a file that cannot be read.
    """
    return parse_settings(read_text(path), os.fspath(path))


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a settings file; ConfigurationError says why there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        raise ConfigurationError(
            f"The settings file {os.fspath(path)!r} cannot be read: {error.strerror}.", value=os.fspath(path)
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"The settings file {os.fspath(path)!r} is not text in UTF-8: {error}.", value=os.fspath(path)
        ) from error


def parse_settings(text: str, path: str) -> Sections:
    """What `text` says; `path` is for messages."""
    numbered = _numbered_sections(text, path)
    reader = _Reader()
    try:
        reader.parse(line for _number, line in numbered)
    except iniparser.ParseError as error:
        number = numbered[error.lineno - 1][0]
        raise ConfigurationError(f"{path}, line {number}: {error.msg}: {error.line!r}", value=error.line) from error
    return reader.sections


def in_sections(text: str, path: str) -> str:
    """The same settings in the form that oslo.config reads."""
    return "".join(f"{line}\n" for _number, line in _numbered_sections(text, path))


def _numbered_sections(text: str, path: str) -> list[tuple[int, str]]:
    """Lines with a section header wherever one is missing, each with its number in the file."""
    section = "[DEFAULT]"
    lines = [(1, section)]
    for number, line in enumerate(text.removeprefix(_BYTE_ORDER_MARK).split("\n"), 1):
        if line.startswith("--"):
            lines += [(number, "[DEFAULT]"), (number, _flag(line, path, number)), (number, section)]
        elif line.startswith("//"):
            lines.append((number, f"#{line}"))
        else:
            if line.startswith("["):
                section = line
            lines.append((number, line))
    return lines


def _flag(line: str, path: str, number: int) -> str:
    """`--name=value` as an assignment; `--name` is true and `--noname` false."""
    name, given, value = line[2:].strip().partition("=")
    if not given:
        name, given, value = name.partition(" ")
    name = name.strip().replace("-", "_")
    if name == "flagfile":
        raise ConfigurationError(
            f"{path}, line {number}: a flag file cannot include another; give both as --config-file.",
            option="flagfile",
            value=value.strip(),
        )
    if given:
        return f"{name} = {value.strip()}"
    if name.startswith("no"):
        return f"{name[2:].lstrip('_')} = false"
    return f"{name} = true"


class _Reader(iniparser.BaseParser):
    def __init__(self) -> None:
        super().__init__()
        self.sections: Sections = {}
        self._section = "DEFAULT"

    def new_section(self, section: str) -> None:
        self._section = section if section == "DEFAULT" else section.lower()
        self.sections.setdefault(self._section, {})

    def assignment(self, key: str, value: list[str]) -> None:
        self.sections.setdefault(self._section, {}).setdefault(key, []).append("\n".join(value))


def needs_sections(text: str) -> bool:
    """Whether oslo.config could not read this text as it stands."""
    if any(line.startswith(("--", "//")) for line in text.split("\n")):
        return True
    lines = (line for line in text.split("\n") if line.strip() and not line.startswith(("#", ";")))
    return not next(lines, "[").startswith("[")
