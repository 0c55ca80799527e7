"""The systemd unit of this installation."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the sub-command takes."""


def run(options: argparse.Namespace) -> int:
    """Print the unit."""
    raise NotImplementedError
