"""What the daemon's configuration file may say.

The file is that of the feature page: bare keys, `#` comments, no section header needed. Keys that
the scheduler knows (`scheduler_default_filters`, `ram_allocation_ratio`, …) may stand in it too.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from oslo_config import cfg

from filtersched.errors import ConfigurationError, nearest
from filtersched.loading import list_installed_opts
from filtersched.loading import list_opts as scheduler_opts
from filtersched.settings import make_conf, option_values, read_settings

MIB = 1 << 20
PLUGINS_PATH = "$PYTHONPATH/ovirt_scheduler/plugins"

OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.PortOpt("port", default=18781, help="The port to listen on. 0 lets the system choose one."),
    cfg.StrOpt(
        "listen",
        default="127.0.0.1",
        help="The address to listen on. Any address but the machine's own needs ssl_certfile: calls are not "
        "authenticated otherwise.",
    ),
    cfg.BoolOpt("ssl", help="Whether to speak TLS. By default, if ssl_certfile is set."),
    cfg.StrOpt("ssl_certfile", help="The certificate, and its chain, in PEM form."),
    cfg.StrOpt("ssl_keyfile", help="Its key, in PEM form. By default it is in ssl_certfile."),
    cfg.StrOpt("ssl_client_ca", help="Demand a certificate of this authority (PEM) from every client."),
    cfg.StrOpt(
        "plugins_path",
        sample_default=PLUGINS_PATH,
        help="The folders of plug-in files, separated by colons. $VARIABLES are replaced here, and only here; one "
        "that holds several paths names several folders.",
    ),
    cfg.StrOpt(
        "dialect",
        default="engine",
        choices=[("engine", "as engines expect it"), ("page", "in the types of the feature page")],
        help="How discover answers. Other calls are answered in the dialect that they are made in.",
    ),
    cfg.FloatOpt("plugin_timeout", default=5, min=0.1, max=600, help="Seconds that a plug-in has for one answer."),
    cfg.FloatOpt(
        "request_timeout",
        default=10,
        min=0.1,
        max=3600,
        help="Seconds that a client has to send a call and to take the answer, and that all units of a call have "
        "together. Above plugin_timeout.",
    ),
    cfg.IntOpt("max_request_bytes", default=64 * MIB, min=1024, max=1 << 30, help="The largest call, unpacked."),
    cfg.IntOpt(
        "max_plugin_output_bytes",
        default=16 * MIB,
        min=1024,
        max=1 << 30,
        help="How much a plug-in may write for one answer. One that writes more is ended.",
    ),
    cfg.IntOpt("plugin_memory_mb", default=512, min=32, max=1 << 20, help="Memory for each process of a plug-in, MiB."),
    cfg.StrOpt(
        "on_plugin_error",
        default="skip",
        choices=[
            ("skip", "leave the unit out and report it; if all filters of a call fail, all hosts pass"),
            ("fail", "if a filter fails, no host passes; if a cost function fails, there are no scores"),
        ],
        help="What happens if a unit fails.",
    ),
    cfg.IntOpt(
        "cost_scale",
        default=1000,
        min=2,
        max=1_000_000,
        help="The library's weighers answer costs from 1, for the best host of a call, to this, for the worst.",
    ),
    cfg.StrOpt(
        "engine_url",
        help="Where to read facts about hosts and VMs, such as https://engine.example.org/ovirt-engine. Without it, "
        "plug-ins see ids only, and the library's filters and weighers are not offered.",
    ),
    cfg.StrOpt("engine_username", help="The user, such as scheduler@internal. Without one the file holds a token."),
    cfg.StrOpt("engine_password_file", help="The file that holds the password, or the token; read for each reading."),
    cfg.StrOpt("engine_ca_file", help="The authority that signed the engine's certificate, PEM."),
    cfg.FloatOpt("engine_refresh", default=10, min=0.1, max=86400, help="Seconds between two readings of the facts."),
    cfg.FloatOpt(
        "facts_max_age",
        default=60,
        min=0.2,
        max=86400,
        help="Facts older than so many seconds are used for nothing; units that need them fail and say so. Also how "
        "long one reading may take. Above engine_refresh.",
    ),
    cfg.BoolOpt("engine_statistics", default=False, help="Read the hosts' statistics too, for MetricsWeigher."),
    cfg.BoolOpt(
        "metrics",
        default=False,
        help="Serve metrics for Prometheus under /metrics of the same port. Needs prometheus-client (extra observe).",
    ),
    cfg.StrOpt(
        "log_level",
        default="info",
        choices=[
            ("debug", "everything"),
            ("info", "also a line for each call"),
            ("warning", "failures"),
            ("error", "what keeps the service from working"),
        ],
        help="What to log, on stderr.",
    ),
)
KEYS = frozenset(opt.dest for opt in OPTIONS)
FILES = ("ssl_certfile", "ssl_keyfile", "ssl_client_ca", "engine_password_file", "engine_ca_file")


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options, as oslo.config's sample generator asks for them."""
    return [("DEFAULT", list(OPTIONS))]


class Settings(SimpleNamespace):
    """The value of each option under its name.

    plugins_path : the folders, as a tuple, variables replaced.
    source : the configuration file, or None.
    conf : everything that it says, the scheduler's options too.
    conf_folders : where `{NAME}.conf` of a plug-in is looked for first: `plugins/` beside `source`.
    warnings : sentences about keys that mean nothing.
    """


