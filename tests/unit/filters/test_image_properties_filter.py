import json

import pytest

from filtersched import HostState, InvalidRequest, RequestSpec
from filtersched.filters.image_properties_filter import ImagePropertiesFilter

KVM = [["x86_64", "kvm", "hvm"]]


def passes(properties, supported=KVM, *, default=None, **attributes):
    rule = ImagePropertiesFilter()
    rule.bind({"image_properties_default_architecture": default})
    image = None if properties is None else {"properties": properties}
    return rule.host_passes(HostState("cmp1", supported_instances=supported, **attributes), RequestSpec(image=image))


@pytest.mark.parametrize(
    ("properties", "supported", "expected"),
    [
        ({"hw_architecture": "x86_64", "img_hv_type": "kvm", "hw_vm_mode": "hvm"}, KVM, True),
        ({"hw_architecture": "aarch64", "img_hv_type": "kvm", "hw_vm_mode": "hvm"}, KVM, False),
        ({"hw_architecture": "x86_64", "img_hv_type": "xen", "hw_vm_mode": "hvm"}, KVM, False),
        ({"hw_architecture": "x86_64", "img_hv_type": "kvm", "hw_vm_mode": "xen"}, KVM, False),
        ({"hw_architecture": "x86_64", "hw_vm_mode": "hvm"}, KVM, True),
        ({"hw_architecture": "x86_64"}, [["x86_64", "kvm"]], True),
        ({"hw_architecture": "x86_64", "hw_vm_mode": "hvm"}, [["x86_64", "kvm"]], False),
        ({"img_hv_type": "xen"}, [["i686", "kvm", "hvm"], ["i686", "xen", "xen"]], True),
        ({"hw_architecture": "x86_64", "img_hv_type": "xen"}, [["x86_64", "kvm"], ["i686", "xen"]], False),
    ],
)
def test_one_advertised_entry_must_hold_every_wanted_name(properties, supported, expected):
    assert passes(properties, supported) is expected


def test_names_are_looked_for_anywhere_in_the_entry_not_by_position():
    assert passes({"hw_architecture": "x86_64", "hw_vm_mode": "hvm"}, [["hvm", "kvm", "x86_64"]])
    assert passes({"hw_vm_mode": "xen"}, [["i686", "xen", "hvm"]])


@pytest.mark.parametrize("supported", [[], None])
def test_host_that_advertises_nothing_is_refused_if_anything_is_wanted(supported):
    assert not passes({"hw_architecture": "x86_64"}, supported)


@pytest.mark.parametrize("properties", [None, {}, {"os_distro": "x"}, {"hw_architecture": None}, {"hw_vm_mode": ""}])
@pytest.mark.parametrize("supported", [[], None, KVM])
def test_request_that_wants_nothing_passes_everywhere(properties, supported):
    assert passes(properties, supported)


def test_version_or_width_wish_alone_is_not_checked():
    wishes = {"img_hv_requested_version": ">=9.9", "hw_maxphysaddr_bits": "99"}
    assert passes(wishes, hypervisor_version=6000000, cpu_info={"maxphysaddr": {"bits": 46}})


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        *(("hw_architecture", name) for name in ("i386", "i486", "i586", "x86_32", "x86_32p", "I686")),
        ("img_hv_type", "xapi"),
        ("img_hv_type", "XEN"),
        ("hw_vm_mode", "pv"),
    ],
)
def test_other_names_of_the_image_mean_the_canonical_one(name, canonical):
    assert passes({name: canonical}, [["i686", "xen", "xen"]])


@pytest.mark.parametrize(("mode", "arch"), [("hv", "amd64"), ("baremetal", "X86_64"), ("HVM", "x86_64")])
def test_other_names_of_hvm_and_x86_64(mode, arch):
    assert passes({"hw_vm_mode": mode, "hw_architecture": arch}, KVM)


def test_names_of_the_host_are_not_made_canonical():
    assert not passes({"hw_architecture": "amd64"}, [["amd64", "kvm", "hvm"]])
    assert not passes({"hw_vm_mode": "hvm"}, [["x86_64", "kvm", "HVM"]])


@pytest.mark.parametrize("name", ["hw_architecture", "img_hv_type", "hw_vm_mode"])
def test_unknown_name_is_an_invalid_request(name):
    with pytest.raises(InvalidRequest, match="'z80'") as caught:
        passes({name: "z80"})
    assert (caught.value.field, caught.value.value) == (name, "z80")


@pytest.mark.parametrize(
    ("old", "value"), [("architecture", "x86_64"), ("hypervisor_type", "kvm"), ("vm_mode", "hvm")]
)
def test_old_name_of_a_property_means_the_new_one(old, value):
    assert passes({old: value}, KVM)
    assert not passes({old: value}, [["i686", "xen", "xen"]])


def test_new_name_wins_over_the_old_one():
    assert passes({"hw_architecture": "x86_64", "architecture": "i686"}, KVM)
    assert not passes({"hw_architecture": "i686", "architecture": "x86_64"}, KVM)


@pytest.mark.parametrize("properties", [None, {}, {"hw_architecture": ""}])
def test_default_architecture_counts_where_none_is_named_also_without_an_image(properties):
    assert passes(properties, KVM, default="x86_64")
    assert not passes(properties, KVM, default="aarch64")


def test_architecture_of_the_image_wins_over_the_default():
    assert passes({"hw_architecture": "x86_64"}, KVM, default="aarch64")


