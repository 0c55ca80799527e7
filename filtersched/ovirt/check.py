"""`filtersched-proxy --check`: what the engine will be told, and everything an operator should mend."""

from __future__ import annotations

import asyncio
import importlib.machinery
import importlib.util
import logging
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filtersched.ovirt.conf_checks import file_findings, property_findings
from filtersched.ovirt.daemon import Proxy
from filtersched.ovirt.service_user import ServiceUser
from filtersched.ovirt.settings import FILES, Settings
from filtersched.ovirt.source_checks import source_findings
from filtersched.ovirt.unit_file import daemon_command, hidden_below, secret_files

_KINDS = {"filters": "filters", "scores": "cost functions", "balance": "balancers"}


class _Report:
    """Problems make the check fail, notes don't; each sentence once, in order."""

    def __init__(self) -> None:
        self.problems: dict[str, None] = {}
        self.notes: dict[str, None] = {}

    def problem(self, *sentences: str) -> None:
        self.problems.update(dict.fromkeys(sentences))

    def note(self, *sentences: str) -> None:
        self.notes.update(dict.fromkeys(sentences))


def run(path: str | None) -> int:
    """Print units, notes and problems; 1 if there is any problem."""
    if logging.getLogger().level > logging.DEBUG:
        logging.getLogger("filtersched").setLevel(logging.CRITICAL)  # what it would log is printed
    return asyncio.run(_run(path))


async def _run(path: str | None) -> int:
    proxy = Proxy(path)
    try:
        problems = await proxy.start()
        units = proxy.service.announced()
    finally:
        await proxy.close()
    report, settings = _Report(), proxy.settings
    folders = _folders(settings)
    sources = {file: _text(file) for folder in settings.plugins_path for file in _files(folder, ".py")}
    confs = {file: _text(file) for folder in folders for file in _files(folder, ".conf")}
    _check_sources(sources, problems, report)
    report.problem(*_conf_problems(confs, sources, units))
    if os.geteuid() == 0:
        _check_rights(settings, [*folders, *sources, *confs], report)
    if settings.engine_url is None and settings.dialect == "engine":
        report.note("Without engine_url plug-ins see ids only, and the library's filters and weighers are not offered.")
    print(f"configuration: {settings.source or 'no file, all defaults'}")
    _print_units(units)
    for sentence in report.notes:
        print(f"note: {sentence}", file=sys.stderr)
    for sentence in report.problems:
        print(f"problem: {sentence}", file=sys.stderr)
    print(_summary(units, settings, len(report.problems)))
    return 1 if report.problems else 0


def _print_units(units: dict[str, dict[str, Any]]) -> None:
    for kind, title in _KINDS.items():
        if units[kind]:
            print(f"{title}:")
        for name, unit in sorted(units[kind].items()):
            summary = unit.description.partition("\n")[0]
            properties = f"  [{unit.properties}]" if unit.properties else ""
            print(f"  {name}{': ' if summary else ''}{summary}{properties}")


def _summary(units: dict[str, dict[str, Any]], settings: Settings, problems: int) -> str:
    """The last line: how much there is to offer, and how much is wrong."""
    wrong = {0: "No problem.", 1: "1 problem."}.get(problems, f"{problems} problems.")
    if any(units.values()):
        return f"{', '.join(f'{title}: {len(units[kind])}' for kind, title in _KINDS.items())}. {wrong}"
    folders = f"no unit in {', '.join(settings.plugins_path)}" if settings.plugins_path else "no plug-in folder"
    from_engine = "no engine_url" if settings.engine_url is None else "no unit of the library"
    return f"Nothing to offer: {folders}, {from_engine}. {wrong}"


def _folders(settings: Settings) -> list[str]:
    """The folders of plug-in files and of their `.conf` files."""
    wanted = [*settings.plugins_path, *([] if settings.conf_folder is None else [settings.conf_folder])]
    return list({os.path.realpath(folder): folder for folder in reversed(wanted) if os.path.isdir(folder)}.values())


def _files(folder: str, extension: str) -> Iterator[str]:
    """The files to look at; those that nothing reads, such as an editor's, not."""
    for path in sorted(Path(folder).glob(f"*{extension}")) if os.path.isdir(folder) else ():
        if path.is_file() and not path.name.startswith("."):
            yield str(path)


def _text(path: str) -> str:
    """The text of a file; "" for one that cannot be read, which is reported by those who load it."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return ""
    try:
        return importlib.util.decode_source(data)
    except (SyntaxError, UnicodeDecodeError):
        return data.decode("latin-1")


def _check_sources(sources: dict[str, str], problems: list[str], report: _Report) -> None:
    """Report what loading found, with the hints of the same line, then what reading found."""
    problems, found = list(problems), []
    for path, text in sources.items():
        folder = os.path.dirname(path)

        def importable(name: str, folder: str = folder) -> bool:
            return importlib.machinery.PathFinder.find_spec(name, [folder, *sys.path]) is not None

        for finding in source_findings(text, importable):
            sentence = f"{path}, line {finding.line}: {finding.text}"
            same = re.compile(rf"{re.escape(path)}\b.*\bline {finding.line}\b", re.DOTALL)
            place = next((place for place, problem in enumerate(problems) if same.match(problem)), None)
            if not finding.is_problem:
                report.note(sentence)
            elif place is not None:
                problems[place] += f". {finding.text}"
            else:
                found.append(sentence)
    report.problem(*problems, *found)


def _conf_problems(
    confs: dict[str, str], sources: dict[str, str], units: dict[str, dict[str, Any]]
) -> Iterator[str]:
    own = [unit for of_kind in units.values() for unit in of_kind.values() if hasattr(unit, "file")]
    names = {unit.name for unit in own} | {Path(path).stem for path in sources}
    for text in sources.values():  # the units of a file that cannot be loaded
        names.update(re.findall(r"^class\s+(\w+)", text, re.MULTILINE))
    for path, text in confs.items():
        yield from file_findings(path, text, names)
    for unit in own:
        yield from property_findings(unit.name, unit.file.path, unit.properties, unit.default_values)


def _check_rights(settings: Settings, paths: list[str], report: _Report) -> None:
    """Root reads everything: report what the service's user cannot read."""
    user, secrets = ServiceUser.of_unit(), secret_files(settings)
    handed_in = frozenset(secrets) if user.credentials is None else user.credentials
    named = [settings.source, *(getattr(settings, key) for key in FILES)]
    wanted = dict.fromkeys([*(os.path.abspath(path) for path in named if path is not None), *paths])
    report.problem(*user.unreadable(path for path in wanted if path not in handed_in))
    for path in secrets:
        if os.stat(path).st_mode & stat.S_IROTH:
            report.note(f"{path} can be read by everybody: chmod 600 {path}")
        if path not in handed_in and user.name is None:
            report.note(f"The unit does not hand in {path}. Make it anew with: filtersched-proxy unit")
    hidden = {folder for path in [*wanted, *settings.plugins_path] if (folder := hidden_below(path))}
    report.note(*(f"The service cannot see {folder}. Keep its files elsewhere." for folder in sorted(hidden)))
    source = [] if settings.source is None else ["--config-file", os.path.abspath(settings.source)]
    command = user.command([*daemon_command(), "--check", *source], secrets)
    report.note(f"Checked as root. To check with the rights of the service: {command}")
