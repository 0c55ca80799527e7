"""The command filtersched-proxy: serve, or say what would be served."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

from filtersched import ConfigurationError, FilterschedError, make_conf, scheduler_from
from filtersched.loader import list_installed_opts, list_opts
from filtersched.ovirt import settings as settings_module
from filtersched.ovirt.core_units import core_units
from filtersched.ovirt.plugins import KINDS, PluginFolders
from filtersched.ovirt.server import Application, Server, tls_context
from filtersched.ovirt.service import Service
from filtersched.ovirt.settings import Settings

LOG = logging.getLogger(__name__)

DEFAULT_FILE = "/etc/ovirt/scheduler/scheduler.conf"


class Proxy:
    """Everything that one configuration makes: plug-in workers, units, the service over them."""

    def __init__(self, path: str | None) -> None:
        self.settings = settings_module.load(path, also_known=_scheduler_keys)
        tls_context(self.settings)
        self._problems: list[str] = list(self.settings.warnings)
        scheduler = scheduler_from(make_conf(files=[] if path is None else [path]))
        own_units = core_units(scheduler, self.settings, self._problems)
        self.engine = _engine_facts(self.settings)
        self.folders = PluginFolders(self.settings)
        self.service = Service(
            self.settings, self.folders.discover, lambda: self.folders.catalogue, own_units, self.engine
        )

    def problems(self) -> list[str]:
        """What an operator should mend; looks at the plug-in folders."""
        engine = [] if self.engine is None else self.engine.problems()
        return [*self._problems, *self.folders.discover().problems, *engine]

    def start(self) -> None:
        """Begin to ask the engine for facts, if that is set; the first answer may take a moment."""
        if self.engine is not None:
            self.engine.start(patience=2.0)

    def retire(self) -> None:
        """Be replaced: calls that run may end."""
        self.folders.close(now=False)
        if self.engine is not None:
            self.engine.close()

    def close(self) -> None:
        """End the workers at once, whatever they do."""
        self.folders.close(now=True)
        if self.engine is not None:
            self.engine.close()


def _engine_facts(settings: Settings) -> Any:
    """The facts of `engine_url`, or None. httpx is imported only by those who use it."""
    if settings.engine_url is None:
        return None
    try:
        from filtersched.ovirt.engine_facts import EngineFacts
    except ImportError as error:
        raise ConfigurationError(
            f"engine_url needs {error.name}: pip install filtersched[ovirt]", group="DEFAULT", option="engine_url"
        ) from error
    return EngineFacts(settings)


def _scheduler_keys() -> set[str]:
    """The keys without a section that the scheduler and its plug-ins know."""
    groups = [*list_opts(), *list_installed_opts()]
    return {opt.dest for group, opts in groups if group == "DEFAULT" for opt in opts}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    path = options.config_file
    if path is None and os.path.exists(DEFAULT_FILE):
        path = DEFAULT_FILE
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s" if "JOURNAL_STREAM" in os.environ else _WITH_TIME,
    )
    # One line per request of the HTTP client library would double what is logged already.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        proxy = Proxy(path)
    except (FilterschedError, OSError) as error:
        print(f"filtersched-proxy: {error}", file=sys.stderr)
        return 1
    if options.check:
        return _check(proxy)
    return _serve(proxy, path)


_WITH_TIME = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="filtersched-proxy", description="External scheduler of oVirt's engine, spoken to over XML-RPC."
    )
    parser.add_argument("--config-file", metavar="FILE", help=f"settings (default: {DEFAULT_FILE}, if it is there)")
    parser.add_argument("--check", action="store_true", help="load everything, print what discover says, and exit")
    parser.add_argument("--verbose", action="store_true", help="log more")
    return parser


def _check(proxy: Proxy) -> int:
    """Print units and problems; 1 if there is any problem."""
    try:
        proxy.start()
        problems = proxy.problems()
        units = proxy.service.announced(proxy.folders.catalogue)
        for kind in KINDS:
            print(f"{kind}:")
            for name, unit in sorted(units[kind].items()):
                summary = unit.description.partition("\n")[0]
                properties = f"  [{unit.properties}]" if unit.properties else ""
                print(f"  {name}{': ' if summary else ''}{summary}{properties}")
        for problem in problems:
            print(f"problem: {problem}", file=sys.stderr)
        return 1 if problems else 0
    finally:
        proxy.close()


class _Daemon:
    """The server and the proxy that it serves, which a reload replaces."""

    def __init__(self, proxy: Proxy, path: str | None) -> None:
        self._proxy = proxy
        self._retired: list[Proxy] = []
        self._path = path
        self._application = Application(proxy.service)
        self._server = Server(proxy.settings, self._application)
        self._signals, wakeup = socket.socketpair()
        wakeup.setblocking(False)
        self._wakeup = wakeup

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration anew."""
        signal.set_wakeup_fd(self._wakeup.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        serving = threading.Thread(target=self._server.serve, name="serve")
        try:
            self._server.prepare()
            self._proxy.start()
            for problem in self._proxy.problems():
                LOG.warning("%s", problem)
            serving.start()
            settings = self._proxy.settings
            scheme = "https" if settings.ssl else "http"
            LOG.info("serving on %s://%s:%d/, dialect %s", scheme, settings.listen, self._server.port, settings.dialect)
            while self._signals.recv(1) == bytes([signal.SIGHUP]):
                self._reload()
        finally:
            # Workers first: a call that waits for a plug-in ends now, and so can its thread.
            for proxy in (self._proxy, *self._retired):
                proxy.close()
            self._server.stop()
            LOG.info("stopped")

    def _reload(self) -> None:
        """Serve by what the file says now; a bad file changes nothing."""
        try:
            new = Proxy(self._path)
        except (FilterschedError, OSError) as error:
            LOG.error("not reloaded, the old configuration stays: %s", error)
            return
        old = self._proxy
        if _needs_restart(old.settings, new.settings):
            LOG.warning("port, listen and ssl change with a restart only")
        new.start()
        for problem in new.problems():
            LOG.warning("%s", problem)
        if new.settings.ssl == old.settings.ssl:
            self._server.configure(new.settings)
        self._proxy = new
        self._application.service = new.service
        old.retire()
        self._retired = [proxy for proxy in [*self._retired, old] if proxy.folders.busy]
        LOG.info("reloaded")


def _needs_restart(old: Settings, new: Settings) -> bool:
    return (old.port, old.listen, old.ssl) != (new.port, new.listen, new.ssl)


def _serve(proxy: Proxy, path: str | None) -> int:
    try:
        _Daemon(proxy, path).run()
    except OSError as error:
        print(f"filtersched-proxy: cannot serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
