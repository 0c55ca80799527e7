"""What the engine's REST API tells about hosts and VMs, for calls that bring only ids.

A thread reads hosts, VMs and clusters every `engine_refresh` seconds; calls see the last reading
that succeeded and never wait. What is old or missing is said in the answer's errors.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from lxml import etree

from filtersched import ConfigurationError, HostState
from filtersched.ovirt.documents import Known, parse, text_of
from filtersched.ovirt.errors import OvirtError
from filtersched.ovirt.settings import Settings

LOG = logging.getLogger(__name__)

_PAGE = 200
_MAX_PAGES = 10_000
_MAX_BYTES = 256 << 20
_READ_TIMEOUT = 30.0
_TIMEOUT = httpx.Timeout(_READ_TIMEOUT, connect=5.0)


@dataclass(frozen=True)
class _Reading:
    """One reading of everything, with what was derived from it since."""

    hosts: dict[str, Any]
    vms: dict[str, Any]
    running: dict[str, list[Any]]
    texts: dict[str, str]
    read_at: float
    states: dict[str, HostState] = field(default_factory=dict)


class EngineFacts:
    """Facts from the engine at `settings.engine_url`, kept fresh by a thread of their own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = _api(settings.engine_url or "")
        self._password_file = settings.engine_password_file or ""
        self._reading: _Reading | None = None
        self._failure: str | None = None
        self._stop = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine facts", daemon=True)
        try:
            context = ssl.create_default_context(cafile=settings.engine_ca_file)
        except OSError as error:
            raise ConfigurationError(
                f"engine_ca_file = {settings.engine_ca_file!r} cannot be used: {error}.",
                group="DEFAULT",
                option="engine_ca_file",
                value=settings.engine_ca_file,
            ) from error
        # Redirects are not followed: they would carry the password elsewhere.
        self._client = httpx.Client(verify=context, timeout=_TIMEOUT, trust_env=False)

    def start(self, *, patience: float = 0.0) -> None:
        """Begin to read; returns after the first attempt, or after so many seconds."""
        self._thread.start()
        self._tried.wait(patience)

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        self._client.close()

    def known(self, hosts: Sequence[str], vm: str) -> Known:
        """What the last reading says about these hosts and this VM."""
        reading = self._reading
        if reading is None:
            why = self._failure or "the first reading is under way"
            return Known(hosts, vm, problems=[f"nothing is known of hosts but ids: {why}"])
        problems = self._staleness(reading)
        if vm and vm not in reading.vms:
            problems.append(f"nothing is known of VM {vm!r} but its id")
        return Known(
            hosts,
            vm,
            elements=reading.hosts,
            vm_element=reading.vms.get(vm),
            running=reading.running,
            problems=problems,
            texts=reading.texts,
            states=reading.states,
        )

    def problems(self) -> list[str]:
        """What is wrong now, in sentences."""
        if self._reading is None:
            return [self._failure] if self._failure else []
        return self._staleness(self._reading)

    def _staleness(self, reading: _Reading) -> list[str]:
        age = time.monotonic() - reading.read_at
        if self._failure is None and age <= 3 * self._settings.engine_refresh + _READ_TIMEOUT:
            return []
        return [f"facts about hosts are {age:.0f} s old: {self._failure or 'the engine is slow'}"]

    def _run(self) -> None:
        while not self._stop.is_set():
            self.refresh()
            self._tried.set()
            self._stop.wait(self._settings.engine_refresh)

    def refresh(self) -> None:
        """Read everything once; a failure keeps the last reading and is remembered."""
        started = time.monotonic()
        try:
            reading = self._read()
        except (httpx.HTTPError, httpx.InvalidURL, OvirtError, OSError, ValueError) as error:
            failure = f"{self._base} cannot be read: {type(error).__name__}: {error}"
            if failure != self._failure and not self._stop.is_set():
                LOG.warning("%s", failure)
            self._failure = failure
            return
        if self._failure is not None:
            LOG.info("%s can be read again", self._base)
        self._failure, self._reading = None, reading
        took = (time.monotonic() - started) * 1000
        LOG.debug("read %d hosts and %d VMs in %.0f ms", len(reading.hosts), len(reading.vms), took)

    def _read(self) -> _Reading:
        secret = _secret(self._password_file)
        user = self._settings.engine_username
        auth: Any = _bearer(secret) if user is None else httpx.BasicAuth(user, secret)
        started = time.monotonic()
        names = {cluster.get("id"): cluster.findtext("name") for cluster in self._all("clusters", "cluster", auth)}
        follow = {"follow": "statistics"} if self._settings.engine_statistics else {}
        hosts = {host.get("id"): host for host in self._all("hosts", "host", auth, **follow)}
        vms = {vm.get("id"): vm for vm in self._all("vms", "vm", auth)}
        for host in hosts.values():
            cluster = host.find("cluster")
            if cluster is not None and cluster.find("name") is None and names.get(cluster.get("id")):
                etree.SubElement(cluster, "name").text = names[cluster.get("id")]
        running: dict[str, list[Any]] = {}
        for vm in vms.values():
            where = vm.find("host")
            if where is not None and where.get("id"):
                running.setdefault(where.get("id"), []).append(vm)
        texts = {id: text_of(element) for id, element in [*hosts.items(), *vms.items()]}
        return _Reading(hosts, vms, running, texts, started)

    def _all(self, collection: str, tag: str, auth: Any, **parameters: str) -> Iterator[Any]:
        """All elements of a collection, page by page, until a page brings nothing new."""
        seen: set[str] = set()
        for page in range(1, _MAX_PAGES):
            query = {"search": f"sortby name asc page {page}", "max": str(_PAGE), **parameters}
            root = parse(self._get(f"{self._base}/{collection}", query, auth))
            if root.tag != f"{tag}s":
                raise OvirtError(f"/{collection} answered <{root.tag}>, not <{tag}s>")
            new = [element for element in root.findall(tag) if element.get("id") and element.get("id") not in seen]
            if self._stop.is_set():
                raise OvirtError("stopped")
            if not new:
                return
            seen.update(element.get("id") for element in new)
            yield from new

    def _get(self, url: str, query: dict[str, str], auth: Any) -> str:
        pieces, size = [], 0
        headers = {"Accept": "application/xml"}
        with self._client.stream("GET", url, params=query, headers=headers, auth=auth) as response:
            if response.status_code != httpx.codes.OK:
                raise OvirtError(f"{url} answered {response.status_code} {response.reason_phrase}")
            for piece in response.iter_bytes():
                size += len(piece)
                if size > _MAX_BYTES:
                    raise OvirtError(f"{url} answered more than {_MAX_BYTES} bytes")
                pieces.append(piece)
        return b"".join(pieces).decode("utf-8", "replace")


def _api(url: str) -> str:
    """The address of the API, given that, or the engine's, or only the machine's."""
    if url.endswith("/api"):
        return url
    has_path = "/" in url.partition("://")[2]
    return f"{url}/api" if has_path else f"{url}/ovirt-engine/api"


def _secret(path: str) -> str:
    """The password or token; read anew each time, so that it can be changed without a restart."""
    with open(path, encoding="utf-8") as stream:
        secret = stream.read().strip()
    if not secret:
        raise OvirtError(f"engine_password_file {path!r} is empty")
    return secret


def _bearer(token: str) -> Callable[[httpx.Request], httpx.Request]:
    def authorize(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return authorize
