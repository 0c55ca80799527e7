"""What the engine's REST API tells about hosts and VMs, for calls that bring only ids.

A task reads hosts, VMs and clusters every `engine_refresh` seconds; calls see the last reading
that succeeded. A VM that is newer than the reading is read by itself.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
from lxml import etree

from filtersched.ovirt.answers import UUID
from filtersched.ovirt.documents import Facts, Known, parse, text_of
from filtersched.ovirt.errors import OvirtError
from filtersched.ovirt.settings import Settings, error

LOG = logging.getLogger(__name__)

_PAGE = 200
_MAX_PAGES = 10_000
_MAX_BYTES = 256 << 20
_ONE_VM = 2.0  # seconds


class EngineFacts:
    """Facts from the engine at `settings.engine_url`, kept fresh by a task.

    last : a good reading from before a reload, of use while there is none of our own.
    failure : why the last attempt to read failed, or None.
    """

    def __init__(self, settings: Settings, last: Facts | None = None) -> None:
        self._settings = settings
        self._base = _api(settings.engine_url)
        self.reading = last if last is not None and last.url == self._base else None
        self.failure: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        try:
            self._tls = ssl.create_default_context(cafile=settings.engine_ca_file)
        except OSError as problem:
            raise error("engine_ca_file", settings.engine_ca_file, f"cannot be used: {problem}") from problem

    async def start(self) -> None:
        """Read once, then again and again; returns when the first reading has ended, well or not."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls), timeout=aiohttp.ClientTimeout(sock_connect=5, sock_read=30)
        )
        await self._refresh()
        if self.failure is not None and self.reading is not None:
            LOG.warning("the reading from before the reload stays in use")
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
        if self._session is not None:
            await self._session.close()

    async def known(self, hosts: list[str], vm: str) -> Known:
        """What is known of these hosts and this VM now."""
        reading, most = self.reading, self._settings.facts_max_age
        if reading is None:
            return Known(hosts, vm, why=self.failure or "there was no reading yet")
        age = time.monotonic() - reading.read_at
        if age > most:
            said = f"facts are {age:.0f} s old, and facts_max_age is {most:g} s"
            return Known(hosts, vm, why=f"{said}: {self.failure or 'the engine is slow'}")
        if age > 3 * self._settings.engine_refresh:
            LOG.warning("facts are %.0f s old: %s", age, self.failure or "the engine is slow")
        why = f"the engine's answer of {age:.0f} s ago does not have it"
        known = Known(hosts, vm, reading, reading.vms.get(vm), why)
        if not vm or known.vm_element is not None:
            return known
        try:
            element = await self._new_vm(vm)
        except (aiohttp.ClientError, TimeoutError, OvirtError, OSError, ValueError) as problem:
            LOG.warning("VM %r cannot be read: %s", vm[:100], problem or type(problem).__name__)
            return replace(known, why=f"{known.why}, and VM {vm!r} cannot be read: {problem or 'it takes too long'}")
        LOG.info("VM %r is newer than the last reading and was read by itself", vm)
        return replace(known, vm_element=element)

    async def _new_vm(self, vm: str) -> Any:
        if not UUID.fullmatch(vm):
            raise OvirtError(f"{vm[:100]!r} is no UUID")
        async with asyncio.timeout(_ONE_VM):
            element = parse(await self._get(f"{self._base}/vms/{vm}", {}))
        if element.tag != "vm" or element.get("id") != vm:
            raise OvirtError(f"/vms/{vm} answered another document")
        return element

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.engine_refresh)
            await self._refresh()

    async def _refresh(self) -> None:
        """Read everything once; a failure keeps the last reading and is remembered."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.facts_max_age):
                reading = await self._read()
        except (aiohttp.ClientError, TimeoutError, OvirtError, OSError, ValueError) as problem:
            said = str(problem) or f"not within {self._settings.facts_max_age:g} s"
            failure = f"{self._base} cannot be read: {type(problem).__name__}: {said}"
            if failure != self.failure:
                LOG.warning("%s", failure)
            self.failure = failure
            return
        if self.failure is not None:
            LOG.info("%s can be read again", self._base)
        self.failure, self.reading = None, reading
        took = (time.monotonic() - started) * 1000
        LOG.debug("read %d hosts and %d VMs in %.0f ms", len(reading.hosts), len(reading.vms), took)

    async def _read(self) -> Facts:
        started = time.monotonic()
        running: dict[str, list[Any]] = {}
        reading = Facts({}, running=running, url=self._base, read_at=started)
        names = {cluster.get("id"): cluster.findtext("name") async for cluster in self._all("clusters", "cluster")}
        follow = {"follow": "statistics"} if self._settings.engine_statistics else {}
        async for host in self._all("hosts", "host", **follow):
            cluster = host.find("cluster")
            if cluster is not None and cluster.find("name") is None and names.get(cluster.get("id")):
                etree.SubElement(cluster, "name").text = names[cluster.get("id")]
            reading.hosts[host.get("id")] = host
            reading.texts[host.get("id")] = text_of(host)
        async for vm in self._all("vms", "vm"):
            reading.vms[vm.get("id")] = vm
            reading.texts[vm.get("id")] = text_of(vm)
            where = vm.find("host")
            if where is not None and where.get("id"):
                running.setdefault(where.get("id"), []).append(vm)
        return reading

    async def _all(self, collection: str, tag: str, **parameters: str) -> AsyncIterator[Any]:
        """All elements of a collection, page by page, until a page brings nothing new."""
        seen: set[str] = set()
        for page in range(1, _MAX_PAGES):
            query = {"search": f"sortby name asc page {page}", "max": str(_PAGE), **parameters}
            root = parse(await self._get(f"{self._base}/{collection}", query))
            if root.tag != f"{tag}s":
                raise OvirtError(f"/{collection} answered <{root.tag}>, not <{tag}s>")
            new = [element for element in root.findall(tag) if element.get("id") and element.get("id") not in seen]
            if not new:
                return
            seen.update(element.get("id") for element in new)
            for element in new:
                yield element

    async def _get(self, url: str, query: dict[str, str]) -> str:
        if self._session is None:
            raise OvirtError("reading has not begun")
        # Read anew each time, so that it can be changed without a restart.
        secret = _secret(self._settings.engine_password_file)
        user = self._settings.engine_username
        authorization = f"Bearer {secret}" if user is None else aiohttp.BasicAuth(user, secret, "utf-8").encode()
        headers = {"Accept": "application/xml", "Authorization": authorization}
        # Redirects are not followed: they would carry the password elsewhere.
        async with self._session.get(url, params=query, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise OvirtError(f"{url} answered {response.status} {response.reason}")
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > _MAX_BYTES:
                    raise OvirtError(f"{url} answered more than {_MAX_BYTES} bytes")
        return body.decode("utf-8", "replace")


def _api(url: str) -> str:
    """The address of the API, given that, or the engine's, or only the machine's."""
    if url.endswith("/api"):
        return url
    has_path = "/" in url.partition("://")[2]
    return f"{url}/api" if has_path else f"{url}/ovirt-engine/api"


def _secret(path: str) -> str:
    """The password or token."""
    with open(path, encoding="utf-8") as stream:
        secret = stream.read().strip()
    if not secret:
        raise OvirtError(f"engine_password_file {path!r} is empty")
    return secret
