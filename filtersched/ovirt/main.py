"""The command filtersched-proxy: serve, or say what would be served."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from filtersched import __version__
from filtersched.errors import FilterschedError

DEFAULT_FILE = "/etc/ovirt/scheduler/scheduler.conf"
_WITH_TIME = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_WITHOUT_TIME = "%(levelname)s %(name)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    path = options.config_file
    if path is None and os.path.exists(DEFAULT_FILE):
        path = DEFAULT_FILE
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format=_WITHOUT_TIME if "JOURNAL_STREAM" in os.environ else _WITH_TIME,
    )
    for name in ("httpx", "httpcore"):  # a line per request of theirs would drown ours
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return _check(path) if options.check else _serve(path)
    except ImportError as error:
        return _fail(f"{error.name} is missing: pip install filtersched[ovirt]")
    except (FilterschedError, OSError) as error:
        return _fail(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="filtersched-proxy", description="External scheduler of oVirt's engine, spoken to over XML-RPC."
    )
    parser.add_argument("--version", action="version", version=f"filtersched-proxy {__version__}")
    parser.add_argument("--config-file", metavar="FILE", help=f"settings (default: {DEFAULT_FILE}, if it is there)")
    parser.add_argument("--check", action="store_true", help="load everything, print what discover says, and exit")
    parser.add_argument("--verbose", action="store_true", help="log more")
    return parser


def _fail(message: str) -> int:
    print(f"filtersched-proxy: {message}", file=sys.stderr)
    return 1


def _check(path: str | None) -> int:
    """Print units and problems; 1 if there is any problem."""
    from filtersched.ovirt.daemon import Proxy

    proxy = Proxy(path)
    try:
        problems = proxy.start(patience=60.0)
        for kind, units in proxy.service.announced(proxy.folders.catalogue).items():
            print(f"{kind}:")
            for name, unit in sorted(units.items()):
                summary = unit.description.partition("\n")[0]
                properties = f"  [{unit.properties}]" if unit.properties else ""
                print(f"  {name}{': ' if summary else ''}{summary}{properties}")
        for problem in problems:
            print(f"problem: {problem}", file=sys.stderr)
        return 1 if problems else 0
    finally:
        proxy.close(now=True)


def _serve(path: str | None) -> int:
    from filtersched.ovirt.daemon import Daemon, Proxy

    proxy = Proxy(path)
    try:
        Daemon(proxy, path).run()
    except OSError as error:
        raise OSError(f"cannot serve on {proxy.settings.listen}, port {proxy.settings.port}: {error}") from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
