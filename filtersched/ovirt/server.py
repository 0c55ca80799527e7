"""HTTP and TLS around the service: a WSGI application on cheroot, with its gaps closed.

cheroot gives every new connection a thread at once, makes the TLS handshake in the thread that
accepts, and limits the time between two bytes but not that of a request. Here a connection waits
in the selector until it says something, the handshake is made by the connection's own thread, and
a request must have arrived whole within `request_timeout`.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cheroot import server as cheroot_server
from cheroot import wsgi
from cheroot.errors import MaxSizeExceeded
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.ssl import Adapter

from filtersched.errors import ConfigurationError
from filtersched.ovirt import wire
from filtersched.ovirt.errors import OvirtError, WireError
from filtersched.ovirt.service import Service
from filtersched.ovirt.settings import Settings

LOG = logging.getLogger(__name__)

THREADS = 256
MAX_HEADER_BYTES = 64 << 10
_PIECE = 1 << 18
_BODIES = 4  # how many bodies of the largest size may be in memory at once
_PATHS = ("/", "/RPC2")
_SIGNATURES = {
    "discover": [["struct"]],
    "runFilters": [["struct", "array", "array", "string", "struct"]],
    "runCostFunctions": [["struct", "array", "array", "string", "struct"]],
    "runLoadBalancing": [["struct", "string", "array", "struct"]],
    "system.listMethods": [["array"]],
    "system.methodHelp": [["string", "string"]],
    "system.methodSignature": [["array", "string"]],
}


class _Refused(Exception):
    """The request is answered with an HTTP status, which is the text."""


class _Budget:
    """How many bytes of request bodies are in memory, over all connections."""

    def __init__(self) -> None:
        self._used = 0
        self._lock = threading.Lock()

    def take(self, count: int, limit: int) -> None:
        """Count so many more bytes; refuses the request beyond `limit`."""
        with self._lock:
            if self._used + count > limit:
                raise _Refused("503 Service Unavailable")
            self._used += count

    def give_back(self, count: int) -> None:
        """The bytes are gone."""
        with self._lock:
            self._used -= count


class Application:
    """The WSGI application: a request body in, an answer or a fault out.

    `service` may be replaced while calls run; a call ends on the service that it began on.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._budget = _Budget()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection = environ.get("filtersched.connection")
        taken = 0
        kind = "text/xml"
        status = "200 OK"
        try:
            _check(environ)
            pieces = []
            limit = self.service.settings.max_request_bytes
            for piece in _pieces(environ, limit):
                self._budget.take(len(piece), _BODIES * limit)
                taken += len(piece)
                pieces.append(piece)
            if connection is not None:
                connection.arrived()
            gzipped = "gzip" in environ.get("HTTP_CONTENT_ENCODING", "").lower()
            answer = self.respond(b"".join(pieces), gzipped=gzipped)
        except _Refused as refusal:
            kind, status = "text/plain", str(refusal)
            answer = status.encode()
        finally:
            self._budget.give_back(taken)
        if connection is not None:
            connection.answering()
        headers = [("Content-Type", kind), ("Content-Length", str(len(answer)))]
        start_response(status, [*headers, ("Allow", "POST")] if status.startswith("405") else headers)
        return [answer]

    def respond(self, body: bytes, *, gzipped: bool = False) -> bytes:
        """The response to a request body; a fault for whatever goes wrong."""
        try:
            if gzipped:
                body = wire.inflated(body, self.service.settings.max_request_bytes)
            name, arguments = wire.parse_call(body)
            return wire.answer(self._method(name)(*arguments))
        except WireError as error:
            LOG.warning("refused a call: %s", error)
            return wire.fault(error.code, str(error))
        except OvirtError as error:
            return wire.fault(wire.INTERNAL_ERROR, str(error))
        except Exception as error:
            # The boundary of the service: a client gets a fault, never a dropped connection.
            LOG.exception("a call failed")
            return wire.fault(wire.INTERNAL_ERROR, f"{type(error).__name__}: {error}")

    def _method(self, name: str) -> Callable[..., Any]:
        service = self.service
        methods: Mapping[str, Callable[..., Any]] = {
            "discover": service.discover,
            "runFilters": service.run_filters,
            "runCostFunctions": service.run_cost_functions,
            "runLoadBalancing": service.run_load_balancing,
            "system.listMethods": _list_methods,
            "system.methodHelp": self._help,
            "system.methodSignature": _signature,
        }
        if name not in methods:
            raise WireError(f"there is no method {name[:200]!r}", code=wire.METHOD_NOT_FOUND)
        return methods[name]

    def _help(self, *arguments: Any) -> str:
        return self._method(_method_name(arguments)).__doc__ or ""


