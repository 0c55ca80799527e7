"""One request by flags."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.errors import nearest, shown, synonyms
from filtersched.inventory import RequestReader
from filtersched.requests.request_spec import RequestSpec

SIZES = {
    **dict.fromkeys(("ram", "memory", "memory_mb"), "memory_mb"),
    **dict.fromkeys(("vcpus", "cpus"), "vcpus"),
    **dict.fromkeys(("disk", "root", "root_gb"), "root_gb"),
    **dict.fromkeys(("ephemeral", "ephemeral_gb"), "ephemeral_gb"),
    "swap": "swap",
}
_UNITS = {"memory_mb": "MiB", "vcpus": "CPUs", "root_gb": "GiB", "ephemeral_gb": "GiB", "swap": "MiB"}
_NAMES = {"name": "name", "id": "id", "flavorid": "flavorid"}

# The policies of server groups that Nova knows.
POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")

# Flags that describe a request, and mean nothing without --flavor.
_REQUEST_FLAGS = (
    *("count", "availability_zone", "extra_spec", "hint", "image", "image_property", "project", "user"),
    *("instance_uuid", "ignore_host", "force_host", "force_node", "group_policy", "group_uuid"),
    *("group_member", "group_host"),
)


def add_request_flags(parser: argparse.ArgumentParser) -> None:
    """Let `parser` take the flags that describe one request."""
    group = parser.add_argument_group("one request, by flags")
    group.add_argument(
        "--flavor",
        metavar="KEY=N,...",
        help="what an instance needs: ram (MiB), vcpus, disk (GiB), ephemeral (GiB), swap (MiB); also name and id. "
        "For example ram=4096,vcpus=2,disk=20; or @FILE, which openstack flavor show -f json prints",
    )
    group.add_argument("--count", type=_whole, metavar="N", help="how many instances, all of which must fit")
    group.add_argument("--availability-zone", metavar="ZONE", help="the zone they must be in")
    for flag, metavar, text in (
        ("--extra-spec", "KEY=VALUE", "what else the flavor asks for, such as trait:HW_CPU_X86_AVX2=required"),
        ("--hint", "KEY=VALUE", "a scheduler hint, such as different_host=UUID; one key several times is a list"),
        ("--image-property", "KEY=VALUE", "what the image asks for, such as hw_architecture=aarch64"),
        ("--instance-uuid", "UUID", "the instance's uuid; once for each instance"),
        ("--ignore-host", "HOST", "a host not to use"),
        ("--force-host", "HOST", "use this host, whatever the filters say"),
        ("--force-node", "NODE", "use this node, whatever the filters say"),
        ("--group-member", "UUID", "an instance that is in the request's server group already"),
        ("--group-host", "HOST", "a host that such an instance is on"),
    ):
        group.add_argument(flag, action="append", metavar=metavar, help=f"{text}; may be repeated")
    group.add_argument("--image", metavar="ID", help="the image to boot from")
    group.add_argument("--project", metavar="ID", help="the project that asks")
    group.add_argument("--user", metavar="ID", help="the user who asks")
    group.add_argument(
        "--group-policy",
        choices=POLICIES,
        metavar="POLICY",
        help="the instances are a server group: affinity, anti-affinity, soft-affinity or soft-anti-affinity",
    )
    group.add_argument(
        "--group-uuid", metavar="UUID", help="the group's uuid, by which a pool knows its members; --pool needs it"
    )


def request_from(args: argparse.Namespace) -> RequestSpec | None:
    """The request that the flags describe, or None if there is no --flavor.

    Raises UsageError for flags of a request without a flavor, InvalidRequest for what no request has.
    """
    if args.flavor is None:
        given = [name for name in _REQUEST_FLAGS if getattr(args, name) is not None]
        if given:
            raise UsageError(f"--{given[0].replace('_', '-')} describes a request by flags; give its --flavor too")
        return None
    image = None
    if args.image is not None or args.image_property:
        image = {"id": args.image, "properties": dict(_pairs("--image-property", args.image_property))}
    group = None
    if args.group_policy is not None or args.group_uuid is not None or args.group_member or args.group_host:
        if args.group_policy is None:
            raise UsageError("--group-uuid, --group-member and --group-host need a --group-policy")
        group = {
            "uuid": args.group_uuid,
            "policy": args.group_policy,
            "members": args.group_member or (),
            "hosts": args.group_host or (),
        }
    attributes = {
        "flavor": _with_extra_specs(flavor_of(args.flavor), dict(_pairs("--extra-spec", args.extra_spec))),
        "num_instances": args.count,
        "availability_zone": args.availability_zone,
        "scheduler_hints": _hints(args.hint),
        "image": image,
        "project_id": args.project,
        "user_id": args.user,
        "instance_uuids": args.instance_uuid,
        "ignore_hosts": args.ignore_host,
        "force_hosts": args.force_host,
        "force_nodes": args.force_node,
        "instance_group": group,
    }
    if args.count is not None and args.instance_uuid and len(args.instance_uuid) != args.count:
        raise UsageError(f"--count is {args.count}, and --instance-uuid was given {len(args.instance_uuid)} times")
    return RequestSpec.from_dict({name: value for name, value in attributes.items() if value is not None})


def _with_extra_specs(flavor: dict[str, Any], extra_specs: dict[str, str]) -> dict[str, Any]:
    return {**flavor, "extra_specs": {**flavor.get("extra_specs", {}), **extra_specs}}


def _flavor_of_file(path: str) -> dict[str, Any]:
    """The flavor of the one request, or the one flavor, in a file."""
    if not path:
        raise UsageError("--flavor: which file? Write it as @flavor.json.")
    specs = list(RequestReader(path))
    if len(specs) != 1:
        raise UsageError(f"--flavor: {path} has {len(specs)} flavors; give a file of one, or use it as --requests")
    return dict(specs[0].flavor)


def flavor_of(text: str) -> dict[str, Any]:
    if text.startswith("@"):
        return _flavor_of_file(text[1:])
    flavor: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        name = SIZES.get(key) or _NAMES.get(key)
        if name is None or not equals:
            hint = _meant(key) if equals else "Write it as ram=4096,vcpus=2,disk=20, or @FILE."
            raise UsageError(f"--flavor: {item!r} is not understood. {hint}".rstrip())
        if name in flavor:
            raise UsageError(f"--flavor gives {name} twice")
        flavor[name] = _number(key, value, _UNITS[name]) if name in _UNITS else value
    if not flavor:
        raise UsageError("--flavor is empty. Write it as ram=4096,vcpus=2,disk=20.")
    return flavor


def _meant(key: str) -> str:
    """What a key of --flavor may be meant to be: one of its keys, or another flag."""
    flags = {flag for flag in _REQUEST_FLAGS if flag in {key, *synonyms(key)}}
    if flags:
        return f"Did you mean --{min(flags).replace('_', '-')}?"
    return nearest(key, {**SIZES, **_NAMES})


def _number(key: str, text: str, unit: str) -> int | float:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise UsageError(f"--flavor: {key} must be a number ({unit}), not {shown(text)}") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {shown(text)}") from None


def _pairs(flag: str, items: Iterable[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for item in items or ():
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"{flag} must be KEY=VALUE, not {item!r}")
        pairs.append((key, value))
    return pairs


def _hints(items: Iterable[str] | None) -> dict[str, list[str]]:
    hints: dict[str, list[str]] = {}
    for key, value in _pairs("--hint", items):
        hints.setdefault(key, []).append(value)
    return hints
