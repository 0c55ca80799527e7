"""HTTP and TLS around the calls, on aiohttp.

aiohttp bounds the headers; here a whole request must have arrived within `request_timeout`, and
its answer must have been taken within that time.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from filtersched import __version__
from filtersched.ovirt import wire
from filtersched.ovirt.engine_calls import EngineCalls
from filtersched.ovirt.errors import OvirtError, WireError
from filtersched.ovirt.settings import Settings, error

LOG = logging.getLogger(__name__)

_LARGE = 1 << 18  # bytes of a body that is read beside the event loop
_BAD_REQUESTS = logging.getLogger(f"{__name__}.requests")
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server(web.Server):
    """Listens, and answers calls; a reload replaces what answers."""

    def __init__(self, calls: EngineCalls) -> None:
        super().__init__(self._answer)
        self.calls: EngineCalls = calls
        self._running: set[asyncio.Task[Any]] = set()
        self._timers: dict[RequestHandler, asyncio.TimerHandle] = {}
        self._listening: asyncio.Server | None = None
        self._tls = tls_context(calls.settings)

    def __call__(self) -> RequestHandler:
        connection = RequestHandler(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            logger=_BAD_REQUESTS,
            auto_decompress=False,
            lingering_time=1,
            max_line_size=16384,
            max_field_size=16384,
        )
        self._limit(connection, _TOO_LATE)
        return connection

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """aiohttp says so."""
        self._unlimit(handler)
        super().connection_lost(handler, exc)

    def _limit(self, connection: RequestHandler, last_words: bytes) -> None:
        """From now on it is the client's turn, for so many seconds."""
        self._unlimit(connection)
        seconds = self.calls.settings.request_timeout
        timer = asyncio.get_running_loop().call_later(seconds, self._late, connection, last_words)
        self._timers[connection] = timer

    def _unlimit(self, connection: Any) -> None:
        if (timer := self._timers.pop(connection, None)) is not None:
            timer.cancel()

    def _late(self, connection: RequestHandler, last_words: bytes) -> None:
        self._unlimit(connection)
        transport = connection.transport
        if isinstance(transport, asyncio.Transport):
            transport.write(last_words)
            connection.force_close() if last_words else transport.abort()

    async def listen(self) -> int:
        """Begin to serve; the port."""
        settings = self.calls.settings
        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {"ssl": self._tls, "ssl_handshake_timeout": settings.request_timeout, "ssl_shutdown_timeout": 2}
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self, settings.listen, settings.port, backlog=512, **tls)
        port: int = self._listening.sockets[0].getsockname()[1]
        return port

    def configure(self, calls: EngineCalls) -> None:
        """Answer by other units and settings; certificates are read anew, port and address stay."""
        self.calls = calls
        if self._tls is not None:
            _read_certificates(self._tls, calls.settings)

    async def stop(self, seconds: float) -> None:
        """Stop listening; let the calls that run end within so many seconds, then reset them."""
        if self._listening is not None:
            self._listening.close()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for connection in self.connections:
            if isinstance(connection.transport, asyncio.Transport):
                connection.transport.abort()
        # Before their plug-ins' processes are ended, so that no unit is blamed for it.
        for call in self._running:
            call.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=1)
        await self.shutdown(0.1)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        call = asyncio.current_task()
        assert call is not None
        self._running.add(call)
        try:
            response = await self._response(request)
        finally:
            self._running.discard(call)
            self._limit(request.protocol, b"")
        # The engine's client makes a connection per call; one kept alive would only use up a place.
        response.force_close()
        return response

    async def _response(self, request: web.BaseRequest) -> web.Response:
        metrics, facts = self.calls.metrics, self.calls.facts
        if metrics is not None and request.method == "GET" and request.path == "/metrics":
            # Beside the event loop: a large cloud takes some milliseconds.
            text = await self.calls.in_thread(metrics.text, facts)
            return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
        refusal = _refusal(request)
        if refusal is not None:
            return refusal
        if request.method == "GET":
            counts = ", ".join(f"{len(units)} {kind}" for kind, units in self.calls.announced().items())
            return web.Response(text=f"filtersched-proxy {__version__}: {counts}\n")
        limit = self.calls.settings.max_request_bytes
        if (request.content_length or 0) > limit:
            return web.Response(status=413)
        body = bytearray()
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > limit:
                return web.Response(status=413)
        self._unlimit(request.protocol)  # units have their own limits
        gzipped = "gzip" in request.headers.get("Content-Encoding", "").lower()
        return web.Response(body=await self.respond(bytes(body), gzipped=gzipped), content_type="text/xml")

    async def respond(self, body: bytes, *, gzipped: bool = False) -> bytes:
        """The response to a request body; a fault for whatever goes wrong."""
        calls = self.calls

        def understood() -> tuple[str, list[Any]]:
            plain = wire.inflated(body, calls.settings.max_request_bytes) if gzipped else body
            return wire.parse_call(plain)

        try:
            heavy = gzipped or len(body) > _LARGE
            name, arguments = await calls.in_thread(understood) if heavy else understood()
            return wire.answer(await calls.call(name, arguments))
        except WireError as error:
            LOG.warning("refused a call: %s", error)
            return wire.fault(error.code, str(error))
        except OvirtError as error:
            LOG.warning("no answer to a call: %s", error)
            return wire.fault(wire.INTERNAL_ERROR, str(error))
        except Exception as error:
            # The boundary of the service: a client gets a fault, never a dropped connection.
            LOG.exception("a call failed")
            return wire.fault(wire.INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def _in_one_line(record: logging.LogRecord) -> bool:
    """Whether aiohttp's record stays as it is; what is wrong with a request is one line of ours."""
    problem = record.exc_info[1] if record.exc_info else None
    if isinstance(problem, HttpProcessingError | RequestPayloadError | ConnectionError):
        LOG.info("%s: %s", record.getMessage(), " ".join(str(problem).split())[:200])
        return False
    return True


_BAD_REQUESTS.addFilter(_in_one_line)


def _refusal(request: web.BaseRequest) -> web.Response | None:
    """The answer to what is no call, before its body is read."""
    if request.method not in ("POST", "GET"):
        return web.Response(status=405, headers={"Allow": "GET, POST"})
    if request.path not in ("/", "/RPC2"):
        return web.Response(status=404)
    if request.method == "GET":
        return None
    # A web page can make a browser send plain text anywhere, but not XML without being asked first.
    if "xml" not in request.headers.get("Content-Type", ""):
        return web.Response(status=415)
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("identity", "gzip", "x-gzip", ""):
        return web.Response(status=415)
    if request.content_length is None and "chunked" not in request.headers.get("Transfer-Encoding", ""):
        return web.Response(status=411)
    return None


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """How to speak TLS, or None without; client certificates are demanded if ssl_client_ca is set."""
    if not settings.ssl:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _read_certificates(context, settings)
    return context


def _read_certificates(context: ssl.SSLContext, settings: Settings) -> None:
    key = "ssl_certfile"
    try:
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
        if settings.ssl_client_ca is not None:
            key = "ssl_client_ca"
            context.load_verify_locations(settings.ssl_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as problem:
        said = f"cannot be used: {problem}. It must be in PEM form, with the key that belongs to it"
        raise error(key, getattr(settings, key), said) from problem
