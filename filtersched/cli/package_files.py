"""filtersched completion, filtersched man: print files that are installed with the package."""

from __future__ import annotations

import argparse
from importlib import resources

from filtersched.cli.terminal import Terminal
from filtersched.settings import SchedulerConf

SHELLS = ("bash", "zsh", "fish")


def run_completion(args: argparse.Namespace, _conf: SchedulerConf, terminal: Terminal) -> int:
    """Print the completion script of one shell."""
    return _print(terminal, "completion", f"filtersched.{args.shell}")


def run_man(_args: argparse.Namespace, _conf: SchedulerConf, terminal: Terminal) -> int:
    """Print the man page, as roff."""
    return _print(terminal, "man", "filtersched.1")


def _print(terminal: Terminal, *path: str) -> int:
    terminal.out.write(resources.files("filtersched").joinpath("data", *path).read_text(encoding="utf-8"))
    return 0
