"""TraitsFilter: hosts with, or without, qualities that have names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from filtersched.errors import InvalidRequest
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.prefilters import TRAIT_KEY
from filtersched.requests.request_spec import RequestSpec


class TraitsFilter(BaseHostFilter):
    """Refuse hosts that lack a trait the flavor requires, or have one it forbids.

    | extra spec                     | host has the trait | verdict |
    |--------------------------------|--------------------|---------|
    | `trait:HW_CPU_X86_AVX2`        | yes                | pass    |
    | ` = required`                  | no                 | refuse  |
    | `trait:CUSTOM_SLOW`            | yes                | refuse  |
    | ` = forbidden`                 | no                 | pass    |

    Traits of a numbered group (`trait1:`) are treated like the others. Any other value raises
    InvalidRequest.
    """

    # Traits do not change while a request is placed.
    run_filter_once_per_request = True
    spec_reads: ClassVar[Sequence[str]] = ("extra_specs.trait*:*",)
    reason_is_text = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        return ("traits",) if any(key.startswith("trait") for key in spec.extra_specs) else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return all((name in host_state.traits) == required for name, required in _asked(spec))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        for name, required in _asked(spec):
            if (name in host_state.traits) != required:
                return f"lacks the trait {name}" if required else f"has the trait {name}, which is forbidden"
        return None


def _asked(spec: RequestSpec) -> Iterator[tuple[str, bool]]:
    """The traits that the flavor speaks of; True for required, False for forbidden."""
    for key, value in spec.extra_specs.items():
        match = TRAIT_KEY.fullmatch(key)
        if match is None:
            continue
        if value not in ("required", "forbidden"):
            raise InvalidRequest(
                f"flavor.extra_specs: {key} must be 'required' or 'forbidden', not {value!r}", field=key, value=value
            )
        yield match["name"], value == "required"