@pytest.mark.parametrize(
    ("version", "asked", "expected"),
    [
        (6000000, ">=6.0,<6.2", True),
        (6001000, ">=6.0,<6.2", True),
        (6002000, ">=6.0,<6.2", False),
        (5999999, ">=6.0,<6.2", False),
        (6000000, "==6.0", True),
        (6000000, "!=6.0", False),
        (6000001, "!=6.0", True),
        (6000000, ">6.0", False),
        (6000001, ">6.0", True),
        (6000000, "<=6", True),
        (6010000, ">6.9", True),
        (5000, "==5.0", True),
        (1000, "==1.0", True),
        (1, "==1", True),
        (5000, "<6.0", True),
        (6000000, " >= 6.0 , < 6.2 ", True),
        (0, ">=9", True),
        (None, ">=9", True),
        (6000000, "", True),
    ],
)
def test_hypervisor_version_must_satisfy_every_part(version, asked, expected):
    properties = {"hw_architecture": "x86_64", "img_hv_requested_version": asked}
    assert passes(properties, hypervisor_version=version) is expected


def test_old_name_of_the_version_wish():
    assert not passes({"vm_mode": "hvm", "hypervisor_version_requires": ">=7"}, hypervisor_version=6000000)


@pytest.mark.parametrize(
    "asked", ["6.0", ">=", ">=six", ">=6.0,", "=>6", "~=6.0", ">=6.0 <6.2", f">=6.{'9' * 5000}", f">={'9' * 200}"]
)
def test_malformed_version_wish_is_an_invalid_request(asked):
    with pytest.raises(InvalidRequest, match="img_hv_requested_version"):
        passes({"hw_vm_mode": "hvm", "img_hv_requested_version": asked}, hypervisor_version=6000000)


@pytest.mark.parametrize(("bits", "expected"), [(45, False), (46, True), (47, True), ("46", True), ("wide", False)])
@pytest.mark.parametrize("text", [False, True], ids=["a mapping", "JSON text"])
def test_address_width_of_the_host_is_at_least_the_wanted(bits, expected, text):
    cpu_info = {"maxphysaddr": {"bits": bits}}
    wish = {"hw_vm_mode": "hvm", "hw_maxphysaddr_bits": "46"}
    assert passes(wish, cpu_info=json.dumps(cpu_info) if text else cpu_info) is expected


@pytest.mark.parametrize("cpu_info", [None, {}, {"maxphysaddr": {}}, {"maxphysaddr": 46}, "", "{", "[]"], ids=repr)
def test_host_that_does_not_tell_its_address_width_meets_any(cpu_info):
    assert passes({"hw_vm_mode": "hvm", "hw_maxphysaddr_bits": "46"}, cpu_info=cpu_info)


def test_malformed_address_width_is_an_invalid_request():
    with pytest.raises(InvalidRequest, match="hw_maxphysaddr_bits"):
        passes({"hw_vm_mode": "hvm", "hw_maxphysaddr_bits": "wide"})


def test_default_architecture_that_is_none_is_refused_at_start_up():
    (option,) = ImagePropertiesFilter.options
    with pytest.raises(ValueError, match="z80"):
        option.type("z80")
    assert option.type("aarch64") == "aarch64"


def test_reads_nothing_of_a_host_if_nothing_is_wanted():
    rule = ImagePropertiesFilter()
    full = {"hw_vm_mode": "hvm", "img_hv_requested_version": ">1", "hw_maxphysaddr_bits": "1"}
    assert rule.host_reads(RequestSpec()) == ()
    assert rule.host_reads(RequestSpec(image={"properties": {"hw_vm_mode": "hvm"}})) == ("supported_instances",)
    reads = rule.host_reads(RequestSpec(image={"properties": full}))
    assert reads == ("supported_instances", "hypervisor_version", "cpu_info")


def test_is_asked_for_the_first_instance_only_but_on_a_rebuild_too():
    rule = ImagePropertiesFilter()
    assert [rule.run_filter_for_index(index) for index in (0, 1)] == [True, False]
    assert rule.asked_about(RequestSpec(scheduler_hints={"_nova_check_type": ["rebuild"]}))


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"hw_architecture": "aarch64"}, "supports x86_64 kvm hvm, the image asks for aarch64"),
        (
            {"hw_vm_mode": "hvm", "img_hv_requested_version": ">=7"},
            "hypervisor version is 6.2.0, the image asks '>=7'",
        ),
        ({"hw_vm_mode": "hvm", "hw_maxphysaddr_bits": 47}, "physical addresses have 46 bits, the image asks 47"),
        ({"hw_vm_mode": "hvm"}, None),
        ({}, None),
    ],
)
def test_reason_says_what_is_asked_and_what_there_is(properties, said):
    host = HostState(
        "cmp1", supported_instances=KVM, hypervisor_version=6002000, cpu_info={"maxphysaddr": {"bits": 46}}
    )
    spec = RequestSpec(image={"properties": properties})
    assert ImagePropertiesFilter().rejection_reason(host, spec) == said


def test_reason_of_a_host_that_advertises_nothing():
    spec = RequestSpec(image={"properties": {"hw_vm_mode": "hvm"}})
    assert ImagePropertiesFilter().rejection_reason(HostState("cmp1"), spec) == (
        "supports nothing, the image asks for hvm"
    )
