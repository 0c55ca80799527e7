"""The running daemon: what one configuration makes, served until a signal says otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import resource
import signal
import socket
import time
from typing import Any

from oslo_config import cfg

from filtersched import FilterschedError, scheduler_from
from filtersched.loading import share_settings
from filtersched.ovirt import settings as settings_module
from filtersched.ovirt.core_units import core_units
from filtersched.ovirt.daemon_metrics import DaemonMetrics
from filtersched.ovirt.engine_calls import EngineCalls
from filtersched.ovirt.engine_facts import EngineFacts
from filtersched.ovirt.plugin_files import PluginFiles
from filtersched.ovirt.server import Server, tls_context

LOG = logging.getLogger(__name__)

_FIXED = ("port", "listen", "ssl", "ssl_client_ca")
_STOP_SECONDS = 4.0  # that calls have to end; less than TimeoutStopSec of the unit


class Proxy:
    """Everything that one configuration makes: settings, units, facts, the calls over them.

    Raises ConfigurationError for a configuration that cannot be. Starts nothing yet.
    previous : what it replaces; plug-in files with their last good versions and the last good
        reading of the engine live on.
    """

    def __init__(self, path: str | None, previous: Proxy | None = None) -> None:
        self.settings: settings_module.Settings = settings_module.load(path)
        tls_context(self.settings)
        # The process is the daemon's own: plug-ins find their options where Nova's do.
        self.settings.conf.plugins_read = cfg.CONF
        own_units = core_units(scheduler_from(self.settings.conf), self.settings)
        self.plugins: PluginFiles = PluginFiles() if previous is None else previous.plugins
        last = None if previous is None or previous.facts is None else previous.facts.reading
        self.facts: EngineFacts | None = None
        if self.settings.engine_url is not None:
            self.facts = EngineFacts(self.settings, last)
        self.calls: EngineCalls = EngineCalls(self.settings, self.plugins, own_units, self.facts)
        if self.settings.metrics:
            known = None if previous is None else previous.calls.metrics
            self.calls.metrics = known or DaemonMetrics()

    async def start(self) -> list[str]:
        """Load the plug-ins and read the engine's facts once; what an operator should mend."""
        for warning in self.settings.warnings:
            LOG.warning("%s", warning)
        await self.plugins.discover(self.settings, anyway=True)
        if self.facts is not None:
            await self.facts.start()
        failure = None if self.facts is None else self.facts.failure
        return [*self.settings.warnings, *self.plugins.problems(), *([failure] if failure else [])]

    async def close(self, *, plugins: bool = True) -> None:
        """End what was started; `plugins`: the processes of plug-in files, too."""
        if self.facts is not None:
            await self.facts.close()
        if plugins:
            self.plugins.workers.close()
        self.calls.close()


class Daemon:
    """The server and the proxy that it serves, which a reload replaces."""

    def __init__(self, proxy: Proxy, path: str | None, *, verbose: bool = False) -> None:
        self._path = path
        self._verbose = verbose
        self._proxy = proxy
        self._server = Server(proxy.calls)
        self._stopped, self._changed = asyncio.Event(), asyncio.Event()
        self._complained = 0.0

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration anew."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._complain)
        told = {signal.SIGHUP: self._changed, signal.SIGTERM: self._stopped, signal.SIGINT: self._stopped}
        for number, event in told.items():
            signal.signal(number, functools.partial(_tell, loop, event))
        _most_descriptors()
        serving, stopping, reloading = map(
            asyncio.create_task, (self._serve(), self._stopped.wait(), self._reload_when_told())
        )
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
                await stopping
            notify("STOPPING=1")
            await self._server.stop(_STOP_SECONDS)
        finally:
            for task in (serving, stopping, reloading):
                task.cancel()
            await asyncio.gather(serving, stopping, reloading, return_exceptions=True)
            await self._proxy.close()
            # Told again while the process goes, it ends as well as told once.
            for number in told:
                signal.signal(number, signal.SIG_IGN)
        LOG.info("stopped")

    async def _serve(self) -> None:
        await self._proxy.start()
        port = await self._server.listen()
        settings = self._proxy.settings
        address = f"[{settings.listen}]" if ":" in settings.listen else settings.listen
        scheme = "https" if settings.ssl else "http"
        LOG.info("serving on %s://%s:%d/, dialect %s", scheme, address, port, settings.dialect)
        notify("READY=1")

    async def _reload_when_told(self) -> None:
        while await self._changed.wait():
            self._changed.clear()
            problem: Exception | None = None
            try:
                await self._reload()
            except (FilterschedError, OSError) as error:
                problem = error
                LOG.error("not reloaded, the old configuration stays: %s", problem)
            if self._proxy.calls.metrics is not None:
                self._proxy.calls.metrics.metrics.reload_ends(problem)

    async def _reload(self) -> None:
        """Serve by what the file says now; a bad file changes nothing."""
        old = self._proxy
        try:
            new = Proxy(self._path, old)
            await new.start()
        except BaseException:
            # Filters of others read their options in a place of which there is one: there the new file is in effect.
            share_settings(old.settings.conf)
            raise
        if any(getattr(old.settings, key) != getattr(new.settings, key) for key in _FIXED):
            LOG.warning("%s change with a restart only", ", ".join(_FIXED))
        self._server.configure(new.calls)
        self._proxy = new
        await old.close(plugins=False)
        LOG.info("reloaded")
        if not self._verbose:
            logging.getLogger().setLevel(new.settings.log_level.upper())

    def _complain(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A line about what no caller hears of, such as that no connection can be taken: one a second at most."""
        if time.monotonic() - self._complained > 1.0:
            self._complained = time.monotonic()
            LOG.error("%s: %s", context["message"], context.get("exception") or "no reason is known")


def notify(state: str) -> None:
    """Tell systemd how far we are, if it listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def _most_descriptors() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _tell(loop: asyncio.AbstractEventLoop, event: asyncio.Event, _number: int, _frame: object) -> None:
    """What a signal does: it wakes whoever waits for the event."""
    loop.call_soon_threadsafe(event.set)
