"""TrustedFilter: hosts whose trust was attested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_KEY = "trust:trusted_host"


class TrustedFilter(BaseHostFilter):
    """Refuse hosts without the attested trust level that the flavor asks for.

    | extra spec `trust:trusted_host` | level of the host | passes |
    |---------------------------------|-------------------|--------|
    | absent or empty                 | anything          | yes    |
    | set                             | equal             | yes    |
    | set                             | another           | no     |
    | set                             | unknown           | no     |

    The filter queries no attestation server. The level is the capability `trust_lvl` of the host. If
    you know the level from elsewhere, derive a filter:

        class AttestedFilter(TrustedFilter):
            \"\"\"Refuse hosts that our attestation service does not vouch for.\"\"\"

            def trust_level(self, host_state):
                return attestation.level_of(host_state.nodename)

    Such a filter is called for every host each time, because its answer may change at any time;
    `trust_level` is called only if the flavor asks for trust.
    """

    run_filter_once_per_request = True
    spec_reads: ClassVar[Sequence[str]] = (f"extra_specs.{_KEY}",)
    reason_is_text = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing if the flavor asks for no trust."""
        return ("capabilities",) if spec.extra_specs.get(_KEY) else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        asked = spec.extra_specs.get(_KEY)
        return not asked or bool(self.trust_level(host_state) == asked)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        asked = spec.extra_specs.get(_KEY)
        if not asked:
            return None
        level = self.trust_level(host_state)
        if level == asked:
            return None
        return f"trust level is {'unknown' if level is None else repr(level)}, the flavor asks {asked!r}"

    def trust_level(self, host_state: HostState) -> Any:
        """The attested level of the host, commonly "trusted" or "untrusted"; None if it is unknown."""
        return host_state.capabilities.get("trust_lvl")
