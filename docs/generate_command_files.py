"""Writes what is installed beside the modules: man pages and completions, from the argument parsers, and copies.

python docs/generate_command_files.py          writes them into filtersched/data
python docs/generate_command_files.py DIR      writes them somewhere else
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage
from oslo_config import cfg, types

from filtersched import __version__
from filtersched.cli.help_texts import SETTINGS_HELP
from filtersched.cli.package_files import FILES, SHELLS
from filtersched.cli.parsers import make_parser
from filtersched.loading import list_opts
from filtersched.ovirt.command import DEFAULT_FILE
from filtersched.ovirt.command import make_parser as make_proxy_parser
from filtersched.ovirt.settings import OPTIONS as PROXY_OPTIONS
from filtersched.settings.options import NO_EFFECT, spelled

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "filtersched" / "data"
# Flags whose value is a file, whatever the parser says of them otherwise.
FILE_FLAGS = ("--inventory", "--groups", "--requests", "--output", "--config-file")


def main(target: Path = DATA) -> None:
    """Write every file below the directory."""
    for name, text in files().items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def files() -> dict[str, str]:
    """Path below filtersched/data to text."""
    completions = {f"completion/filtersched.{shell}": completion(shell) for shell in SHELLS}
    copies = {path: (ROOT / path).read_text(encoding="utf-8") for path in FILES if (ROOT / path).is_file()}
    return {**completions, "man/filtersched.1": man_page(), "man/filtersched-proxy.8": proxy_man_page(), **copies}


def completion(shell: str) -> str:
    """The completion script: sub-commands, their flags, and the settings as flags."""
    parser, commands = make_parser()
    for name, command in commands.items():
        if name not in ("completion", "man", "files", "inventory"):
            _add_settings(command)
    for command_parser in (parser, *commands.values()):
        for action in command_parser._actions:
            if set(action.option_strings) & set(FILE_FLAGS):
                action.complete = shtab.FILE
            if action.help:
                # Scripts show one line; the rest of a long help is in the man page.
                action.help = _first_sentence(action.help)
    text: str = shtab.complete(parser, shell)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def man_page() -> str:
    """The page of filtersched in roff, section 1."""
    parser, _commands = make_parser()
    about = "place instances on hosts with Nova's filters and weighers, and say why"
    synopsis = ["filtersched", "COMMAND", "[flag ...]", "[setting ...]"]
    return _page(parser, about, {**SECTIONS, "SETTINGS": _settings_section()}, synopsis=synopsis)


def proxy_man_page() -> str:
    """The page of filtersched-proxy in roff, section 8."""
    about = "external scheduler for oVirt's engine, spoken to over XML-RPC"
    return _page(make_proxy_parser(), about, {"SETTINGS": _proxy_settings_section(), **PROXY_SECTIONS}, number=8)


def _page(
    parser: argparse.ArgumentParser,
    about: str,
    sections: Mapping[str, str],
    *,
    number: int = 1,
    synopsis: list[str] | None = None,
) -> str:
    parser.epilog = None
    page = Manpage(
        parser,
        {
            "project_name": "filtersched",
            "version": __version__,
            "date": f"filtersched {__version__}",
            "description": about,
            "manual_section": number,
            "manual_title": {1: "User Commands", 8: "System Administration"}[number],
        },
        format="single-commands-section",
    )
    page.synopsis = synopsis or page.synopsis
    for heading, text in sections.items():
        page.add_section(heading, "=", text)
    return "\n".join(line.rstrip() for line in str(page).splitlines()) + "\n"


SECTIONS = {
    "EXIT STATUS": r"""
.TP
.B 0
The command did what was asked: every request was placed, the host passes, or there are no warnings.
.TP
.B 1
A request was refused (unless
.B \-\-allow\-partial
was given), the host is refused, or
.B check\-config \-\-strict
found warnings.
.TP
.B 2
The arguments, the settings, or a file cannot be used, or the result cannot be written.
.TP
.B 130, 141, 143
Ctrl\-C, a closed pipe, or SIGTERM ended the command.
""".strip(),
    "EXAMPLES": r"""
Place three instances on the hosts of a file:
.PP
.RS 4
.EX
filtersched schedule \-\-inventory hosts.jsonl \-\-flavor ram=4096,vcpus=2 \-\-count 3
.EE
.RE
.PP
Ask why a host is refused:
.PP
.RS 4
.EX
filtersched why cmp1 \-\-inventory hosts.jsonl \-\-flavor ram=65536
.EE
.RE
.PP
Check an existing configuration of Nova:
.PP
.RS 4
.EX
filtersched check\-config \-\-config\-file nova.conf
.EE
.RE
""".strip(),
    "ENVIRONMENT": r"""
.TP
.B NO_COLOR
If set to anything, the output has no colors, unless
.B \-\-color always
asks for them.
.TP
.B COLUMNS
The width of the terminal, in characters, where the terminal itself is not to be asked.
""".strip(),
}


PROXY_SECTIONS = {
    "FILES": rf"""
