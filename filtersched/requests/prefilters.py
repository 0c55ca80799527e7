"""What Nova's request filters add to a request before Placement is asked: traits, and aggregates.

| rule                       | it adds                                                                        |
|----------------------------|--------------------------------------------------------------------------------|
| image type                 | the trait `COMPUTE_IMAGE_TYPE_…` of the image's `disk_format`                    |
| image metadata             | a trait for each of the image's buses, models and architectures                |
| compute status             | `COMPUTE_STATUS_DISABLED`, forbidden                                             |
| packed virtqueue           | `COMPUTE_NET_VIRTIO_PACKED`, if flavor or image ask for packed rings              |
| ephemeral encryption       | `COMPUTE_EPHEMERAL_ENCRYPTION`, and that of the format                           |
| virtio sound               | `COMPUTE_SOUND_MODEL_VIRTIO`, if flavor or image ask for that model               |
| isolated aggregates        | forbids aggregates with a trait as required that the request does not require  |
| zone's aggregates          | one of the aggregates whose zone the request names, if there are any            |
| tenant's aggregates        | one of the aggregates that are for the project, if there are any               |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from filtersched.errors import InvalidRequest
from filtersched.requests.pci_requests import is_true
from filtersched.requests.resource_groups import groups_of

#: "trait:NAME", or of a group: "trait1:NAME", "trait_NET:NAME".
TRAIT_KEY = re.compile(r"trait(?:[A-Za-z0-9_-]{1,64})?:(?P<name>.+)")
_TENANT = "filter_tenant_id"
_OF_IMAGE = {
    "hw_cdrom_bus": "COMPUTE_STORAGE_BUS",
    "hw_disk_bus": "COMPUTE_STORAGE_BUS",
    "hw_video_model": "COMPUTE_GRAPHICS_MODEL",
    "hw_vif_model": "COMPUTE_NET_VIF_MODEL",
    "hw_architecture": "HW_ARCH",
    "hw_emulation_architecture": "COMPUTE_ARCH",
    "hw_viommu_model": "COMPUTE_VIOMMU",
}
# The traits there are with each prefix. Nova asks for no other, and for none at all of an image that leads to one:
# so it is with any hw_viommu_model, whose traits are named COMPUTE_VIOMMU_MODEL_….
_KNOWN = {
    "COMPUTE_IMAGE_TYPE": "AKI AMI ARI ISO PLOOP QCOW2 RAW VDI VHD VHDX VMDK",
    "COMPUTE_STORAGE_BUS": "FDC IDE LXC SATA SCSI UML USB VIRTIO XEN",
    "COMPUTE_GRAPHICS_MODEL": "BOCHS CIRRUS GOP NONE QXL VGA VIRTIO VMVGA XEN",
    "COMPUTE_NET_VIF_MODEL": "E1000 E1000E IGB LAN9118 NE2K_PCI NETFRONT PCNET RTL8139 SPAPR_VLAN SRIOV VIRTIO VMXNET "
    "VMXNET3",
    "COMPUTE_ARCH": "AARCH64 MIPSEL PPC64LE RISCV64 S390X X86_64",
    "COMPUTE_VIOMMU": "",
    "HW_ARCH": "AARCH64 ALPHA ARMV6 ARMV7 ARMV7B CRIS I686 IA64 LM32 M68K MICROBLAZE MICROBLAZEEL MIPS MIPS64 MIPS64EL "
    "MIPSEL OPENRISC PARISC PARISC64 PPC PPC64 PPC64LE PPCEMB PPCLE S390 S390X SH4 SH4EB SPARC SPARC64 UNICORE32 "
    "X86_64 XTENSA XTENSAEB",
}
_FORMATS = ("plain", "luks", "luksv2")


class TraitsAsked(NamedTuple):
    """Traits that a host must have, and must not have."""

    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()


class Prefilters(NamedTuple):
    """Which of the rules about traits are in effect."""

    image_type: bool = False
    image_metadata: bool = False
    compute_status: bool = False
    packed_virtqueue: bool = False
    ephemeral_encryption: bool = False
    virtio_sound: bool = False


def traits_asked(spec: Any, rules: Prefilters) -> TraitsAsked:
    """What the rules add to a request. Raises InvalidRequest where flavor and image contradict each other."""
    properties: Mapping[str, Any] = {} if spec.image is None else spec.image.properties
    required = set()
    if rules.image_type and not spec.is_bfv:
        required |= _traits([("COMPUTE_IMAGE_TYPE", _disk_format(spec.image))])
    if rules.image_metadata:
        required |= _traits([(prefix, properties.get(name)) for name, prefix in _OF_IMAGE.items()])
    if rules.packed_virtqueue and _wish(spec, properties, "virtio_packed_ring", is_true):
        required.add("COMPUTE_NET_VIRTIO_PACKED")
    if rules.ephemeral_encryption and _wish(spec, properties, "ephemeral_encryption", is_true):
        required.add("COMPUTE_EPHEMERAL_ENCRYPTION")
        encrypted = _wish(spec, properties, "ephemeral_encryption_format", str)
        if encrypted and encrypted not in _FORMATS:
            raise InvalidRequest(
                f"hw:ephemeral_encryption_format must be one of {', '.join(_FORMATS)}, not {encrypted!r}",
                field="extra_specs.hw:ephemeral_encryption_format",
                value=encrypted,
            )
        required |= {f"COMPUTE_EPHEMERAL_ENCRYPTION_{encrypted.upper()}"} if encrypted else set()
    if rules.virtio_sound and _wish(spec, properties, "sound_model", str) == "virtio":
        required.add("COMPUTE_SOUND_MODEL_VIRTIO")
    forbidden = frozenset(("COMPUTE_STATUS_DISABLED",)) if rules.compute_status else frozenset()
    return TraitsAsked(frozenset(required), forbidden)


def _traits(wished: Iterable[tuple[str, Any]]) -> set[str]:
    """The traits of prefixes and values, those that are None aside; none of them if one is not known."""
    values = [(prefix, str(value).replace("-", "_").upper()) for prefix, value in wished if value is not None]
    is_known = all(value in _KNOWN[prefix].split() for prefix, value in values)
    return {f"{prefix}_{value}" for prefix, value in values} if is_known else set()


def _wish(spec: Any, properties: Mapping[str, Any], name: str, read: Any) -> Any:
    """What flavor or image say, read; None if neither does. Raises InvalidRequest if they differ."""
    of_flavor, of_image = spec.extra_specs.get(f"hw:{name}"), properties.get(f"hw_{name}")
    # As in Nova, an empty text says nothing, but is no.
    wishes = [read(said) for said in (of_flavor, of_image) if said is not None and (said or read is is_true)]
    if len(wishes) == 2 and wishes[0] != wishes[1]:
        raise InvalidRequest(
            f"flavor.extra_specs: hw:{name} is {of_flavor!r}, and hw_{name} of the image is {of_image!r}",
            field=f"extra_specs.hw:{name}",
            value=of_flavor,
        )
    return wishes[0] if wishes else None


def _disk_format(image: Any) -> str | None:
    if image is None:
        return None
    said = image.properties.get("disk_format") or image.further.get("disk_format")
    return None if said is None else str(said)


def traits_named(spec: Any) -> frozenset[str]:
    """The traits that flavor and image require by name, those of numbered groups included."""
    said = [*spec.extra_specs.items(), *(() if spec.image is None else spec.image.properties.items())]
    found = ((TRAIT_KEY.fullmatch(key), value) for key, value in said if value == "required")
    named = frozenset(match["name"] for match, _value in found if match is not None)
    return named.union(*(group.required for group in groups_of(spec.extra_specs).groups))


def isolated_for(aggregates: Iterable[Any], traits: frozenset[str]) -> str | None:
    """The trait that keeps requests without it off these aggregates; None if they are open."""
    for aggregate in aggregates:
        for key, value in aggregate.metadata.items():
            if key.startswith("trait:") and value == "required" and key[6:] not in traits:
                return str(key[6:])
    return None


def is_for_project(aggregates: Iterable[Any], project_id: str | None) -> bool:
    """Whether one of these aggregates is for the project."""
    return any(
        project_id in aggregate.metadata.values() and any(key.startswith(_TENANT) for key in aggregate.metadata)
        for aggregate in aggregates
    )


def is_of_zone(aggregates: Iterable[Any], zone: str | None) -> bool:
    """Whether one of these aggregates has the zone, word for word."""
    return any(aggregate.metadata.get("availability_zone") == zone for aggregate in aggregates)
