"""Plug-in files on disk, and the units that they hold.

A file is looked at whenever one of its units is called. An edited one is loaded; while that fails,
its last good version answers.
"""

from __future__ import annotations

import asyncio
import glob
import importlib.util
import json
import logging
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filtersched.errors import ConfigurationError
from filtersched.ovirt.core_units import BALANCE, KINDS
from filtersched.ovirt.errors import NoProcess, UnitError
from filtersched.ovirt.settings import Settings, plugin_conf
from filtersched.ovirt.wire import clean
from filtersched.ovirt.worker import MAX_SOURCE_BYTES, state
from filtersched.ovirt.workers import Version, Workers, last_words

LOG = logging.getLogger(__name__)

_MOST_CODE = 64 << 20  # bytes, of a file and all modules beside it
# What the engine accepts; a unit with anything else it drops without a word.
_VALIDATION = re.compile(r"(\w+=[^;]*(;\w+=[^;]*)*;?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PluginUnit:
    """A unit in a version of a plug-in file.

    properties : which properties it takes, `key=regex;key=regex`, or "".
    default_values : what the page's discover answers beside them, `value;value`, or "".
    """

    name: str
    kind: str
    description: str
    properties: str
    default_values: str
    cls: str | None
    function: str
    file: PluginFile
    version: Version

    async def answer(self, shared: bytes, properties: Mapping[str, Any]) -> tuple[Any, str]:
        """The unit's raw answer and what it wrote to stderr; `shared` is what `Known.for_workers` gave.

        Raises UnitError if there is no answer.
        """
        keys = [part.partition("=")[0] for part in self.properties.split(";") if part]
        pairs = zip(keys, self.default_values.split(";"), strict=False)
        defaults = {key: value for key, value in pairs if value}
        given = {key: value for key, value in properties.items() if value is not None or key not in defaults}
        question = {"ask": "call", "kind": self.kind, "class": self.cls, "function": self.function}
        asked = json.dumps({**question, "properties": {**defaults, **given}})[1:-1].encode()
        reply, stderr = await self.file.workers.ask(self.version, asked + b", " + shared)
        if reply["answer"] is None and (stderr or self.kind != BALANCE):
            raise UnitError(f"gave no answer{last_words(stderr)}", details=stderr)
        return reply["answer"], stderr


class PluginFile:
    """A plug-in file and its last good version.

    units : of that version. problems : sentences about the file as it is by now.
    broken : why it is not what answers; None if it is.
    """

    def __init__(self, path: str, workers: Workers) -> None:
        self.path = path
        self.name: str = os.path.splitext(os.path.basename(path))[0]
        self.workers = workers
        self.units: list[PluginUnit] = []
        self.problems: list[str] = []
        self.broken: str | None = None
        self._version: Version | None = None
        self._watched: list[str] = []
        self._seen: Any = None
        self._lock = asyncio.Lock()

    async def refresh(self, settings: Settings, *, anyway: bool = False) -> None:
        """Load the file if it, its `.conf` or a module that it imports changed; `anyway`: if not, too."""
        if self._lock.locked() and self.units and not anyway:
            return  # others need not wait for an edit that takes long to load
        async with self._lock:
            now = self._states(settings)
            if now != self._seen or anyway:
                self._seen = None
                now = now | await self._load(settings)
                # What changed since it was read counts as a change.
                self._seen = {path: now.get(path, seen) for path, seen in self._states(settings).items()}

    def close(self) -> None:
        """The file is gone; calls that run end on its last version."""
        self.units = []
        if self._version is not None:
            self._version.retire()

    def _states(self, settings: Settings) -> dict[str, Any]:
        """What tells whether anything changed that the file depends on."""
        confs = {self.name, *(unit.name for unit in self.units)}
        folders = [*settings.conf_folders, os.path.dirname(self.path)]
        paths = [os.path.join(folder, f"{name}.conf") for folder in folders for name in confs]
        return {path: state(path) for path in [self.path, *self._watched, *paths]}

    async def _load(self, settings: Settings) -> dict[str, Any]:
        """Make the file as it is now what answers, if it can be; the states of what was read for it."""
        version = self._new_version(settings, {})
        states: dict[str, Any] = {}
        try:
            found, _stderr = await self.workers.ask(version, b'"ask": "units"', reply_bytes=_MOST_CODE)
            version, states = self._new_version(settings, found["codes"]), found["states"]
            version.keep_alive = found["keep_alive"] is True
            wrong = f"{self.path}: KEEP_ALIVE has no effect: it must be a bool"
            problems = [] if isinstance(found["keep_alive"], bool) else [wrong]
            units = [unit for offer in found["units"] if (unit := self._unit(offer, version, settings, problems))]
            if not found["units"]:
                raise UnitError(
                    "it has none of do_filter, do_score, do_balance, filterFunction, scoreFunction, balanceFunction. "
                    "If other plug-ins import it, give it a name that begins with _"
                )
            if problems and self.units:
                raise UnitError("; ".join(problems))
        except UnitError as error:
            self.broken = f"{self.path} is left out: {error}"
            if self.units:
                self.broken = f"{self.path} is not used as it is now: {error}. Its last good version answers"
            self.problems = [self.broken]
            if not error.late:  # it may lack a module that comes later; one that hangs is left alone
                beside = glob.glob(os.path.join(glob.escape(os.path.dirname(self.path)), "*.py"))
                self._watched = list({*self._watched, *beside})
            LOG.warning("%s%s", self.broken, indented(error.details))
            return {self.path: None} if isinstance(error, NoProcess) else states
        if self._version is not None:
            self._version.retire()
        self._version, self._watched = version, list(states)
        self.broken, self.problems, self.units = None, problems, units
        self.workers.preload(found["modules"])
        for problem in problems:
            LOG.warning("%s", problem)
        return states

    def _new_version(self, settings: Settings, codes: dict[str, str]) -> Version:
        setup = {
            "path": self.path,
            "name": self.name,
            "codes": codes,
            "memory_mb": settings.plugin_memory_mb,
        }
        return Version(json.dumps(setup)[1:-1].encode())

    def _unit(
        self, offer: dict[str, Any], version: Version, settings: Settings, problems: list[str]
    ) -> PluginUnit | None:
        """A unit that the file offers, or None and a sentence among `problems`."""
        kind, name, folders = offer["kind"], offer["name"], [*settings.conf_folders, os.path.dirname(self.path)]
        if offer["problem"] is not None:
            problems.append(f"unit {name!r} of {self.path} is left out: {offer['problem']}")
            return None
        try:
            properties, defaults = plugin_conf(name, folders)
            if properties is None and not offer["properties"]:
                properties, defaults = plugin_conf(self.name, folders)
        except ConfigurationError as error:
            problems.append(f"unit {name!r} is left out: {error}")
            return None
        said = clean((offer["properties"] if properties is None else properties).strip())
        if not _VALIDATION.fullmatch(said):
            problems.append(
                f"unit {name!r} of {self.path} is left out, since the engine would refuse its properties {said!r}: "
                "they must be key=regex;key=regex with keys of letters, digits and _"
            )
            return None
        description, defaults = clean(offer["description"]), clean(defaults or "")
        return PluginUnit(name, kind, description, said, defaults, offer["class"], offer["function"], self, version)


class PluginFiles:
    """All plug-in files of the configured folders; kept when the configuration is read anew."""

    def __init__(self) -> None:
        self.files: dict[str, PluginFile] = {}
        self.workers: Workers = Workers()
        self._problems: list[str] = []

    async def discover(self, settings: Settings, *, anyway: bool = False) -> None:
        """Look at the folders and at each file; `anyway` loads also the files that did not change."""
        self._problems = []
        if anyway:
            self.workers.configure(settings)
        paths = list(_paths(settings, self._problems, self.files))
        gone = [file for path, file in self.files.items() if path not in paths]
        self.files = {path: self.files.get(path) or PluginFile(path, self.workers) for path in paths}
        # As many at a time as there are processors, so that the time of an import means something.
        turns = asyncio.Semaphore(os.cpu_count() or 1)

        async def refresh(file: PluginFile) -> None:
            async with turns:
                await file.refresh(settings, anyway=anyway)

        await asyncio.gather(*map(refresh, self.files.values()))
        for file in gone:
            file.close()

    def units(self) -> dict[str, dict[str, PluginUnit]]:
        """kind -> name -> unit; of two units of one name, the first file's."""
        found: dict[str, dict[str, PluginUnit]] = {kind: {} for kind in KINDS}
        for unit in (unit for file in self.files.values() for unit in file.units):
            found[unit.kind].setdefault(unit.name, unit)
        return found

    async def current(
        self, kind: str, names: Iterable[str], others: Container[str], settings: Settings
    ) -> dict[str, PluginUnit]:
        """The units of a kind; files with one of these names are looked at first.

        A name that is unknown, to `others` too, may be in a file that could not be loaded so far.
        """
        units = self.units()[kind]
        files = {units[name].file for name in names if name in units}
        if any(name not in units and name not in others for name in names):
            files.update(file for file in self.files.values() if file.broken)
        await asyncio.gather(*(file.refresh(settings) for file in files))
        return self.units()[kind] if files else units

    def problems(self) -> list[str]:
        """What is wrong now, in sentences."""
        found = self.units()
        doubles = [
            f"unit {unit.name!r} of {file.path} is left out: {first.path} has one of that name"
            for file in self.files.values()
            for unit in file.units
            if (first := found[unit.kind][unit.name].file) is not file
        ]
        of_files = [problem for file in self.files.values() for problem in file.problems]
        return list(dict.fromkeys([*self._problems, *of_files, *doubles]))

    def broken_units(self) -> dict[str, str]:
        """Name -> why there is no such unit, of units that files which cannot be loaded seem to hold."""
        found: dict[str, str] = {}
        for file in self.files.values():
            if file.broken:
                names = [file.name, *re.findall(r"^class[ \t]+(\w+)", text_of_file(file.path), re.MULTILINE)]
                found |= dict.fromkeys(names, file.broken)
        return found


def indented(text: str) -> str:
    """Text of a plug-in's as it may stand below a line of ours in the log, and not look like one."""
    lines = text.strip().splitlines()
    shown = lines if len(lines) <= 60 else [*lines[:30], f"... {len(lines) - 60} lines ...", *lines[-30:]]
    return "".join(f"\n    {printable(line)[:500]}" for line in shown)


def printable(text: str) -> str:
    """Text of others as it may stand in a line of the log."""
    return "".join(character if character.isprintable() else " " for character in text)


def _paths(settings: Settings, problems: list[str], known: Iterable[str]) -> Iterator[str]:
    """The plug-in files of the folders; of one that can't be read, those that are known."""
    for folder in settings.plugins_path:
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            problems.append(f"the plug-in folder {folder!r} cannot be read: {error.strerror}")
            if not isinstance(error, FileNotFoundError):
                yield from (path for path in known if os.path.dirname(path) == folder)
            continue
        for file_name in names:
            name, extension = os.path.splitext(file_name)
            if extension != ".py" or name.startswith(("_", ".")):
                continue
            path = os.path.join(folder, file_name)
            if clean(name) != name or len(name) > 200:
                problems.append(f"{path!r} is left out: its name cannot be sent to the engine")
            else:
                yield path


def text_of_file(path: str) -> str:
    """The text of a file, in the encoding that it declares; "" for one that cannot be read."""
    try:
        # A named pipe must not keep the daemon waiting.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            data = stream.read(MAX_SOURCE_BYTES)
    except OSError:
        return ""
    try:
        return importlib.util.decode_source(data)
    except (SyntaxError, UnicodeDecodeError):
        return data.decode("latin-1")