.TP
.I {DEFAULT_FILE}
The settings that are read if
.B \-\-config\-file
is not given.
.TP
.I plugins/NAME.conf
Beside the settings, or beside the plug\-in: the customProperties and defaultValues of a unit or a plug\-in file.
""".strip(),
    "ENVIRONMENT": r"""
.TP
.B PYTHONPATH
If plugins_path is not set, plug\-in files are looked for in ovirt_scheduler/plugins below each of its entries.
.TP
.B OSCHEDPROXY_PLUGINS
The folder of plug\-in files, if plugins_path is not set; the original proxy reads it too.
.TP
.B CREDENTIALS_DIRECTORY
Set by systemd. A file there is read instead of the password, key or certificate of its name.
.TP
.B NOTIFY_SOCKET
Set by systemd, which learns when the port answers.
""".strip(),
    "SIGNALS": r"""
.TP
.B SIGHUP
Read the settings and all plug\-in files again. If the settings cannot be used, the old ones stay.
.TP
.B SIGTERM, SIGINT
Stop. Calls that run have 4 seconds to end.
""".strip(),
    "EXIT STATUS": r"""
.TP
.B 0
The service was stopped, or
.B \-\-check
found no problem.
.TP
.B 1
The settings cannot be used, the port cannot be opened, or
.B \-\-check
found a problem.
.TP
.B 2
The arguments cannot be used.
""".strip(),
    "EXAMPLES": r"""
Check the settings and plug\-ins before the service starts:
.PP
.RS 4
.EX
filtersched\-proxy \-\-check
.EE
.RE
.PP
Make a systemd unit for this installation:
.PP
.RS 4
.EX
filtersched\-proxy unit > /etc/systemd/system/filtersched\-proxy.service
.EE
.RE
""".strip(),
    "SEE ALSO": r"""
.BR filtersched (1)
""".strip(),
}


def _proxy_settings_section() -> str:
    lines = ["Lines", ".I key = value", "in the configuration file; it needs no section header."]
    for opt in PROXY_OPTIONS:
        default = opt.default if opt.sample_default is None else opt.sample_default
        lines += [".TP", rf"\fB{_roff(opt.dest)}\fR"]
        lines += [_roff(" ".join((opt.help or "").split()))]
        if default is not None:
            lines += [_roff(f"Default: {str(default).lower() if isinstance(default, bool) else default}.")]
        for value, meaning in (getattr(opt.type, "choices", None) or {}).items():
            lines += [".br", _roff(f"{value}: {meaning}.")]
    return "\n".join(lines)


def _settings_section() -> str:
    lines = [_roff(SETTINGS_HELP.splitlines()[0]), ".PP"]
    for flag, opt in _settings():
        lines += [".TP", rf"\fB{_roff(flag)}\fR \fI{_metavar(opt)}\fR" if _metavar(opt) else rf"\fB{_roff(flag)}\fR"]
        lines.append(_roff(" ".join((opt.help or "").split())))
    return "\n".join(lines)


def _add_settings(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("settings")
    for flag, opt in _settings():
        if flag in command._option_string_actions:
            continue
        if _metavar(opt):
            choices = list(getattr(opt.type, "choices", None) or ()) or None
            group.add_argument(flag, metavar=_metavar(opt), choices=choices, help=(opt.help or "").replace("%", "%%"))
        else:
            group.add_argument(flag, action="store_true", help=(opt.help or "").replace("%", "%%"))


def _settings() -> Iterator[tuple[str, cfg.Opt]]:
    """Every option that has an effect, by its flat flag; its spellings with a group do the same."""
    yield "--config-file", cfg.StrOpt("config_file", help="A settings file, old flag files included; may be repeated.")
    yield "--config-dir", cfg.StrOpt("config_dir", help="A directory whose *.conf files are read, in sorted order.")
    without_effect = {spelled((group, opt.dest)) for group, opt in NO_EFFECT}
    flat = {opt.dest for group, opts in list_opts() if group == "DEFAULT" for opt in opts}
    for group, opts in list_opts():
        for opt in opts:
            if spelled((group, opt.dest)) in without_effect:
                continue
            if group == "DEFAULT":
                yield _flag(opt.dest), opt
            elif opt.dest not in flat and group not in ("filter_scheduler", "scheduler"):
                yield _flag(f"{group}_{opt.dest}"), opt


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _metavar(opt: cfg.Opt) -> str:
    if opt.dest in ("config_file", "config_dir"):
        return opt.dest.removeprefix("config_").upper()
    kinds = {types.Boolean: "", types.Integer: "N", types.Float: "X", types.List: "NAME,..."}
    return next((word for cls, word in kinds.items() if isinstance(opt.type, cls)), "TEXT")


def _first_sentence(text: str) -> str:
    first = re.split(r"(?<=[.;:]) ", " ".join(text.split()), maxsplit=1)[0]
    return first.rstrip(".;:")


def _roff(text: str) -> str:
    safe = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{safe}" if safe.startswith((".", "'")) else safe


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
