"""What the daemon's configuration file may say, with its defaults.

The file is that of the feature page: bare keys, `#` comments, no section header needed. Keys that
the scheduler knows (`scheduler_default_filters`, `ram_allocation_ratio`, …) may stand in it too.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filtersched.errors import ConfigurationError, nearest
from filtersched.settings.flagfile import read_settings

MIB = 1 << 20
PLUGINS_PATH = "$PYTHONPATH/ovirt_scheduler/plugins"


@dataclass(frozen=True, slots=True)
class Settings:
    """The daemon's settings, checked; times in seconds, sizes in bytes unless the name says MiB.

    plugins_path : the folders that plug-in files are looked for in, in order, variables expanded.
    source : the configuration file, or None.
    warnings : sentences about keys that mean nothing here.
    """

    port: int = 18781
    listen: str = "127.0.0.1"
    ssl: bool = False
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_client_ca: str | None = None
    plugins_path: tuple[str, ...] = ()
    dialect: str = "engine"
    plugin_timeout: float = 5.0
    request_timeout: float = 10.0
    max_request_bytes: int = 64 * MIB
    max_plugin_output_bytes: int = 16 * MIB
    plugin_memory_mb: int = 512
    on_plugin_error: str = "skip"
    cost_scale: int = 1000
    engine_url: str | None = None
    engine_username: str | None = None
    engine_password_file: str | None = None
    engine_ca_file: str | None = None
    engine_refresh: float = 10.0
    engine_statistics: bool = False
    source: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def conf_folder(self) -> str | None:
        """Where `{NAME}.conf` of a plug-in is looked for first: `plugins/` beside our own file."""
        return None if self.source is None else str(Path(self.source).absolute().parent / "plugins")


def load(
    path: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    also_known: Callable[[], Iterable[str]] = frozenset,
) -> Settings:
    """The settings of the file at `path`, or the defaults without one.

    also_known : tells the scheduler's own keys, which may stand in the same file.
    Raises ConfigurationError for a value that cannot be.
    """
    sections = {} if path is None else read_settings(path)
    given: dict[str, Any] = {}
    warnings = []
    said = sections.get("DEFAULT", {})
    scheduler_keys = frozenset(() if said.keys() <= _CHECKS.keys() else also_known())
    for key, values in said.items():
        if key in _CHECKS:
            given[key] = _checked(key, values[-1].strip())
        elif key not in scheduler_keys:
            hint = nearest(key, [*_CHECKS, *scheduler_keys])
            warnings.append(f"{path}: {key!r} is not a key of filtersched-proxy. {hint}".rstrip())
    given["plugins_path"] = _plugins_path(given.pop("plugins_path", None), environ)
    if "ssl" not in given:
        given["ssl"] = given.get("ssl_certfile") is not None
    settings = Settings(**given, source=path, warnings=tuple(warnings))
    _check_together(settings)
    return settings


def plugin_conf(name: str, folders: Iterable[str]) -> tuple[str | None, str | None]:
    """(customProperties, defaultValues) of `{NAME}.conf` in the first folder that has one.

    The spellings of the page's sample (CustomProperties, default_values) do as well.
    Raises ConfigurationError for a file that cannot be read.
    """
    for folder in folders:
        path = os.path.join(folder, f"{name}.conf")
        if os.path.isfile(path):
            pairs = [pair for section in read_settings(path).values() for pair in section.items()]
            said = {key.lower().replace("_", ""): values[-1] for key, values in pairs}
            return said.get("customproperties"), said.get("defaultvalues")
    return None, None


def is_loopback(address: str) -> bool:
    """Whether nobody but this machine can reach `address`."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _check_together(settings: Settings) -> None:
    if settings.ssl and settings.ssl_certfile is None:
        raise _error(
            "ssl",
            True,
            "needs ssl_certfile (and ssl_keyfile, unless the key is in the same file). For a trial, make one with: "
            "openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj /CN=localhost "
            "-keyout proxy.key -out proxy.pem",
        )
    if not settings.ssl and settings.ssl_client_ca is not None:
        raise _error("ssl_client_ca", settings.ssl_client_ca, "asks for client certificates, which need ssl = true")
    if not settings.ssl and not is_loopback(settings.listen):
        raise _error(
            "listen",
            settings.listen,
            "can be reached from other machines, and calls are not authenticated: set ssl_certfile "
            "(and ssl_client_ca), or listen on 127.0.0.1",
        )
    for key in ("ssl_certfile", "ssl_keyfile", "ssl_client_ca", "engine_password_file", "engine_ca_file"):
        path = getattr(settings, key)
        if path is not None and not os.access(path, os.R_OK):
            raise _error(key, path, "cannot be read")
    if settings.engine_url is not None and settings.engine_password_file is None:
        raise _error("engine_url", settings.engine_url, "needs engine_password_file: the password, or a token")


