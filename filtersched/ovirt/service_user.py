"""The user that the service runs as, and which files that user cannot read."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from filtersched.errors import ConfigurationError
from filtersched.ovirt.unit_file import hidden_below

UNIT_FILE = "/etc/systemd/system/filtersched-proxy.service"
_DYNAMIC_USER = 65519  # the last one that systemd gives out; it owns no file
_READ, _ENTER = 4, 1


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
        uid, groups = self._ids()
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

    def _ids(self) -> tuple[int, Sequence[int]]:
        if self.name is None:
            return _DYNAMIC_USER, [_DYNAMIC_USER]
        try:
            entry = pwd.getpwuid(int(self.name)) if self.name.isdigit() else pwd.getpwnam(self.name)
        except KeyError:
            raise ConfigurationError(f"The unit's user {self.name!r} does not exist.", value=self.name) from None
        return entry.pw_uid, os.getgrouplist(entry.pw_name, entry.pw_gid)


def _obstacle(path: str, uid: int, groups: Sequence[int]) -> str | None:
    """The file or folder on the way to `path` that this user cannot read or enter; None if there is none.

    Below /tmp, /home and /root, which the unit hides from the service, it is a trial, often in a
    private folder. Folders don't count there.
    """
    ways = (Path(path), Path(os.path.realpath(path)))
    steps = [(str(folder), _ENTER) for way in ways for folder in reversed(way.parents)]
    steps.append((path, _READ | _ENTER if os.path.isdir(path) else _READ))
    if hidden_below(path):
        steps = [step for step in steps if not os.path.isdir(step[0])]
    return next((place for place, wanted in steps if not _allows(os.stat(place), uid, groups, wanted)), None)


def _allows(state: os.stat_result, uid: int, groups: Sequence[int], wanted: int) -> bool:
    shift = 6 if state.st_uid == uid else 3 if state.st_gid in groups else 0
    return uid == 0 or state.st_mode >> shift & wanted == wanted
