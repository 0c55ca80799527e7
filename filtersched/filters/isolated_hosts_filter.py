"""IsolatedHostsFilter: some images and some hosts for one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import is_named
from filtersched.requests.request_spec import RequestSpec


class IsolatedHostsFilter(BaseHostFilter):
    """Keep isolated images on isolated hosts and other images off them.

    |                                                   | isolated image | other image, or none |
    |---------------------------------------------------|----------------|----------------------|
    | isolated host                                     | pass           | refuse               |
    | other host                                        | refuse         | pass                 |
    | isolated host, if the hosts are not restricted    | pass           | pass                 |
    | other host, if the hosts are not restricted       | refuse         | pass                 |

    `restrict_isolated_hosts_to_isolated_images`, true by default, restricts the isolated hosts.
    """

    run_filter_once_per_request = True
    # A rebuild may bring another image.
    RUN_ON_REBUILD: ClassVar[bool] = True
    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.ListOpt(
            "isolated_images",
            default=[],
            help="Ids of images that may run on isolated_hosts only. Empty: no image is isolated.",
        ),
        cfg.ListOpt(
            "isolated_hosts",
            default=[],
            help="Names of the hosts for isolated_images. Empty: isolated images find no host.",
        ),
        cfg.BoolOpt(
            "restrict_isolated_hosts_to_isolated_images",
            default=True,
            help="True: isolated_hosts take isolated_images only. False: they take any image.",
        ),
    )
    host_reads: Sequence[str] = ("host",)
    spec_reads: ClassVar[Sequence[str]] = ("image",)
    spec_meets: ClassVar[Sequence[str] | None] = ("image.id",)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        isolated_image = self._isolated_image(spec)
        isolated_host = is_named(host_state, self.option("isolated_hosts"))
        if self.option("restrict_isolated_hosts_to_isolated_images"):
            return isolated_host == isolated_image
        return isolated_host | (not isolated_image)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        if spec.image is not None and self._isolated_image(spec):
            return f"image {spec.image.id} may run on isolated hosts only"
        return "an isolated host takes isolated images only"

    def _isolated_image(self, spec: RequestSpec) -> bool:
        return spec.image is not None and spec.image.id in self.option("isolated_images")
