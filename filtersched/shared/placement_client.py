"""PlacementClient: the requests that OpenStack's Placement is asked, and words for whatever goes wrong.

The only module that imports keystoneauth1, when a client is made. No password and no token gets into
an error: each text is searched for those of the session before it is shown.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from filtersched.errors import ConfigurationError, FilterschedError, PoolError, shown

#: Consumers have types since this one; what is read and written here has its form.
MICROVERSION = "1.38"

_USER_OF_ADDRESS = re.compile(r"//[^/@\s]*@")
# Attributes of keystoneauth1's plug-ins that nobody may see.
_SECRETS = ("password", "_password", "token", "_token", "secret", "_secret", "application_credential_secret")
_RETRY_AFTER_S = 0.5
_FAILURES = {
    401: ("denied", "the credentials or the token are refused or expired"),
    403: ("denied", "not permitted"),
    406: ("older", f"microversion {MICROVERSION} is needed, which it does not know"),
}


class Refused(FilterschedError):
    """Placement does not do what was asked, as things are.

    is_concurrent : whether something changed at the same time; asked again, it may be done.
    """

    def __init__(self, message: str = "", *, is_concurrent: bool = False) -> None:
        super().__init__(message)
        self.is_concurrent = is_concurrent


class Lost(PoolError):
    """The answer is lost; what was asked may have happened. The problem is "lost".

    is_slow : whether it was waited for in vain.
    """

    def __init__(self, message: str = "", *, is_slow: bool = False) -> None:
        super().__init__(message, problem="lost")
        self.is_slow = is_slow


class Gone(FilterschedError):
    """Placement does not have what was asked for (any more)."""


class PlacementClient:
    """Placement's API, with the token of a session of keystoneauth1.

    timeout_s : how long the service may be silent.

    Its methods raise PoolError for what goes wrong.
    """

    def __init__(
        self,
        session: Any,
        *,
        endpoint: str | None = None,
        interface: str | None = None,
        region_name: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        try:
            from keystoneauth1.adapter import Adapter
            from keystoneauth1.session import Session
        except ImportError as error:
            said = f"a pool in Placement needs keystoneauth1 ({error}); pip install 'filtersched[placement]'"
            raise PoolError(said, problem="not_installed") from None
        if not isinstance(session, Session):
            raise ConfigurationError(
                f"the session must be a keystoneauth1.session.Session, not {type(session).__name__}", value=session
            )
        self._session = session
        self._timeout_s = timeout_s
        self._adapter = Adapter(
            session,
            service_type="placement",
            endpoint_override=endpoint,
            interface=interface,
            region_name=region_name,
        )

    def get(self, path: str) -> dict[str, Any]:
        """What Placement answers. Raises Gone for what it does not have."""
        try:
            return self._request("GET", path)
        except PoolError as problem:
            if problem.problem != "unreachable":
                raise
        # Once more: a service that is restarted is back soon. (keystoneauth1 would log the address with its password.)
        time.sleep(_RETRY_AFTER_S)
        return self._request("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> None:
        """Let Placement do something. Raises Refused for what it does not do as things are (409), and Lost."""
        self._request("POST", path, json=body)

    def _request(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        what = f"{method} {path}"
        with self._explained(what):
            answer = self._adapter.request(
                path,
                method,
                headers={"OpenStack-API-Version": f"placement {MICROVERSION}", "Accept": "application/json"},
                timeout=self._timeout_s,
                raise_exc=False,
                redirect=False,
                log=False,
                **how,
            )
            if answer.status_code in (200, 204):
                data = answer.json() if answer.status_code == 200 else {}
                if not isinstance(data, dict):
                    raise ValueError("the answer is no JSON object")
                return data
            raise self._failure(answer, what)

    def _failure(self, answer: Any, what: str) -> FilterschedError:
        """The error for an answer that is none."""
        status = answer.status_code
        code, detail = _detail(answer)
        said = self._without_secrets(detail)
        if status == 409:
            return Refused(said, is_concurrent=code == "placement.concurrent_update")
        if status == 404:
            return Gone(said)
        if status == 400 and "does not exist" in detail:
            return Refused(said)
        problem, why = _FAILURES.get(status, ("damaged", "it refuses the request"))
        if status >= 500:
            problem, why = "lost", "the service failed"
        return self._error(problem, f"{what}: {why} ({status}): {said}")

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what goes wrong into an error of ours, without its cause: that may show secrets."""
        try:
            yield
        except FilterschedError:
            raise
        # The boundary to keystoneauth1 and to a server's answers, which can be anything.
        except Exception as error:
            raise self._translated(error, what) from None

    def _translated(self, error: Exception, what: str) -> PoolError:
        from keystoneauth1 import exceptions as sdk

        text = self._without_secrets(str(getattr(error, "message", None) or error))
        if isinstance(error, sdk.Unauthorized):
            return self._error("denied", f"{what}: the credentials are refused (401): {text}")
        if isinstance(error, sdk.EndpointNotFound):
            return self._error("missing", f"{what}: the catalog has no such endpoint of Placement: {text}")
        if isinstance(error, sdk.ConnectTimeout):
            return self._error("lost", f"{what}: no answer in {self._timeout_s:g} s", is_slow=True)
        if isinstance(error, sdk.ConnectionError):
            return self._error("lost", f"{what}: the service cannot be reached, or went away: {text}")
        if isinstance(error, sdk.HttpError):
            return self._error("unreachable", f"{what}: the service failed ({error.http_status}): {text}")
        if isinstance(error, ValueError | TypeError | KeyError | AttributeError):
            return self._error("lost", f"{what}: not understood: {type(error).__name__}: {text}")
        return self._error("unreachable", f"{what}: {type(error).__name__}: {text}")

    def _error(self, problem: str, said: str, *, is_slow: bool = False) -> PoolError:
        text = f"Placement: {self._without_secrets(said)}"
        if problem != "lost":
            return PoolError(text, problem=problem)
        if said.startswith("GET "):
            return PoolError(text, problem="damaged" if "not understood" in said else "unreachable")
        return Lost(text, is_slow=is_slow)

    def _without_secrets(self, text: str) -> str:
        auth = self._session.auth
        found = [getattr(part, name, None) for part in (auth, *getattr(auth, "auth_methods", ())) for name in _SECRETS]
        found.append(getattr(getattr(auth, "auth_ref", None), "auth_token", None))
        for secret in sorted({one for one in found if isinstance(one, str) and one}, key=len, reverse=True):
            text = text.replace(secret, "***")
        text = "".join(one if one.isprintable() else " " for one in _USER_OF_ADDRESS.sub("//", text))
        return text if len(text) <= 500 else f"{text[:500]}…"


def _detail(answer: Any) -> tuple[str, str]:
    """Placement's code for an error, and what it says of it."""
    try:
        (error,) = answer.json()["errors"]
        return str(error.get("code")), str(error["detail"]).strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        return "", shown(answer.text, most=200)
