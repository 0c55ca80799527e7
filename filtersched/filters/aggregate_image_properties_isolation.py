"""AggregateImagePropertiesIsolation: hosts set aside for images with certain properties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter
from filtersched.filters.image_properties import image_property
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_NAMESPACE = "aggregate_image_properties_isolation_namespace"
_SEPARATOR = "aggregate_image_properties_isolation_separator"


class AggregateImagePropertiesIsolation(BaseHostFilter):
    """Refuse hosts whose aggregates allow other values of a property than the image has.

    | key of the aggregates        | image's property of that name | among the values | passes |
    |------------------------------|-------------------------------|------------------|--------|
    | outside a set namespace      | anything                      | -                | yes    |
    | any other                    | absent, empty or false        | -                | yes    |
    | any other                    | set                           | yes              | yes    |
    | any other                    | set                           | no               | no     |

    Every key must pass. Values are lists separated by commas; those of all aggregates are combined.
    Without an image every host passes.
    """

    run_filter_once_per_request = True
    RUN_ON_REBUILD: ClassVar[bool] = True
    spec_reads: ClassVar[Sequence[str]] = ("image",)
    reason_is_text = True
    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.StrOpt(
            _NAMESPACE,
            help="Compare only keys of aggregate metadata that begin with this and the separator; the namespace is "
            "part of the property's name. Unset or empty: compare every key.",
        ),
        cfg.StrOpt(
            _SEPARATOR,
            default=".",
            help="The separator between the namespace and the rest of a key. No effect without a namespace.",
        ),
    )

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing if the image has no properties."""
        return ("aggregates",) if spec.image is not None and spec.image.properties else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return next(self._unmet(host_state, spec), None) is None

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        for key, values in self._unmet(host_state, spec):
            has = image_property(spec.image, key)
            return f"its aggregates want images with {key} {' or '.join(sorted(values))}, this one has {has!r}"
        return None

    def _unmet(self, host: HostState, spec: RequestSpec) -> Iterator[tuple[str, set[str]]]:
        if spec.image is None or not spec.image.properties:
            return
        namespace = self.option(_NAMESPACE)
        prefix = f"{namespace}{self.option(_SEPARATOR)}" if namespace else ""
        for key, values in aggregates.all_split(host).items():
            has = image_property(spec.image, key)
            if key.startswith(prefix) and has and str(has) not in values:
                yield key, values