def _list_methods(*arguments: Any) -> list[str]:
    """The names of all methods."""
    if arguments:
        raise WireError("system.listMethods takes no parameters", code=wire.INVALID_PARAMS)
    return sorted(_SIGNATURES)


def _signature(*arguments: Any) -> list[list[str]]:
    """The types of a method: its result's, then its parameters'."""
    name = _method_name(arguments)
    if name not in _SIGNATURES:
        raise WireError(f"there is no method {name[:200]!r}", code=wire.METHOD_NOT_FOUND)
    return _SIGNATURES[name]


def _method_name(arguments: tuple[Any, ...]) -> str:
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        raise WireError("the parameter must be the name of a method", code=wire.INVALID_PARAMS)
    return arguments[0]


def _check(environ: Mapping[str, Any]) -> None:
    """Refuse what is no call before its body is read."""
    if environ["REQUEST_METHOD"] != "POST":
        raise _Refused("405 Method Not Allowed")
    if environ["PATH_INFO"] not in _PATHS:
        raise _Refused("404 Not Found")
    # A web page can make a browser send plain text anywhere, but not XML without being asked first.
    if "xml" not in environ.get("CONTENT_TYPE", ""):
        raise _Refused("415 Unsupported Media Type")
    if environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("identity", "gzip", "x-gzip", ""):
        raise _Refused("415 Unsupported Media Type")
    if not environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH", "").isdigit():
        raise _Refused("411 Length Required")


def _pieces(environ: Mapping[str, Any], limit: int) -> Iterator[bytes]:
    """The request's body as it arrives; a length that is merely announced costs no memory."""
    chunked = environ.get("wsgi.input_terminated")
    left = limit + 1 if chunked else int(environ["CONTENT_LENGTH"])
    while left:
        try:
            piece = environ["wsgi.input"].read(min(left, _PIECE))
        except OSError as error:
            # cheroot says in this way that a chunk is too large.
            too_large = "Too Large" in str(error)
            raise _Refused("413 Request Entity Too Large" if too_large else "408 Request Timeout") from error
        except MaxSizeExceeded as error:
            raise _Refused("413 Request Entity Too Large") from error
        except ValueError as error:
            raise _Refused("400 Bad Request") from error
        if not piece:
            if chunked:
                return
            raise _Refused("408 Request Timeout")
        yield piece
        left -= len(piece)
    if chunked:
        raise _Refused("413 Request Entity Too Large")