def _plugins_path(text: str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The folders that `text` names: variables expanded, each entry of a path variable in turn."""
    if text is None:
        # The variable of the original proxy, so that its unit file keeps working.
        given = environ.get("OSCHEDPROXY_PLUGINS")
        if given:
            return (os.path.abspath(given),)
        if not environ.get("PYTHONPATH"):
            return ()
        text = PLUGINS_PATH
    found: list[str] = []
    for part in text.split(os.pathsep):
        found += [os.path.abspath(folder) for folder in _expanded(part.strip(), environ) if folder]
    return tuple(dict.fromkeys(found))


def _expanded(text: str, environ: Mapping[str, str]) -> list[str]:
    variable = re.search(r"\$(?:\{(\w+)\}|(\w+))", text)
    if variable is None:
        return [text]
    name = variable[1] or variable[2]
    if not environ.get(name):
        raise _error("plugins_path", text, f"uses ${name}, which is not set")
    entries = [entry for entry in environ[name].split(os.pathsep) if entry]
    before, after = text[: variable.start()], text[variable.end() :]
    return [before + entry + rest for entry in entries for rest in _expanded(after, environ)]


def _checked(key: str, text: str) -> Any:
    try:
        return _CHECKS[key](text)
    except ValueError as problem:
        raise _error(key, text, str(problem)) from None


def _error(key: str, value: Any, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{key} = {value!r}: {problem}.", group="DEFAULT", option=key, value=value)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return check


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def check(text: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d*)?|\.\d+", text) or not low <= float(text) <= high:
            raise ValueError(f"must be a number of seconds from {low} to {high}")
        return float(text)

    return check


def _choice(*choices: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return text.lower()

    return check


def _flag(text: str) -> bool:
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in known:
        raise ValueError("must be true or false")
    return known[text.lower()]


def _optional(text: str) -> str | None:
    return text or None


def _text(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _url(text: str) -> str | None:
    if text and not re.match(r"https?://[^/]", text):
        raise ValueError("must be a URL such as https://engine.example.org/ovirt-engine")
    return text.rstrip("/") or None


_CHECKS: dict[str, Callable[[str], Any]] = {
    "port": _whole(0, 65535),
    "listen": _text,
    "ssl": _flag,
    "engine_statistics": _flag,
    "plugins_path": _text,
    "dialect": _choice("engine", "page"),
    "plugin_timeout": _seconds(0.1, 600),
    "request_timeout": _seconds(0.1, 3600),
    "max_request_bytes": _whole(1024, 1 << 30),
    "max_plugin_output_bytes": _whole(1024, 1 << 30),
    "plugin_memory_mb": _whole(32, 1 << 20),
    "on_plugin_error": _choice("skip", "fail"),
    "cost_scale": _whole(2, 1_000_000),
    "engine_url": _url,
    "engine_refresh": _seconds(0.1, 86400),
    **dict.fromkeys(("ssl_certfile", "ssl_keyfile", "ssl_client_ca"), _optional),
    **dict.fromkeys(("engine_username", "engine_password_file", "engine_ca_file"), _optional),
}
KEYS = frozenset(_CHECKS)
