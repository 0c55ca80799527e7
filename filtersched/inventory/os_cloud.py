"""A cloud that clouds.yaml names: its APIs, page by page, and words for whatever goes wrong.

The only module that imports openstacksdk, when a cloud is asked for. No secret of the cloud gets into
an error: each text is searched for the secrets of clouds.yaml before it is shown.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from filtersched.errors import InventoryError, nearest, shown

_SECRET_KEYS = re.compile("pass|secret|token|credential", re.IGNORECASE)
_USER_OF_ADDRESS = re.compile(r"//[^/@\s]*@")
# So many groups are asked for at once; a server may give fewer.
_PAGE = 1000


class Unreadable(InventoryError):
    """A part of the cloud that is not to be had; `problem` says why, without the cloud's name."""

    def __init__(self, message: str = "", *, path: str | None = None, problem: str = "") -> None:
        super().__init__(message, path=path)
        self.problem = problem


class NotPermitted(Unreadable):
    """The cloud does not let the user read this part."""


class Missing(Unreadable):
    """The cloud does not have what was asked for."""


class Cloud:
    """The APIs of a cloud, with the user's token.

    name : the cloud's name in clouds.yaml, which openstacksdk finds as it always does.
    timeout_s : how long a server may be silent; where None, clouds.yaml's `api_timeout`, or 60.

    Its methods raise NotPermitted for what the user may not read, Missing for what is not there, and
    InventoryError for anything else that goes wrong.
    """

    def __init__(self, name: str, timeout_s: float | None = None) -> None:
        self.name = name
        self._secrets: list[str] = []
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        try:
            import openstack.config as sdk_config
        except ImportError as error:
            raise self._error(
                f"reading a cloud needs openstacksdk ({error}). Install it: pip install 'filtersched[openstack]'"
            ) from None
        # What is wrong with an installation can raise anything.
        except Exception as error:
            raise self._error(f"openstacksdk cannot be imported: {type(error).__name__}: {error}") from None
        with self._explained("its configuration"), _quiet():
            config = sdk_config.OpenStackConfig(app_name="filtersched")
            clouds = config.cloud_config["clouds"]
            self._secrets = sorted(_secrets(config.cloud_config), key=len, reverse=True)
            if name not in clouds or (config.config_filename is None and clouds.keys() == {"defaults"}):
                raise self._unknown_name(config)
            self._region = config.get_one(cloud=name)
            self._region.config["api_timeout"] = timeout_s or self._region.config.get("api_timeout") or 60
            self._session = self._region.get_session()

    def get(self, service: str, path: str, *, newest: tuple[int, int], **params: Any) -> Any:
        """What the service answers, at the newest microversion of both, at most `newest`."""
        with self._explained(f"{service} GET {path}"):
            client = self._client(service)
            answer = client.get(path, params=params, microversion=self.microversion(service, newest), log=False)
            data = answer.json()
            if not isinstance(data, dict):
                raise ValueError("the answer is no JSON object")
            return data

    def microversion(self, service: str, newest: tuple[int, int]) -> str | None:
        """The newest microversion up to `newest`, or the oldest that there is; None where there are none."""
        with self._explained(f"the versions of {service}"):
            endpoint = self._client(service).get_endpoint_data()
        if endpoint is None:
            raise self._error(f"its catalog has no {service} endpoint for this region and interface", Missing)
        if endpoint.max_microversion is None:
            return None
        major, minor = max(min(endpoint.max_microversion, newest), endpoint.min_microversion or (0, 0))
        return f"{major}.{minor}"

    def pages(self, path: str, name: str, *, newest: tuple[int, int], **params: Any) -> Iterator[dict[str, Any]]:
        """The records of a list of Nova's, page by page as its links say."""
        seen = set()
        while True:
            page = self.get("compute", path, newest=newest, **params)
            with self._explained(f"compute GET {path}"):
                records = page[name]
                if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
                    raise ValueError(f"{name!r} is no list of objects")
                yield from records
                following = [link["href"] for link in page.get(f"{name}_links", ()) if link["rel"] == "next"]
                if not following:
                    return
                # Of the link only the query: the token must go to no address that an answer names.
                params = {key: values[0] for key, values in parse_qs(urlsplit(following[0]).query).items()}
                if str(params) in seen:
                    raise ValueError("the page after this one is a page that was read before")
                seen.add(str(params))

    def groups(self) -> Iterator[dict[str, Any]]:
        """The server groups of all projects; Nova has no links for their pages."""
        seen: set[str] = set()
        while True:
            params = {"all_projects": True, "limit": _PAGE, "offset": len(seen)}
            page = self.get("compute", "/os-server-groups", newest=(2, 64), **params)
            with self._explained("compute GET /os-server-groups"):
                new = [group for group in page["server_groups"] if group["id"] not in seen]
                seen.update(group["id"] for group in new)
            if not new:
                return
            yield from new

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            from keystoneauth1.adapter import Adapter

            region = self._region
            # The SDK's own client asks each server for more, and belongs to a connection that asks for all services.
            self._clients[service] = Adapter(
                self._session,
                service_type=region.get_service_type(service),
                service_name=region.get_service_name(service),
                interface=region.get_interface(service),
                region_name=region.get_region_name(service),
                endpoint_override=region.get_endpoint(service),
                connect_retries=region.get_connect_retries(service),
                status_code_retries=region.get_status_code_retries(service),
            )
        return self._clients[service]

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what goes wrong into an error of ours, without its cause: that may show secrets."""
        try:
            yield
        except (InventoryError, GeneratorExit):
            raise
        # The boundary to openstacksdk and to a server's answers, which can be anything.
        except Exception as error:
            raise self._translated(error, what) from None

    def _translated(self, error: Exception, what: str) -> InventoryError:
        from keystoneauth1 import exceptions as sdk

        mark = getattr(error, "problem_mark", None)
        if mark is not None:
            # Earlier releases of the SDK do not pass over a file that is no YAML.
            return self._error(f"{what}:{_no_yaml(mark.name, error)}")
        text = _message(error)
        if isinstance(error, sdk.Forbidden):
            return self._error(f"{what}: not permitted (403): {text}", NotPermitted)
        if isinstance(error, sdk.EndpointNotFound):
            return self._error(f"{what}: {text}", Missing)
        if isinstance(error, sdk.NotFound):
            return self._error(f"{what}: not found (404): {text}", Missing)
        if isinstance(error, sdk.Unauthorized):
            return self._error(f"{what}: the credentials or the token are refused or expired (401): {text}")
        if isinstance(error, sdk.HttpError):
            return self._error(f"{what}: the server failed ({error.http_status}): {text}")
        if isinstance(error, sdk.ConnectTimeout):
            return self._error(f"{what}: no answer in {self._region.config['api_timeout']} s ({text})")
        if isinstance(error, sdk.ConnectionError):
            return self._error(f"{what}: the server cannot be reached, or went away: {text}")
        if isinstance(error, ValueError | TypeError | KeyError | AttributeError | ArithmeticError):
            return self._error(f"{what}: not understood: {type(error).__name__}: {text}")
        return self._error(f"{what}: {text}")

    def _unknown_name(self, config: Any) -> InventoryError:
        """The error for a cloud that no file names: which there are, and where they are looked for."""
        names = [name for name in config.cloud_config["clouds"] if name != "defaults"]
        found = config.config_filename
        files = [path for path in config._config_files if path.endswith("yaml")]
        where = f"Read was {found}" if found else f"None of these can be read: {', '.join(dict.fromkeys(files))}"
        known = nearest(self.name, names) if names else "No cloud is configured."
        return self._error(f"no cloud of this name is configured. {known} {where}.{_broken(files)}")

    def _error(self, problem: str, kind: type[Unreadable] | None = None) -> InventoryError:
        """The error, with the cloud's name and without its secrets."""
        issued = getattr(getattr(self._session, "auth", None), "auth_ref", None)
        for secret in (*self._secrets, *filter(None, [getattr(issued, "auth_token", None)])):
            problem = problem.replace(secret, "***")
        problem = "".join(one if one.isprintable() else " " for one in _USER_OF_ADDRESS.sub("//", problem))
        said = f"cloud {shown(self.name)}: {problem}"
        return InventoryError(said, path=self.name) if kind is None else kind(said, path=self.name, problem=problem)


