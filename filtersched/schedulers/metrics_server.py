"""serve_metrics: an HTTP port that Prometheus reads metrics from, beside the program's own work."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from filtersched.errors import ConfigurationError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class MetricsServer:
    """A port that serves metrics until it is closed; as a context, until its end."""

    def __init__(self, server: Any, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread

    @property
    def port(self) -> int:
        """The port, also where the system chose it."""
        port: int = self._server.server_port
        return port

    def close(self) -> None:
        """Stop serving. May be repeated."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve_metrics(registry: CollectorRegistry, *, port: int = 9464, listen: str = "127.0.0.1") -> MetricsServer:
    """Serve the metrics of a registry under `/metrics`, by prometheus-client's own server in a thread.

    port : 0 lets the system choose.
    listen : an address; any but the machine's own lets others read the metrics.

    Raises ConfigurationError where prometheus-client is missing, and for a port that cannot be had.
    """
    try:
        from prometheus_client import start_http_server
    except ImportError as error:
        said = "Metrics need prometheus-client: pip install 'filtersched[observe]'."
        raise ConfigurationError(said) from error
    try:
        return MetricsServer(*start_http_server(port, listen, registry))
    except (OSError, OverflowError) as error:
        said = f"Metrics cannot be served on {listen}, port {port}: {getattr(error, 'strerror', None) or error}."
        raise ConfigurationError(said, option="port", value=port) from error
