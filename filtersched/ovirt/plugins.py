"""Plug-in files on disk, and the units that they hold."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from filtersched.errors import ConfigurationError
from filtersched.ovirt.settings import Settings, plugin_conf
from filtersched.ovirt.wire import clean
from filtersched.ovirt.workers import Job, Limits, PluginSource, WorkerPool, ask

LOG = logging.getLogger(__name__)

KINDS = ("filters", "scores", "balance")
MAX_SOURCE_BYTES = 4 << 20
# What the engine accepts; a unit with anything else it drops without a word.
_VALIDATION = re.compile(r"(\w+=[^;]*(;\w+=[^;]*)*;?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PluginUnit:
    """A unit in a plug-in file.

    kind : "filters", "scores" or "balance", the engine's words.
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
    pool: WorkerPool

    def job(self, shared: str, properties: Mapping[str, Any]) -> Job:
        """The question to this unit; `shared` holds hosts and vm as members of a JSON object."""
        defaults = self.defaults
        given = {key: value for key, value in properties.items() if value is not None or key not in defaults}
        question = {
            "ask": "call",
            "kind": self.kind,
            "class": self.cls,
            "function": self.function,
            "properties": {**defaults, **given},
        }
        return Job(self.pool, question, unit=self.name, shared=shared)

    @property
    def defaults(self) -> dict[str, str]:
        """Property to default value, paired by place."""
        keys = [part.partition("=")[0] for part in self.properties.split(";") if part]
        return {} if not self.default_values else dict(zip(keys, self.default_values.split(";"), strict=False))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The units that were found, kind -> name -> unit, and what was wrong, in sentences."""

    units: Mapping[str, Mapping[str, PluginUnit]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    problems: tuple[str, ...] = ()


class PluginFolders:
    """The plug-in files of the configured folders, looked at anew at each discovery.

    While nothing changed the workers stay. If any file did (a plug-in, its `.conf`, a module beside
    it), or one took too long to load, all plug-ins are loaded anew. Calls that run meanwhile end
    on the workers that they began on.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = Limits(
            settings.plugin_timeout, settings.max_plugin_output_bytes, settings.plugin_memory_mb
        )
        self._lock = threading.Lock()
        self._seen: Any = None
        self._closed = False
        self._pools: list[WorkerPool] = []
        self._retired: list[WorkerPool] = []
        self.catalogue = Catalogue()

    def discover(self) -> Catalogue:
        """Look at the folders; the catalogue that is true from now on."""
        with self._lock:
            seen = [_listing(folder) for folder in self._folders()]
            if seen != self._seen and not self._closed:
                old = self._pools
                self._retired = self._retired + old
                self.catalogue, complete = self._load()
                self._seen = seen if complete else None
                for pool in old:
                    pool.close(now=False)
                self._retired = [pool for pool in self._retired if pool.busy]
                for problem in self.catalogue.problems:
                    LOG.warning("%s", problem)
            return self.catalogue

    def close(self, *, now: bool) -> None:
        """End all workers: at once if `now`, else each after the job that it has."""
        self._closed = True
        for pool in self._pools + self._retired:
            pool.close(now=now)

    @property
    def busy(self) -> bool:
        """Whether a call still waits for a plug-in."""
        return any(pool.busy for pool in self._pools + self._retired)

    def _folders(self) -> list[str]:
        beside = self._settings.conf_folder
        return [*self._settings.plugins_path, *([] if beside is None else [beside])]

    def _load(self) -> tuple[Catalogue, bool]:
        """What there is now, and whether that is final: a file that was too slow may be faster next time."""
        problems: list[str] = []
        sources: list[PluginSource] = []
        for folder in self._settings.plugins_path:
            sources += _sources(folder, problems)
        self._pools = [WorkerPool(source, self._limits) for source in sources]
        if self._closed:
            return Catalogue(), False
        jobs = [Job(pool, {"ask": "load"}, unit=pool.source.name) for pool in self._pools]
        # Two at a time, so that each import has a processor to itself and its time means something.
        for at in range(0, len(jobs), 2):
            ask(jobs[at : at + 2], time.monotonic() + 2 * self._limits.timeout)
        units: dict[str, dict[str, PluginUnit]] = {kind: {} for kind in KINDS}
        for job in jobs:
            if job.error is not None:
                problems.append(f"{job.pool.source.path} is left out: {job.error}")
            elif not job.answer:
                problems.append(
                    f"{job.pool.source.path} is left out: it has none of do_filter, do_score, do_balance, "
                    "filterFunction, scoreFunction, balanceFunction"
                )
            else:
                self._add(units, job, problems)
        return Catalogue(units, tuple(problems)), not any(job.late for job in jobs)

    def _add(self, units: dict[str, dict[str, PluginUnit]], job: Job, problems: list[str]) -> None:
        source = job.pool.source
        beside = self._settings.conf_folder
        folders = [*([] if beside is None else [beside]), os.path.dirname(source.path)]
        for offer in job.answer:
            kind, name = offer["kind"], offer["name"]
            try:
                properties, defaults = plugin_conf(name, folders)
                if properties is None and not offer["properties"]:
                    properties, defaults = plugin_conf(source.name, folders)
            except ConfigurationError as error:
                problems.append(f"unit {name!r} is left out: {error}")
                continue
            said = _validation(offer["properties"] if properties is None else properties)
            if said is None:
                problems.append(
                    f"unit {name!r} of {source.path} is left out, since the engine would refuse its properties "
                    f"{properties or offer['properties']!r}: they must be key=regex;key=regex with keys of letters, "
                    "digits and _"
                )
            elif name in units[kind]:
                first = units[kind][name].pool.source.path
                problems.append(f"unit {name!r} of {source.path} is left out: {first} has one of that name")
            else:
                units[kind][name] = PluginUnit(
                    name,
                    kind,
                    clean(offer["description"]),
                    said,
                    clean(defaults or ""),
                    offer["class"],
                    offer["function"],
                    job.pool,
                )


def _validation(text: str) -> str | None:
    """Properties in the engine's form; the form `{ cpu = [0-9] }` of old documents too, else None."""
    text = clean(text.strip())
    if text.startswith("{") and text.endswith("}"):
        parts = [part.partition("=") for part in text[1:-1].split(";") if part.strip()]
        text = ";".join(f"{key.strip()}={regex.strip()}" for key, _equals, regex in parts)
    return text if _VALIDATION.fullmatch(text) else None


def _listing(folder: str) -> Any:
    """What tells whether anything in a folder changed."""
    try:
        with os.scandir(folder) as entries:
            stats = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith((".py", ".conf"))]
    except OSError as error:
        return error.errno
    return sorted((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats)


def _sources(folder: str, problems: list[str]) -> Iterable[PluginSource]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        problems.append(f"the plug-in folder {folder!r} cannot be read: {error.strerror}")
        return
    for file_name in names:
        name, extension = os.path.splitext(file_name)
        if extension != ".py" or name.startswith(("_", ".")):
            continue
        path = os.path.join(folder, file_name)
        if not name or clean(name) != name or len(name) > 200:
            problems.append(f"{path!r} is left out: its name cannot be sent to the engine")
            continue
        try:
            with open(path, "rb") as stream:
                text = stream.read(MAX_SOURCE_BYTES + 1)
        except OSError as error:
            problems.append(f"{path} is left out: {error.strerror}")
            continue
        if len(text) > MAX_SOURCE_BYTES:
            problems.append(f"{path} is left out: it is larger than {MAX_SOURCE_BYTES} bytes")
            continue
        yield PluginSource(path, name, text)
