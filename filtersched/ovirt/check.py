"""`filtersched-proxy --check`: what the engine will see, and everything that an operator should mend."""

from __future__ import annotations

import asyncio
import importlib.machinery
import logging
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from filtersched.ovirt.conf_checks import file_findings, property_findings
from filtersched.ovirt.daemon import Proxy
from filtersched.ovirt.plugin_files import text_of_file
from filtersched.ovirt.settings import FILES, Settings
from filtersched.ovirt.source_checks import source_findings
from filtersched.ovirt.systemd_unit import ServiceUser, daemon_command, hidden_below, secret_files

_KINDS = {"filters": "filters", "scores": "cost functions", "balance": "balancers"}
_IDS_ONLY = "Without engine_url plug-ins see ids only, and the library's filters and weighers are not offered."
_Texts = dict[str, str]  # path -> text
_Units = Mapping[str, Mapping[str, Any]]  # kind -> name -> unit


def run(path: str | None) -> int:
    """Print units, notes and problems; 1 if there is any problem. Only a problem makes the check fail."""
    if logging.getLogger().level > logging.DEBUG:
        logging.getLogger("filtersched").setLevel(logging.CRITICAL)  # what it would log is printed
    return asyncio.run(_run(path))


async def _run(path: str | None) -> int:
    proxy = Proxy(path)
    try:
        problems = await proxy.start()
        units = proxy.calls.announced()
    finally:
        await proxy.close()
    settings, notes = proxy.settings, list[str]()
    folders = _folders(settings)
    sources = {file: text_of_file(file) for folder in settings.plugins_path for file in _files(folder, ".py")}
    confs = {file: text_of_file(file) for folder in folders for file in _files(folder, ".conf")}
    _check_sources(sources, problems, notes)
    problems += _conf_problems(confs, sources, units)
    if os.geteuid() == 0:
        _check_rights(settings, [*folders, *sources, *confs], problems, notes)
    if settings.engine_url is None and settings.dialect == "engine":
        notes.append(_IDS_ONLY)
    print(f"configuration: {settings.source or 'no file, all defaults'}")
    _print_units(units)
    for kind, sentences in (("note", notes), ("problem", problems)):
        for sentence in dict.fromkeys(sentences):
            print(f"{kind}: {sentence}", file=sys.stderr)
    print(_summary(units, settings, len(set(problems))))
    return 1 if problems else 0


def _print_units(units: _Units) -> None:
    for kind, title in _KINDS.items():
        if units[kind]:
            print(f"{title}:")
        for name, unit in sorted(units[kind].items()):
            summary = unit.description.partition("\n")[0]
            properties = f"  [{unit.properties}]" if unit.properties else ""
            print(f"  {name}{': ' if summary else ''}{summary}{properties}")


def _summary(units: _Units, settings: Settings, problems: int) -> str:
    """The last line: how much there is to offer, and how much is wrong."""
    wrong = {0: "No problem.", 1: "1 problem."}.get(problems, f"{problems} problems.")
    if any(units.values()):
        return f"{', '.join(f'{title}: {len(units[kind])}' for kind, title in _KINDS.items())}. {wrong}"
    folders = f"no unit in {', '.join(settings.plugins_path)}" if settings.plugins_path else "no plug-in folder"
    from_engine = "no engine_url" if settings.engine_url is None else "no unit of the library"
    return f"Nothing to offer: {folders}, {from_engine}. {wrong}"


def _folders(settings: Settings) -> list[str]:
    """The folders of plug-in files and of their `.conf` files."""
    wanted = [*settings.plugins_path, *settings.conf_folders]
    return list({os.path.realpath(folder): folder for folder in reversed(wanted) if os.path.isdir(folder)}.values())


def _files(folder: str, extension: str) -> list[str]:
    return [str(path) for path in sorted(Path(folder).glob(f"[!.]*{extension}")) if path.is_file()]


def _check_sources(sources: _Texts, problems: list[str], notes: list[str]) -> None:
    """Add what reading the sources finds; a hint about a line that loading complained of joins that complaint."""
    loading = len(problems)
    for path, text in sources.items():
        importable = partial(_importable, [os.path.dirname(path), *sys.path])
        for finding in source_findings(text, importable):
            same = re.compile(rf"{re.escape(path)}\b.*\bline {finding.line}\b", re.DOTALL)
            complaint = next((each for each in range(loading) if same.match(problems[each])), None)
            if not finding.is_problem:
                notes.append(f"{path}, line {finding.line}: {finding.text}")
            elif complaint is None:
                problems.append(f"{path}, line {finding.line}: {finding.text}")
            else:
                problems[complaint] += f". {finding.text}"


def _importable(places: list[str], name: str) -> bool:
    return importlib.machinery.PathFinder.find_spec(name, places) is not None


def _conf_problems(confs: _Texts, sources: _Texts, units: _Units) -> Iterator[str]:
    own = [unit for of_kind in units.values() for unit in of_kind.values() if hasattr(unit, "file")]
    names = {unit.name for unit in own} | {Path(path).stem for path in sources}
    for text in sources.values():  # the units of a file that cannot be loaded
        names.update(re.findall(r"^class\s+(\w+)", text, re.MULTILINE))
    for path, text in confs.items():
        yield from file_findings(path, text, names)
    for unit in own:
        yield from property_findings(unit.name, unit.file.path, unit.properties, unit.default_values)


def _check_rights(settings: Settings, paths: list[str], problems: list[str], notes: list[str]) -> None:
    """Root reads everything: add what the service's user cannot read."""
    user, secrets = ServiceUser.of_unit(), secret_files(settings)
    handed_in = frozenset(secrets) if user.credentials is None else user.credentials
    named = [settings.source, *(getattr(settings, key) for key in FILES)]
    wanted = dict.fromkeys([*(os.path.abspath(path) for path in named if path is not None), *paths])
    problems += user.unreadable(path for path in wanted if path not in handed_in)
    for path in secrets:
        if os.stat(path).st_mode & stat.S_IROTH:
            notes.append(f"{path} can be read by everybody: chmod 600 {path}")
        if path not in handed_in and user.name is None:
            notes.append(f"The unit does not hand in {path}. Make it anew with: filtersched-proxy unit")
    hidden = {folder for path in [*wanted, *settings.plugins_path] if (folder := hidden_below(path))}
    notes += [f"The service cannot see {folder}. Keep its files elsewhere." for folder in sorted(hidden)]
    source = [] if settings.source is None else ["--config-file", os.path.abspath(settings.source)]
    command = user.command([*daemon_command(), "--check", *source], secrets)
    notes.append(f"Checked as root. To check with the rights of the service: {command}")
