"""The stand-in for nova.objects: the classes of requests and hosts, for isinstance and annotations."""

from __future__ import annotations

from typing import Any

from filtersched.hosts.host_state import Aggregate
from filtersched.hosts.service import Service
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import Destination, Flavor, Image, InstanceGroup, RequestSpec, Retry

ImageMeta = Image
ImageMetaProps = dict
SchedulerRetries = Retry

__all__ = [
    "Aggregate",
    "Destination",
    "Flavor",
    "ImageMeta",
    "ImageMetaProps",
    "Instance",
    "InstanceGroup",
    "RequestSpec",
    "SchedulerRetries",
    "Service",
    "register_all",
]


def register_all() -> None:
    """Do nothing: the classes are here."""


def __getattr__(name: str) -> Any:
    if name[:1].isupper():
        raise AttributeError(
            f"nova.objects.{name} cannot be had: nova is not installed, and filtersched's stand-in has the classes of "
            "requests and hosts only; what Nova reads from its database is given with the hosts and the request"
        )
    raise AttributeError(f"filtersched's stand-in for nova.objects has no {name!r}")
