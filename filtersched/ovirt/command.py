"""The command filtersched-proxy: serve, or say what would be served."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from filtersched import __version__
from filtersched.errors import FilterschedError
from filtersched.ovirt import systemd_unit

DEFAULT_FILE = "/etc/ovirt/scheduler/scheduler.conf"
_WITH_TIME = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_WITHOUT_TIME = "%(levelname)s %(name)s: %(message)s"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = make_parser().parse_args(arguments)
    path = options.config_file
    if path is None and os.path.exists(DEFAULT_FILE):
        path = DEFAULT_FILE
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format=_WITHOUT_TIME if "JOURNAL_STREAM" in os.environ else _WITH_TIME,
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    try:
        if options.command == "unit":
            return systemd_unit.run(options, path)
        if options.check:
            from filtersched.ovirt import check

            return check.run(path)
        return _serve(path, verbose=options.verbose)
    except ImportError as error:
        return _fail(f"{error}. Install filtersched with its extra: filtersched[ovirt].")
    except (FilterschedError, OSError) as error:
        return _fail(str(error))


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="filtersched-proxy", description="External scheduler of oVirt's engine, spoken to over XML-RPC."
    )
    parser.add_argument("--version", action="version", version=f"filtersched-proxy {__version__}")
    parser.add_argument("--config-file", metavar="FILE", help=f"settings (default: {DEFAULT_FILE}, if it is there)")
    parser.add_argument("--check", action="store_true", help="load everything, print what discover says, and exit")
    parser.add_argument("--verbose", action="store_true", help="log more, whatever log_level says")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    unit = commands.add_parser("unit", help="print a systemd unit for this installation")
    systemd_unit.add_arguments(unit)
    return parser


def _fail(message: str) -> int:
    print(f"filtersched-proxy: {message}", file=sys.stderr)
    return 1


def _serve(path: str | None, *, verbose: bool) -> int:
    import asyncio

    from filtersched.ovirt.daemon import Daemon, Proxy

    proxy = Proxy(path)
    if not verbose:
        logging.getLogger().setLevel(proxy.settings.log_level.upper())

    async def serve() -> None:
        await Daemon(proxy, path, verbose=verbose).run()

    try:
        asyncio.run(serve())
    except OSError as error:
        raise OSError(f"cannot serve on {proxy.settings.listen}, port {proxy.settings.port}: {error}") from error
    return 0