class _TLSAdapter(Adapter):
    """TLS whose handshake is left to the first read, in the thread of the connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context

    def bind(self, sock: socket.socket) -> socket.socket:
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> Any:
        return StreamReader(sock, mode, bufsize) if "r" in mode else StreamWriter(sock, mode, bufsize)


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """How to speak TLS, or None without; client certificates are demanded if ssl_client_ca is set."""
    if not settings.ssl or settings.ssl_certfile is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    key = "ssl_certfile"
    try:
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
        if settings.ssl_client_ca is not None:
            key = "ssl_client_ca"
            context.load_verify_locations(settings.ssl_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        path = getattr(settings, key)
        raise ConfigurationError(
            f"{key} = {path!r} cannot be used: {error}. It must be in PEM form, with the key that belongs to it.",
            group="DEFAULT",
            option=key,
            value=path,
        ) from error
    return context


class _Connection(cheroot_server.HTTPConnection):
    """A connection whose client may not take longer than `request_timeout` to speak or to listen.

    waiting_since : since when it is the client's turn; None while it is ours.
    """

    waiting_since: float | None = None
    _late = False
    _speaking = False
    _unread = False

    def communicate(self) -> bool:
        self.waiting_since = time.monotonic()
        self._unread = True
        if isinstance(self.socket, ssl.SSLSocket):
            try:
                self.socket.do_handshake()
            except OSError as error:
                LOG.info("no TLS with %s: %s", self.remote_addr, error)
                return False
        keep = bool(super().communicate())  # type: ignore[no-untyped-call]
        if self._late and not self.wfile.bytes_written:
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return keep

    def arrived(self) -> None:
        """The request is here whole; its units have limits of their own."""
        self.waiting_since = None
        self._unread = False

    def answering(self) -> None:
        """The answer is ready; from now on the client is to take it."""
        self._speaking = True
        self.waiting_since = time.monotonic()

    def hang_up_if_late(self, oldest: float) -> None:
        """Called by the watching thread: wake the connection's thread if its client is too slow."""
        since = self.waiting_since
        if since is None or since >= oldest:
            return
        self._late = True
        # While reading, half a hang-up: the thread can still say why. Never the method of an SSL
        # socket, which would make it go on in plain text.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR if self._speaking else socket.SHUT_RD)

    def close(self) -> None:
        if self._unread and not self._late:
            self._drain()
        super().close()

    def _drain(self) -> None:
        """Take in what the client still sends; closing at once would destroy the answer on its way."""
        give_up = time.monotonic() + 1.0
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_WR)
            self.socket.settimeout(0.2)
            while time.monotonic() < give_up and socket.socket.recv(self.socket, 1 << 16):
                pass


class _Gateway(wsgi.Gateway_10):
    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        environ["filtersched.connection"] = self.req.conn
        # The engine's client makes a connection per call; one kept alive would only use up a place.
        self.req.close_connection = True
        return environ


class Server(cheroot_server.HTTPServer):
    """Serves an application until told to stop."""

    ConnectionClass = _Connection

    def __init__(self, settings: Settings, application: Application) -> None:
        super().__init__((settings.listen, settings.port), _Gateway, minthreads=THREADS, maxthreads=THREADS)
        self.server_name = "filtersched-proxy"
        self.wsgi_app = application
        self.request_queue_size = 512
        self.keep_alive_conn_limit = 4096
        self.max_request_header_size = MAX_HEADER_BYTES
        self.shutdown_timeout = 2
        self._stopped = threading.Event()
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Take over what can change while serving: limits and certificates."""
        context = tls_context(settings)
        self.ssl_adapter = None if context is None else _TLSAdapter(context)
        self.timeout: float = settings.request_timeout  # type: ignore[assignment]
        self.max_request_body_size = settings.max_request_bytes

    @property
    def port(self) -> int:
        """The port that is listened on, once prepared."""
        number: int = self.socket.getsockname()[1]
        return number

    def serve(self) -> None:
        """Serve until `stop`; late requests are cut off by a thread that watches them."""
        watch = threading.Thread(target=self._watch, name="late requests", daemon=True)
        watch.start()
        super().serve()

    def stop(self) -> None:
        """Stop accepting, let the calls that run end within two seconds, then hang up."""
        self._stopped.set()
        super().stop()

    def process_conn(self, conn: Any) -> None:
        """A connection that has not said anything yet waits in the selector, not in a thread."""
        if conn.last_used is None:
            self.put_conn(conn)
        else:
            super().process_conn(conn)

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """cheroot's log lines, in ours."""
        LOG.log(level, "%s", msg, exc_info=traceback)

    def _watch(self) -> None:
        while not self._stopped.wait(min(0.5, self.timeout / 4)):
            oldest = time.monotonic() - self.timeout
            for thread in list(self.requests._threads):
                connection = thread.conn
                if connection is not None:
                    connection.hang_up_if_late(oldest)
