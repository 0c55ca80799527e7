"""The values that count, with the file, line and spelling that set them; keys that stand twice; limits unenforced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg, types

from filtersched.cli.findings import Checked, Finding, listed
from filtersched.cli.setting_checks import is_set
from filtersched.errors import ConfigurationError
from filtersched.loading import describe_own_plugins
from filtersched.plugins.configurable import declared_options
from filtersched.settings import SchedulerConf, resolve_option
from filtersched.settings.files import section_of
from filtersched.settings.key_lines import key_lines
from filtersched.settings.options import SETTINGS, Spelling, spelled, spellings_of


@dataclass(frozen=True, slots=True)
class Effective:
    """An option that is in use, and where its value is from.

    spelling : that which set it; of a default, the first one.
    source : "default", "command line", "code", or the path of a file. line : in that file.
    """

    spelling: Spelling
    value: Any
    source: str
    line: int | None = None

    @property
    def is_default(self) -> bool:
        """Whether nothing sets it."""
        return self.source == "default"

    @property
    def place(self) -> str:
        """The source in words, with the line."""
        return self.source if self.line is None else f"{self.source}, line {self.line}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        group, name = self.spelling
        return {"group": group, "name": name, "value": _plain(self.value), "source": self.source, "line": self.line}


def effective_settings(checked: Checked) -> list[Effective]:
    """The options of the scheduler and of the plug-ins in use, those that are set first in their order."""
    options = [setting.opts for setting in SETTINGS]
    for plugin in dict.fromkeys(map(type, (*checked.filters, *checked.weighers))):
        for group, opt in declared_options(plugin):
            options.append(tuple((each, opt) for each, _name in spellings_of(opt, group)))
    found: dict[tuple[str, str], Effective] = {}
    lines = _Lines(checked.conf)
    for opts in options:
        group, opt = opts[-1]
        with contextlib.suppress(ConfigurationError):
            found.setdefault((group, opt.dest), _effective(checked.conf, opts, lines))
    return sorted(found.values(), key=lambda one: one.is_default)


def _effective(conf: SchedulerConf, opts: Sequence[tuple[str, cfg.Opt]], lines: _Lines) -> Effective:
    for group, opt in reversed(opts):
        if is_set(conf, (group, opt.dest)):
            value, _spelling = resolve_option(conf, opt, group)
            return Effective((group, opt.dest), _shown(opt, value), *lines.of((group, opt.dest)))
    group, opt = opts[-1]
    return Effective((group, opt.dest), _shown(opt, opt.default), "default")


def _shown(opt: cfg.Opt, value: Any) -> Any:
    return "****" if opt.secret and value is not None else value


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def value_text(value: Any) -> str:
    """A value as a settings file has it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "(empty)"
    if isinstance(value, bool):
        return str(value).lower()
    return "(unset)" if value is None else str(value) or "(empty)"


class _Lines:
    """Which file and line set a spelling."""

    def __init__(self, conf: SchedulerConf) -> None:
        self._conf = conf
        self.files = list(conf.default_config_files)
        self._lines: dict[str, dict[tuple[str, str], list[int]]] = {}

    def of(self, spelling: Spelling) -> tuple[str, int | None]:
        """The source that counts, and its last line that has the key."""
        raw = self._conf.raw_values(spelling)
        if not raw:
            return "code", None
        at = raw[-1][0]
        if at >= len(self.files):
            return "command line", None
        found = self.lines(self.files[at]).get((section_of(spelling[0]), spelling[1]))
        return self.files[at], found[-1] if found else None

    def lines(self, path: str) -> dict[tuple[str, str], list[int]]:
        """The lines of the keys of a file; empty where it cannot be read again, as a pipe cannot."""
        if path not in self._lines:
            self._lines[path] = {}
            # A pipe is empty now, and opening it may wait for ever.
            if os.path.isfile(os.path.expanduser(path)):
                with contextlib.suppress(OSError, UnicodeError):
                    self._lines[path] = key_lines(path)
        return self._lines[path]


def value_findings(checked: Checked) -> Iterator[Finding]:
    """Keys that stand twice, and limits that no filter enforces."""
    yield from _twice(checked)
    yield from _unenforced(checked)


def _twice(checked: Checked) -> Iterator[Finding]:
    known = {(section_of(group), opt.dest): opt for setting in SETTINGS for group, opt in setting.opts}
    for plugin in map(type, (*checked.filters, *checked.weighers)):
        for group, opt in declared_options(plugin):
            known |= {(section_of(each), name): opt for each, name in spellings_of(opt, group)}
    lines = _Lines(checked.conf)
    for path in lines.files:
        for (section, name), numbers in lines.lines(path).items():
            if len(numbers) > 1 and (section, name) in known and not known[section, name].multi:
                where = listed([str(number) for number in numbers])
                said = f"{spelled((section, name))} stands {len(numbers)} times in {path}, on lines {where}"
                yield Finding("stands twice", f"{said}: the last counts.")


def _unenforced(checked: Checked) -> Iterator[Finding]:
    """Limits that are set and that only weighers read: hosts are filled beyond them."""
    enforced = {(group, opt.dest) for one in checked.filters for group, opt in declared_options(type(one))}
    weighed = {(group, opt.dest) for one in checked.weighers for group, opt in declared_options(type(one))}
    for (group, name), (opt, filters) in _limits().items():
        if (group, name) in enforced or (group, name) not in weighed:
            continue
        for spelling in spellings_of(opt, group):
            if is_set(checked.conf, spelling):
                yield Finding(
                    "not enforced",
                    f"{spelled(spelling)} is set and no filter in use enforces it: weighers read it, and hosts are "
                    f"filled beyond it. {' or '.join(filters[:2])} would.",
                )


def _limits() -> dict[tuple[str, str], tuple[cfg.Opt, list[str]]]:
    """The numbers among the options of the library's filters, and the filters that have each."""
    found: dict[tuple[str, str], tuple[cfg.Opt, list[str]]] = {}
    for plugin in describe_own_plugins():
        for group, opt in plugin.options if plugin.kind == "filter" else ():
            if not isinstance(opt.type, types.Integer | types.Float):
                continue
            found.setdefault((group, opt.dest), (opt, []))[1].append(plugin.name)
    return {key: (opt, sorted(names, key=lambda name: (len(name), name))) for key, (opt, names) in found.items()}


