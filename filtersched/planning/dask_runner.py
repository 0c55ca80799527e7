"""Runs on a Dask cluster: an existing one by the address of its scheduler, or one of this machine."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
import threading
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

from filtersched.errors import FilterschedError
from filtersched.planning.runners import Event, cores
from filtersched.planning.runs import Run, perform
from filtersched.planning.worker import in_words

#: Stands for a cluster of this machine that is started for the runs.
LOCAL = "local"
# What Dask connects to; its client does not let go of an address of another form.
_ADDRESS = re.compile(r"(?:(?:tcp|tls|ws|wss|ucx|ucxx|inproc)://)?[^\s/]+:\d+")
_TIMEOUT_S = 30


class DaskError(FilterschedError):
    """The Dask cluster cannot be used. `address` is that of its scheduler."""

    def __init__(self, message: str = "", *, address: str = "") -> None:
        super().__init__(message)
        self.address = address


class DaskRunner:
    """Performs runs on the workers of a Dask cluster, which need this library in the same release.

    address : of the scheduler, such as tcp://scheduler:8786; "local" starts a cluster of this machine,
        which ends with the runs.
    jobs : how many workers the cluster of this machine has; None is one for each core.
    timeout_s : how long to wait for the scheduler.

    Raises DaskError for what is no address; its events raise it for a scheduler that is not there, or dies.
    """

    def __init__(self, address: str, *, jobs: int | None = None, timeout_s: float = _TIMEOUT_S) -> None:
        if address != LOCAL and not _ADDRESS.fullmatch(address):
            raise DaskError(
                f"the address of a Dask scheduler is such as tcp://scheduler:8786, or local, not {address!r}",
                address=address,
            )
        self._address = address
        self._jobs = jobs
        self._timeout_s = timeout_s

    def events(self, runs: Sequence[Run], parts: Mapping[str, bytes]) -> Generator[Event, None, None]:
        if not runs:
            return
        try:
            import distributed
        except ImportError as error:
            raise DaskError(
                f"--dask needs dask.distributed ({error}). Install it: pip install 'filtersched[dask]'"
            ) from None
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(self._client(distributed))
            done = self._started(client, distributed, runs, parts)
            for future, run in done:
                with self._lost():
                    event = self._event(future, run)
                yield event

    def _started(
        self, client: Any, distributed: Any, runs: Sequence[Run], parts: Mapping[str, bytes]
    ) -> Iterator[tuple[Any, Run]]:
        """The futures of the runs as they end."""
        with self._lost():
            shared = client.scatter(dict(parts), broadcast=True)
            # Another user of the cluster may perform the same run.
            token = uuid.uuid4().hex
            by_key = {f"filtersched-{token}-{run.key}": run for run in runs}
            futures = [client.submit(_perform, run, shared, key=key, retries=0) for key, run in by_key.items()]
        try:
            ended = distributed.as_completed(futures, loop=client.loop)
            while True:
                with self._lost():
                    future = next(ended, None)
                if future is None:
                    return
                yield future, by_key[future.key]
        finally:
            with contextlib.suppress(Exception):  # a scheduler that is gone cancels nothing
                client.cancel(futures, force=True)

    def _event(self, future: Any, run: Run) -> Event:
        if future.status == "finished":
            kind, value = future.result()
            return Event(run, value) if kind == "done" else Event(run, error=value)
        if future.status in ("cancelled", "lost"):
            raise self._error(f"the Dask scheduler {self._address} is gone, or cancelled the run {run.name!r}")
        # A worker that died, or one that lacks this library.
        return Event(run, error=in_words(future.exception()))

    @contextlib.contextmanager
    def _client(self, distributed: Any) -> Iterator[Any]:
        # What its loops log of a connection that breaks is said here in one line.
        for name in ("distributed", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with contextlib.ExitStack() as stack:
            if self._address == LOCAL:
                with _ignoring_interrupts():
                    cluster = distributed.LocalCluster(
                        n_workers=self._jobs or cores(),
                        threads_per_worker=1,
                        dashboard_address=None,
                        silence_logs=logging.CRITICAL,
                    )
                stack.enter_context(cluster)
                address = cluster.scheduler_address
            else:
                address = self._address
            try:
                client = distributed.Client(address, timeout=self._timeout_s, set_as_default=False)
            except (OSError, ValueError, TimeoutError) as error:
                raise self._error(f"there is no Dask scheduler at {self._address}: {error}") from None
            yield stack.enter_context(client)

    @contextlib.contextmanager
    def _lost(self) -> Iterator[None]:
        """An error of ours for whatever Dask raises when its scheduler is gone."""
        try:
            yield
        except FilterschedError:
            raise
        # The boundary to Dask, whose client raises errors of many kinds when its scheduler goes away.
        except Exception as error:
            said = str(error) or type(error).__name__
            raise self._error(f"the Dask scheduler {self._address} failed: {said}") from None

    def _error(self, said: str) -> DaskError:
        hint = "Finished runs are kept where --results was given; --resume goes on."
        return DaskError(f"{said}. {hint}", address=self._address)


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Let processes that are started meanwhile ignore Ctrl-C: it is for the command, which ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _perform(run: Run, parts: Mapping[str, bytes]) -> tuple[str, Any]:
    """A run on a worker: ("done", result), or ("failed", why)."""
    # The boundary to one run among several: whatever it raises is its result.
    try:
        return "done", perform(run, parts)
    except Exception as error:
        return "failed", in_words(error)
