"""Reading settings files of every age: sections, bare `name = value` lines, old `--flags`.

    --scheduler_driver=nova.scheduler.filter_scheduler.FilterScheduler
    --verbose
    port = 18781
    [filter_scheduler]
    enabled_filters = RamFilter

Lines before the first section header belong to [DEFAULT], and so does every line that starts
with `--`. oslo.config's parser reads the rest: sections, continuation lines, comments, quotes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from oslo_config import iniparser

from filtersched.errors import ConfigurationError

# Section -> name -> values.
Sections = dict[str, dict[str, list[str]]]


def section_of(group: str) -> str:
    """The section of a group: in lower case except DEFAULT, as oslo.config compares them."""
    return group if group == "DEFAULT" else group.lower()


def read_settings(path: str | os.PathLike[str]) -> Sections:
    """Everything a settings file says, whatever the locale: files are UTF-8.

    A name that the file repeats has several values; the option decides which of them count.
    Raises ConfigurationError, with path and line, for a file that cannot be read.
    """
    shown = os.fspath(path)
    reader = _Reader(shown)
    try:
        with open(os.path.expanduser(shown), encoding="utf-8-sig") as stream:
            reader.parse(reader.marked(stream))
    except iniparser.ParseError as error:
        said = f"{shown}, line {reader.line}: {error.msg}: {error.line!r}"
        raise ConfigurationError(said, value=error.line) from error
    except UnicodeError as error:
        raise ConfigurationError(f"The settings file {shown!r} is not text in UTF-8: {error}.", value=shown) from error
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"The settings file {shown!r} cannot be read: {problem}.", value=shown) from error
    return reader.sections


class _Reader(iniparser.BaseParser):
    """oslo.config's parser, with flags marked by the `--` that stays in front of their names."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.sections: Sections = {}
        self.path = path
        self.line = 0
        self._section = "DEFAULT"

    def marked(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines of a file as the parser can read them."""
        for self.line, line in enumerate(lines, 1):
            if line.startswith("--"):
                yield self._assigned(line)
                yield ""  # no continuation line belongs to a flag
            else:
                yield f"#{line}" if line.startswith("//") else line

    def new_section(self, section: str) -> None:
        self._section = section_of(section)
        self.sections.setdefault(self._section, {})

    def assignment(self, key: str, value: list[str]) -> None:
        section = "DEFAULT" if key.startswith("--") else self._section
        names = self.sections.setdefault(section, {})
        names.setdefault(key.removeprefix("--"), []).append("\n".join(value))

    def _assigned(self, line: str) -> str:
        """A flag as an assignment: `--name` is true, `--noname` false, `-` in names is `_`."""
        name, given, value = line[2:].strip().partition("=")
        if not given:
            name, given, value = name.partition(" ")
        name = name.strip().replace("-", "_")
        if name == "flagfile":
            raise ConfigurationError(
                f"{self.path}, line {self.line}: a flag file cannot include another. Give both as --config-file.",
                option="flagfile",
                value=value.strip(),
            )
        if not given:
            value = "true"
            if name.startswith("no"):
                name, value = name[2:].lstrip("_"), "false"
        if not name:
            raise ConfigurationError(f"{self.path}, line {self.line}: a flag needs a name: {line!r}", value=line)
        return f"--{name} = {value}"
