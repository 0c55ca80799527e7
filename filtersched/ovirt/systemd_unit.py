"""The systemd unit of the service: made by `filtersched-proxy unit`, and what its user can read."""

from __future__ import annotations

import argparse
import os
import pwd
import re
import shlex
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import glob
from importlib import resources
from pathlib import Path
from typing import Any

from filtersched.errors import ConfigurationError

UNIT_FILE = "/etc/systemd/system/filtersched-proxy.service"
# Folders that ProtectHome and PrivateTmp hide from the service.
HIDDEN_FOLDERS = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
_DYNAMIC_USER = 65519  # the last one that systemd gives out; it owns no file
_READ, _ENTER = 4, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument("--config-file", metavar="FILE", default=argparse.SUPPRESS, help="settings of the service")
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="run as this user, who reads the password and the key. By default systemd makes a user for the service "
        "and hands both in (LoadCredential, systemd 247 or newer)",
    )


def run(options: argparse.Namespace, path: str | None) -> int:
    """Print the unit for the configuration file at `path`; the exit status."""
    from filtersched.ovirt import settings as settings_module

    settings = settings_module.load(path)
    given = [] if options.config_file is None else ["--config-file", os.path.abspath(options.config_file)]
    print(unit_text([*daemon_command(), *given], secret_files(settings), user=options.user), end="")
    program = (sys.executable, os.path.realpath(sys.executable), os.path.dirname(os.path.abspath(__file__)))
    for place in [*program, *settings.plugins_path, *([] if path is None else [os.path.abspath(path)])]:
        if folder := hidden_below(place):
            print(f"warning: {place} is in {folder}, which the service cannot see", file=sys.stderr)
    return 0


def daemon_command() -> list[str]:
    """How to start the program that runs now: the script beside its Python, else its module."""
    script = Path(sys.executable).absolute().with_name("filtersched-proxy")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "filtersched.ovirt"]


def hidden_below(path: str) -> str | None:
    """The folder hidden from the service that `path` is in, if any."""
    return next((folder for folder in HIDDEN_FOLDERS if Path(path).is_relative_to(folder)), None)


def secret_files(settings: Any) -> list[str]:
    """The files of a configuration that should be readable by root only: the password and the TLS key."""
    key = settings.ssl_keyfile or settings.ssl_certfile
    return [os.path.abspath(path) for path in (settings.engine_password_file, key) if path is not None]


def unit_text(command: Sequence[str], secrets: Iterable[str], *, user: str | None = None) -> str:
    """The unit that runs `command`.

    secrets : files that only root can read; systemd hands them to the service unless `user` reads them.
    Raises ConfigurationError for files that cannot be handed in side by side.
    """
    names: dict[str, str] = {}
    for path in () if user else secrets:
        name = os.path.basename(path)
        if names.setdefault(name, path) != path or ":" in name:
            raise ConfigurationError(
                f"{path!r} cannot be handed to the service as {name!r}: rename it. The name must have no colon, and "
                "two files need two names.",
                value=path,
            )
    lines = [f"LoadCredential={_escaped(name)}:{_escaped(path)}" for name, path in names.items()]
    comment = ["", "# Files that only root can read. The settings name them as they are."] if lines else []
    template = resources.files("filtersched").joinpath("data", "systemd", "filtersched-proxy.service")
    return template.read_text(encoding="utf-8").format(
        command=" ".join(map(_word, command)),
        user="DynamicUser=yes" if user is None else f"User={user}",
        credentials="".join(f"{line}\n" for line in [*comment, *lines]),
    )


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """A word of ExecStart, quoted where it needs to be."""
    if re.search(r"[\"'\\$]", text):
        raise ConfigurationError(f"{text!r} cannot stand in a unit, which takes no quote, backslash or $.", value=text)
    return f'"{_escaped(text)}"' if re.search(r"\s", text) else _escaped(text)


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """Who runs the service.

    name : the unit's `User=`, or None for a user that systemd makes.
    credentials : the files that the unit hands in, whatever their modes; None if there is no unit yet.
    """

    name: str | None = None
    credentials: frozenset[str] | None = None

    @classmethod
    def of_unit(cls, unit_file: str = UNIT_FILE) -> ServiceUser:
        """As the unit says, its drop-ins included."""
        if not os.path.isfile(unit_file):
            return cls()
        text = "\n".join(Path(path).read_text() for path in (unit_file, *sorted(glob(f"{unit_file}.d/*.conf"))))
        names = re.findall(r"^User=[ \t]*(\S*)", text, re.MULTILINE)
        loaded = re.findall(r"^LoadCredential=[^:\n]*:(.*)", text, re.MULTILINE)
        return cls((names or [""])[-1] or None, frozenset(path.strip().replace("%%", "%") for path in loaded))

    def unreadable(self, paths: Iterable[str]) -> list[str]:
        """A sentence for each of these files and folders, all of them there, that the service cannot read."""
        uid, groups = _DYNAMIC_USER, [_DYNAMIC_USER]
        if self.name is not None:
            try:
                entry = pwd.getpwuid(int(self.name)) if self.name.isdigit() else pwd.getpwnam(self.name)
            except KeyError:
                raise ConfigurationError(f"The unit's user {self.name!r} does not exist.", value=self.name) from None
            uid, groups = entry.pw_uid, os.getgrouplist(entry.pw_name, entry.pw_gid)
        who = "the service's own user" if self.name is None else f"the service's user {self.name!r}"
        return [
            f"{path} cannot be read by {who}: {place} has mode {stat.S_IMODE(os.stat(place).st_mode):o}."
            for path in paths
            if (place := _obstacle(path, uid, groups)) is not None
        ]

    def command(self, check: Iterable[str], secrets: Iterable[str]) -> str:
        """The shell command that runs `check` as the service does."""
        if self.name is not None:
            return shlex.join(["runuser", "-u", self.name, "--", *check])
        loads = [f"--property=LoadCredential={os.path.basename(path)}:{path}" for path in secrets]
        run = ["systemd-run", "--pipe", "--wait", "--collect", "--quiet", "--property=DynamicUser=yes"]
        return shlex.join([*run, *loads, *check])


def _obstacle(path: str, uid: int, groups: Sequence[int]) -> str | None:
    """The file or folder on the way to `path` that this user cannot read or enter; None if there is none.

    Below folders that the unit hides from the service it is a trial, often in a private folder.
    Folders don't count there.
    """
    ways = () if hidden_below(path) else (Path(path), Path(os.path.realpath(path)))
    steps = [(str(folder), _ENTER) for way in ways for folder in reversed(way.parents)]
    if not os.path.isdir(path):
        steps.append((path, _READ))
    elif ways:
        steps.append((path, _READ | _ENTER))
    for place, wanted in steps:
        found = os.stat(place)
        shift = 6 if found.st_uid == uid else 3 if found.st_gid in groups else 0
        if uid != 0 and found.st_mode >> shift & wanted != wanted:
            return place
    return None