def load(path: str | None = None, *, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the file at `path`, or the defaults without one.

    Raises ConfigurationError for a value that cannot be.
    """
    conf = make_conf(files=[] if path is None else [path])
    values = option_values(conf, [opt for opt in OPTIONS if opt.dest != "plugins_path"], "DEFAULT")
    values = {name: value or None if isinstance(value, str) else value for name, value in values.items()}
    values |= {name: credential(values[name], environ) for name in FILES if values[name] is not None}
    # Read as it is written: to oslo.config a $ is a reference to another option.
    values["plugins_path"] = _plugins_path(conf.raw_value(("DEFAULT", "plugins_path")), environ)
    if values["ssl"] is None:
        values["ssl"] = values["ssl_certfile"] is not None
    if values["engine_url"] is not None:
        values["engine_url"] = values["engine_url"].rstrip("/")
    values["listen"] = (values["listen"] or "").removeprefix("[").removesuffix("]")
    named = [name for group, name in conf.names_in_files() if group == "DEFAULT"]
    beside = [] if path is None else [os.path.join(os.path.dirname(os.path.abspath(path)), "plugins")]
    settings = Settings(**values, source=path, conf_folders=beside, conf=conf, warnings=_warnings(path, named))
    _check_together(settings)
    return settings


def _warnings(path: str | None, named: Iterable[str]) -> list[str]:
    """A sentence for each key that neither the daemon nor the scheduler knows."""
    unknown = [name for name in dict.fromkeys(named) if name not in KEYS]
    if not unknown:
        return []
    groups = [*scheduler_opts(), *list_installed_opts()]
    known = {opt.dest for group, opts in groups if group == "DEFAULT" for opt in opts}
    return [
        f"{path}: {name!r} is not a key of filtersched-proxy. {nearest(name, [*KEYS, *known])}".rstrip()
        for name in unknown
        if name not in known
    ]


def plugin_conf(name: str, folders: Iterable[str]) -> tuple[str | None, str | None]:
    """(customProperties, defaultValues) of `{NAME}.conf` in the first folder that has one.

    The spellings of the page's sample (CustomProperties, default_values) do as well.
    Raises ConfigurationError for a file that cannot be read.
    """
    for path in (os.path.join(folder, f"{name}.conf") for folder in folders):
        if os.path.isfile(path):
            pairs = [pair for section in read_settings(path).values() for pair in section.items()]
            said = {key.lower().replace("_", ""): values[-1] for key, values in pairs}
            return said.get("customproperties"), said.get("defaultvalues")
    return None, None


def credential(path: str, environ: Mapping[str, str]) -> str:
    """What systemd's LoadCredential brought of this name, readable by the service's own user, else `path`."""
    brought = os.path.join(environ.get("CREDENTIALS_DIRECTORY", ""), os.path.basename(path))
    return brought if "CREDENTIALS_DIRECTORY" in environ and os.path.isfile(brought) else path


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach `address`."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _check_together(settings: Settings) -> None:
    if settings.ssl and settings.ssl_certfile is None:
        raise error(
            "ssl",
            True,
            "needs ssl_certfile (and ssl_keyfile, unless the key is in the same file). For a trial, make one with: "
            "openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj /CN=localhost "
            "-keyout proxy.key -out proxy.pem",
        )
    if not settings.ssl and settings.ssl_client_ca is not None:
        raise error("ssl_client_ca", settings.ssl_client_ca, "asks for client certificates, which need ssl = true")
    if not settings.listen:
        raise error("listen", "", "must not be empty")
    if not settings.ssl and not is_loopback(settings.listen):
        raise error(
            "listen",
            settings.listen,
            "can be reached from other machines, and calls are not authenticated: set ssl_certfile "
            "(and ssl_client_ca), or listen on 127.0.0.1",
        )
    for key in FILES:
        path = getattr(settings, key)
        if path is not None and not os.access(path, os.R_OK):
            raise error(key, path, "cannot be read")
    url = settings.engine_url
    if url is not None and not re.match(r"https?://[^/]", url):
        raise error("engine_url", url, "must be a URL such as https://engine.example.org/ovirt-engine")
    if url is not None and settings.engine_password_file is None:
        raise error("engine_url", url, "needs engine_password_file: the password, or a token")
    if url is not None and settings.facts_max_age <= settings.engine_refresh:
        raise error("facts_max_age", settings.facts_max_age, f"must be above engine_refresh, {settings.engine_refresh}")


def error(key: str, value: Any, problem: str) -> ConfigurationError:
    """A ConfigurationError about one of our options."""
    return ConfigurationError(f"{key} = {value!r}: {problem}.", group="DEFAULT", option=key, value=value)


def _plugins_path(text: str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The folders that `text` names: variables replaced, each entry of a path variable in turn."""
    if text is None:
        # The variable of the original proxy, so that its unit file keeps working.
        given = environ.get("OSCHEDPROXY_PLUGINS")
        if given:
            return (os.path.abspath(given),)
        if not environ.get("PYTHONPATH"):
            return ()
        text = PLUGINS_PATH
    if not text.strip():
        raise error("plugins_path", text, "must not be empty")
    found = [folder for part in text.split(os.pathsep) for folder in _expanded(part.strip(), environ)]
    return tuple(dict.fromkeys(os.path.abspath(folder) for folder in found if folder))


def _expanded(text: str, environ: Mapping[str, str]) -> list[str]:
    variable = re.search(r"\$(?:\{(\w+)\}|(\w+))", text)
    if variable is None:
        return [text]
    name = variable[1] or variable[2]
    if not environ.get(name):
        raise error("plugins_path", text, f"uses ${name}, which is not set")
    entries = [entry for entry in environ[name].split(os.pathsep) if entry]
    before, after = text[: variable.start()], text[variable.end() :]
    return [before + entry + rest for entry in entries for rest in _expanded(after, environ)]
