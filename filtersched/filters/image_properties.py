"""The properties of an image: their names of today and of old, and the values that are known."""

from __future__ import annotations

from typing import Any, NamedTuple

from filtersched.errors import InvalidRequest, nearest
from filtersched.requests.request_values import Image

# Name of today to the name it had before; the name of today wins where an image has both.
OLD_NAMES = {
    "hw_architecture": "architecture",
    "img_hv_type": "hypervisor_type",
    "hw_vm_mode": "vm_mode",
    "img_hv_requested_version": "hypervisor_version_requires",
}


class Vocabulary(NamedTuple):
    """The names that one property may have, and other names for some of them."""

    field: str
    known: tuple[str, ...]
    aliases: dict[str, str]


ARCHITECTURE = Vocabulary(
    "hw_architecture",
    (
        *("alpha", "armv6", "armv7l", "armv7b", "aarch64", "cris", "i686", "ia64", "lm32", "loongarch64", "m68k"),
        *("microblaze", "microblazeel", "mips", "mipsel", "mips64", "mips64el", "openrisc", "parisc", "parisc64"),
        *("ppc", "ppcle", "ppc64", "ppc64le", "ppcemb", "s390", "s390x", "sh4", "sh4eb", "sparc", "sparc64"),
        *("unicore32", "x86_64", "xtensa", "xtensaeb"),
    ),
    {**dict.fromkeys(("i386", "i486", "i586", "x86_32", "x86_32p"), "i686"), "amd64": "x86_64"},
)
HYPERVISOR_TYPE = Vocabulary(
    "img_hv_type",
    (
        *("baremetal", "bhyve", "docker", "fake", "hyperv", "ironic", "kqemu", "kvm", "lxc", "lxd", "openvz"),
        *("parallels", "phyp", "prsm", "qemu", "test", "uml", "vbox", "vmware", "vz", "xen", "zvm"),
    ),
    {"xapi": "xen"},
)
VM_MODE = Vocabulary("hw_vm_mode", ("hvm", "xen", "uml", "exe"), {"pv": "xen", "hv": "hvm", "baremetal": "hvm"})


def image_property(image: Image | None, name: str) -> Any:
    """The property under its name of today, else under its old name; None without either or an image."""
    if image is None:
        return None
    if name in image.properties:
        return image.properties[name]
    return image.properties.get(OLD_NAMES.get(name, ""))


def canonical(value: Any, vocabulary: Vocabulary) -> str | None:
    """The one name for `value`, in lower case; None for None or empty text.

    Raises InvalidRequest for an unknown name.
    """
    if value is None or value == "":
        return None
    name = str(value).lower()
    name = vocabulary.aliases.get(name, name)
    if name not in vocabulary.known:
        raise InvalidRequest(
            f"image property {vocabulary.field} is {value!r}, which is not known. "
            f"{nearest(name, [*vocabulary.known, *vocabulary.aliases])}".rstrip(),
            field=vocabulary.field,
            value=value,
        )
    return name
