"""The running daemon: what one configuration makes, served until a signal says otherwise."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from typing import Any

from filtersched import ConfigurationError, FilterschedError, make_conf, scheduler_from
from filtersched.loading.loader import list_installed_opts, list_opts
from filtersched.ovirt import settings as settings_module
from filtersched.ovirt.core_units import core_units
from filtersched.ovirt.plugins import PluginFolders
from filtersched.ovirt.server import Application, Server, tls_context
from filtersched.ovirt.service import Service
from filtersched.ovirt.settings import Settings

LOG = logging.getLogger(__name__)


class Proxy:
    """Everything that one configuration makes: plug-in workers, units, the service over them.

    Raises ConfigurationError for a configuration that cannot be. Starts nothing yet.
    """

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

    def start(self, *, patience: float = 2.0) -> list[str]:
        """Load the plug-ins and begin to ask the engine for facts; what an operator should mend, logged too.

        patience : seconds to wait for the engine's first answer.
        """
        for problem in self._problems:
            LOG.warning("%s", problem)
        problems = [*self._problems, *self.folders.discover().problems]
        if self.engine is not None:
            self.engine.start(patience=patience)
            problems += self.engine.problems()
        return problems

    def close(self, *, now: bool) -> None:
        """End the workers: at once if `now`, whatever they do, else each after its job."""
        self.folders.close(now=now)
        if self.engine is not None:
            self.engine.close()


def _scheduler_keys() -> set[str]:
    """The keys without a section that the scheduler and its plug-ins know."""
    groups = [*list_opts(), *list_installed_opts()]
    return {opt.dest for group, opts in groups if group == "DEFAULT" for opt in opts}


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


class Daemon:
    """The server and the proxy that it serves, which a reload replaces.

    The main thread does nothing but wait for signals: plug-ins that hang while they are loaded
    must not keep it from ending.
    """

    def __init__(self, proxy: Proxy, path: str | None) -> None:
        self._path = path
        self._proxies = [proxy]  # the last one is served; the others finish the calls that they have
        self._application = Application(proxy.service)
        self._server = Server(proxy.settings, self._application)
        self._reloading = threading.Lock()
        self._stopping = False
        self._signals, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration anew."""
        signal.set_wakeup_fd(self._wakeup.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        serving = threading.Thread(target=self._serve, name="serve", daemon=True)
        self._server.prepare()
        try:
            serving.start()
            while self._signals.recv(1) == bytes([signal.SIGHUP]):
                threading.Thread(target=self._reload, name="reload", daemon=True).start()
        finally:
            self._stopping = True
            # Workers first: a call that waits for a plug-in ends now, and so can its thread.
            for proxy in list(self._proxies):
                proxy.close(now=True)
            self._server.stop()
            serving.join(5)
            LOG.info("stopped")

    def _serve(self) -> None:
        try:
            proxy = self._proxies[0]
            proxy.start()
            settings = proxy.settings
            address = f"[{settings.listen}]" if ":" in settings.listen else settings.listen
            scheme = "https" if settings.ssl else "http"
            LOG.info("serving on %s://%s:%d/, dialect %s", scheme, address, self._server.port, settings.dialect)
            self._server.serve()
        except Exception:
            # Nobody waits for this thread; without this the daemon would go on and serve nothing.
            if not self._stopping:
                LOG.exception("cannot go on")
                self._wakeup.send(bytes([signal.SIGTERM]))

    def _reload(self) -> None:
        """Serve by what the file says now; a bad file changes nothing."""
        with self._reloading:
            try:
                new = Proxy(self._path)
            except (FilterschedError, OSError) as error:
                LOG.error("not reloaded, the old configuration stays: %s", error)
                return
            old = self._proxies[-1]
            self._proxies = [*(proxy for proxy in self._proxies if proxy is old or proxy.folders.busy), new]
            new.start()
            if self._stopping:
                new.close(now=True)
                return
            if _needs_restart(old.settings, new.settings):
                LOG.warning("port, listen and ssl change with a restart only")
            if new.settings.ssl == old.settings.ssl:
                self._server.configure(new.settings)
            self._application.service = new.service
            old.close(now=False)
            LOG.info("reloaded")


def _needs_restart(old: Settings, new: Settings) -> bool:
    return (old.port, old.listen, old.ssl) != (new.port, new.listen, new.ssl)