def _message(error: Exception) -> str:
    """What the server says; Nova says it under a name for each kind of error, such as "forbidden"."""
    with contextlib.suppress(AttributeError, ValueError):
        for part in error.response.json().values():  # type: ignore[attr-defined]
            if isinstance(part, dict) and isinstance(part.get("message"), str):
                return str(part["message"])
    return str(getattr(error, "message", None) or error)


def _secrets(data: Any, is_secret: bool = False) -> set[str]:
    """The values in the configuration that nobody may see, however deep."""
    if isinstance(data, Mapping):
        return {
            found for key, value in data.items() for found in _secrets(value, bool(_SECRET_KEYS.search(str(key))))
        }
    if isinstance(data, list):
        return {found for value in data for found in _secrets(value, is_secret)}
    return {str(data)} if is_secret and data not in (None, "", True, False) else set()


def _broken(paths: list[str]) -> str:
    """A sentence for each file that is there and is no YAML; openstacksdk passes over these."""
    import yaml

    said = ""
    for path in filter(os.path.isfile, dict.fromkeys(paths)):
        try:
            with open(path, encoding="utf-8") as file:
                yaml.safe_load(file)
        except (OSError, ValueError) as error:
            said += f" {path} cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}."
        except yaml.YAMLError as error:
            said += _no_yaml(path, error)
    return said


def _no_yaml(path: str, error: Exception) -> str:
    """A sentence about the file, without its lines, which may hold a password."""
    mark = getattr(error, "problem_mark", None)
    return f" {path} is no YAML{'' if mark is None else f', see line {mark.line + 1}'}."


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep openstacksdk still about its configuration.

    Of a file that is no YAML it logs the lines, passwords included; it warns of what it gives up itself.
    """
    logger = logging.getLogger("openstack.config")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.disabled = before
