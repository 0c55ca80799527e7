import pytest

from filtersched.hosts.host_state import HostState, Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers.image_properties_weigher import ImagePropertiesWeigher
from tests.unit.weighers.ranked import bound, raw, weights

SPEC = RequestSpec(image={"id": "img", "properties": {"os_distro": "windows", "hw_machine_type": "q35"}})


def weigher(*settings, multiplier=1.0):
    return bound(
        ImagePropertiesWeigher, image_props_weight_multiplier=multiplier, image_props_weight_setting=list(settings)
    )


def host(*images):
    """A host with an instance of each of these image properties."""
    instances = {f"i{place}": Instance(f"i{place}", image_properties=image) for place, image in enumerate(images)}
    return HostState("a", instances=instances)


WINDOWS, LINUX, Q35 = {"os_distro": "windows"}, {"os_distro": "linux"}, {"hw_machine_type": "q35"}
BOTH = WINDOWS | Q35


@pytest.mark.parametrize(
    ("images", "settings", "expected"),
    [
        ([], [], 0.0),
        ([{}], [], 0.0),
        ([LINUX], [], 0.0),
        ([WINDOWS], [], 1.0),
        ([WINDOWS, LINUX, WINDOWS], [], 2.0),
        ([BOTH], [], 2.0),
        ([BOTH, WINDOWS, Q35], [], 4.0),
        ([WINDOWS | {"more": "1"}], [], 1.0),
        ([BOTH, WINDOWS], ["os_distro=2"], 4.0),
        ([BOTH, WINDOWS], ["os_distro=2", "hw_machine_type=0.5"], 4.5),
        ([BOTH], ["os_distro=-1"], -1.0),
        ([BOTH], ["other=5"], 0.0),
        ([BOTH], ["os_distro=2", "os_distro=3"], 3.0),
        ([BOTH], ["os_distro", "=1", "os_distro=x"], 2.0),
    ],
)
def test_the_raw_weight_counts_instances_with_the_same_properties(images, settings, expected):
    assert raw(weigher(*settings), host(*images), SPEC) == expected


def test_values_are_compared_as_text():
    spec = RequestSpec(image={"properties": {"hw_boot_menu": True, "hw_cpu_cores": 2}})
    assert raw(weigher(), host({"hw_boot_menu": "True", "hw_cpu_cores": "2"}), spec) == 2.0


def test_a_request_without_an_image_is_indifferent():
    assert raw(weigher(), host(WINDOWS), RequestSpec()) == 0.0


def test_it_has_no_say_by_default():
    assert raw(ImagePropertiesWeigher(), host(WINDOWS), SPEC) == 0.0


def test_a_configured_multiplier_of_zero_wins_over_that_of_an_aggregate():
    aggregates = [{"name": "a", "metadata": {"image_props_weight_multiplier": "5"}}]
    hosts = [HostState("a", aggregates=aggregates, instances=host(WINDOWS).instances), HostState("b")]
    assert weights(weigher(multiplier=0.0), hosts, SPEC) == [0.0, 0.0]
    assert weights(weigher(multiplier=1.0), hosts, SPEC) == [5.0, 0.0]


@pytest.mark.parametrize(
    ("multiplier", "expected"), [(1.0, [0.0, 1 / 3, 1.0, 1 / 3]), (-1.0, [0.0, -1 / 3, -1.0, -1 / 3])]
)
def test_the_multiplier_says_whether_like_images_come_together(multiplier, expected):
    hosts = [host(*[WINDOWS] * count) for count in (0, 1, 3, 1)]
    assert weights(weigher(multiplier=multiplier), hosts, SPEC) == expected
