"""The engine's dialect, over the wire, with plug-in files of every shape."""

from __future__ import annotations

import re
import xmlrpc.client

import pytest

PLUGINS = {
    "classes.py": '''
        class Returns:
            """What the class says."""
            properties_validation = "cpu=[0-9]+;mem=[a-z]*"
            def do_filter(self, hosts, vm, args):
                """Pass the first half."""
                return hosts[: len(hosts) // 2]
            def do_score(self, hosts, vm, args):
                return [(host, place) for place, host in enumerate(hosts)]
            def do_balance(self, hosts, args):
                return "33333333-3333-4333-8333-333333333333", hosts[:2]

        class Prints:
            def do_filter(self, hosts, vm, args):
                print(hosts[1:])
            def do_score(self, hosts, vm, args):
                print({host: 10 for host in hosts})
            def do_balance(self, hosts, args):
                print("33333333-3333-4333-8333-333333333333", hosts[1:3])

        class Braces:
            properties_validation = "cpu=[0-9]"
            def do_filter(self, hosts, vm, args):
                return set(hosts)

        class Huge:
            def do_score(self, hosts, vm, args):
                return [(host, 10**12) for host in hosts]

        class Forgets:
            def do_score(self, hosts, vm, args):
                return [(hosts[0], 5), (hosts[1], 9), (hosts[2], None)]

        class Silent:
            def do_score(self, hosts, vm, args):
                return []

        class Arguments:
            def do_filter(self, hosts, vm, args):
                print([host for host in hosts if args == {"k": "v\\u00e9", "n": None} and vm.startswith("3333")])

        class _Hidden:
            def do_filter(self, hosts, vm, args):
                return hosts
    ''',
    "functions.py": '''
        from classes import Returns

        def filterFunction(hosts, vm, args):
            """Pass the last."""
            print([hosts.host[-1].id])

        def scoreFunction(hosts, vm, args):
            return ((host, 7) for host in hosts)

        def balanceFunction(hosts, args):
            return {}
    ''',
    "odd-name 1.py": '''
        def do_filter(hosts, vm, args):
            return [hosts[0]]
    ''',
    "nothing.py": "X = 1\n",
    "broken.py": "def (:\n",
    "Named.py": '''
        class One:
            def do_filter(self, hosts, vm, args): return []
        class Two:
            properties_validation = "own=[0-9]"
            def do_filter(self, hosts, vm, args): return []
    ''',
    "Named.conf": "customProperties = file=[0-9]\n",
    "_module.py": "def do_filter(hosts, vm, args): return []\n",
    "functions.conf": "customProperties = ip=\\b[0-9]{1,3}$;level=[0-9]\ndefaultValues = 127;4\n",
    "defaults.py": '''
        def do_filter(hosts, vm, args):
            return hosts if args == {"level": "4", "name": "x"} else []
    ''',
    "defaults.conf": "customProperties = level=[0-9];name=[a-z]\ndefaultValues = 4;y\n",
}


@pytest.fixture(scope="module")
def daemon(start_for_module):
    return start_for_module(PLUGINS)


def test_discover_names_every_unit_with_description_and_properties(daemon):
    assert daemon.proxy.discover() == {
        "filters": {
            "Returns": ["Pass the first half.", "cpu=[0-9]+;mem=[a-z]*"],
            "Prints": ["", ""],
            "Braces": ["", "cpu=[0-9]"],
            "Arguments": ["", ""],
            "functions": ["Pass the last.", "ip=\\b[0-9]{1,3}$;level=[0-9]"],
            "odd-name 1": ["", ""],
            "defaults": ["", "level=[0-9];name=[a-z]"],
            "One": ["", "file=[0-9]"],
            "Two": ["", "own=[0-9]"],
        },
        "scores": {
            "Returns": ["What the class says.", "cpu=[0-9]+;mem=[a-z]*"],
            "Prints": ["", ""],
            "functions": ["", "ip=\\b[0-9]{1,3}$;level=[0-9]"],
            "Huge": ["", ""],
            "Forgets": ["", ""],
            "Silent": ["", ""],
        },
        "balance": {
            "Returns": ["What the class says.", "cpu=[0-9]+;mem=[a-z]*"],
            "Prints": ["", ""],
            "functions": ["", "ip=\\b[0-9]{1,3}$;level=[0-9]"],
        },
    }


@pytest.mark.parametrize(
    ("names", "passed"),
    [
        (["Returns"], [0, 1, 2]),
        (["Prints"], [1, 2, 3, 4, 5]),
        (["Braces"], [0, 1, 2, 3, 4, 5]),
        (["functions"], [5]),
        (["odd-name 1"], [0]),
        (["Returns", "Prints"], [1, 2]),
        (["Prints", "Returns", "Returns"], [1, 2]),
        (["Returns", "functions"], []),
        ([], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_filters_intersect_in_the_order_of_the_hosts_asked(daemon, hosts, vm, names, passed):
    answer = daemon.proxy.runFilters(names, hosts, vm, {})
    assert answer == {"result_code": 0, "result": [hosts[place] for place in passed]}


def test_properties_and_vm_reach_the_unit(daemon, hosts, vm):
    answer = daemon.proxy.runFilters(["Arguments"], hosts, vm, {"k": "v\u00e9", "n": None})
    assert answer == {"result_code": 0, "result": hosts}


@pytest.mark.parametrize("properties", [{"name": "x"}, {"name": "x", "level": None}])
def test_a_property_not_given_has_the_default_of_the_units_conf(daemon, hosts, vm, properties):
    assert daemon.proxy.runFilters(["defaults"], hosts, vm, properties)["result"] == hosts


def test_an_empty_text_in_the_place_of_properties_is_no_properties(daemon, hosts, vm):
    assert daemon.proxy.runFilters(["Returns"], hosts, vm, "")["result"] == hosts[:3]


def test_vm_may_be_an_empty_id(daemon, hosts):
    assert daemon.proxy.runFilters(["Returns"], hosts, "", {})["result"] == hosts[:3]


def test_scores_stand_beside_their_units_and_unmultiplied(daemon, hosts, vm):
    answer = daemon.proxy.runCostFunctions([["Returns", 3], ["Prints", 2], ["functions", -1]], hosts, vm, {})
    expected = [[host, place, "Returns"] for place, host in enumerate(hosts)]
    expected += [[host, 10, "Prints"] for host in hosts] + [[host, 7, "functions"] for host in hosts]
    assert answer == {"result_code": 0, "result": expected}


def test_one_units_huge_score_does_not_swallow_those_of_others(daemon, hosts, vm):
    answer = daemon.proxy.runCostFunctions([["Huge", 2**31 - 1], ["Prints", 1]], hosts[:1], vm, {})
    assert answer["result"] == [[hosts[0], 2**31 - 1, "Huge"], [hosts[0], 10, "Prints"]]


@pytest.mark.parametrize("factors", [[2, 5], [0, 0], [-(2**31), 1]])
def test_a_unit_named_twice_scores_once_whatever_the_factors(daemon, hosts, vm, factors):
    answer = daemon.proxy.runCostFunctions([["Prints", factor] for factor in factors], hosts[:1], vm, {})
    assert answer == {"result_code": 0, "result": [[hosts[0], 10, "Prints"]]}


def test_a_host_without_a_score_has_the_worst_that_the_unit_gave(daemon, hosts, vm):
    answer = daemon.proxy.runCostFunctions([["Forgets", 1]], hosts[:4], vm, {})
    expected = [[hosts[0], 5, "Forgets"], [hosts[1], 9, "Forgets"], [hosts[2], 9, "Forgets"], [hosts[3], 9, "Forgets"]]
    assert answer == {"result_code": 0, "result": expected}


def test_hosts_of_which_a_unit_scores_none_have_the_scale(daemon, hosts, vm):
    answer = daemon.proxy.runCostFunctions([["Silent", 1]], hosts[:2], vm, {})
    assert answer == {"result_code": 0, "result": [[hosts[0], 1000, "Silent"], [hosts[1], 1000, "Silent"]]}


@pytest.mark.parametrize(("name", "places"), [("Returns", [0, 1]), ("Prints", [1, 2])])
def test_a_balancer_names_one_vm_and_hosts(daemon, hosts, vm, name, places):
    answer = daemon.proxy.runLoadBalancing(name, hosts, {})
    assert answer == {"result_code": 0, "result": [vm, [hosts[place] for place in places]]}


def test_a_balancer_with_nothing_to_do_answers_two_empty_items(daemon, hosts):
    assert daemon.proxy.runLoadBalancing("functions", hosts, {}) == {"result_code": 0, "result": ["", []]}


def test_no_hosts_are_an_empty_result_in_every_call(daemon, vm):
    assert daemon.proxy.runFilters(["Returns"], [], vm, {}) == {"result_code": 0, "result": []}
    assert daemon.proxy.runCostFunctions([["Returns", 1]], [], vm, {}) == {"result_code": 0, "result": []}


def test_a_host_asked_twice_is_answered_once(daemon, hosts, vm):
    answer = daemon.proxy.runFilters(["Braces"], [hosts[1], hosts[0], hosts[1]], vm, {})
    assert answer["result"] == [hosts[1], hosts[0]]


def test_an_unknown_filter_is_reported_and_the_others_count(daemon, hosts, vm):
    answer = daemon.proxy.runFilters(["NoSuch", "Returns"], hosts, vm, {})
    assert answer == {
        "result_code": 1,
        "result": hosts[:3],
        "plugin_errors": {"NoSuch": ["plugin not found: 'NoSuch'"]},
    }


def test_only_unknown_filters_let_all_hosts_pass_and_say_so(daemon, hosts, vm):
    answer = daemon.proxy.runFilters(["NoSuch"], hosts, vm, {})
    assert answer == {
        "result_code": 1,
        "result": hosts,
        "plugin_errors": {"NoSuch": ["plugin not found: 'NoSuch'"]},
        "errors": ["all filters failed"],
    }


def test_an_unknown_cost_function_is_reported(daemon, hosts, vm):
    answer = daemon.proxy.runCostFunctions([["NoSuch", 1]], hosts, vm, {})
    assert answer == {"result_code": 1, "result": [], "plugin_errors": {"NoSuch": ["plugin not found: 'NoSuch'"]}}


def test_an_unknown_balancer_still_answers_two_items(daemon, hosts):
    answer = daemon.proxy.runLoadBalancing("NoSuch", hosts, {})
    assert answer == {
        "result_code": 1,
        "result": ["", []],
        "plugin_errors": {"NoSuch": ["plugin not found: 'NoSuch'"]},
    }


def test_a_filter_is_not_found_among_the_cost_functions(daemon, hosts, vm):
    answer = daemon.proxy.runCostFunctions([["Braces", 1]], hosts, vm, {})
    assert answer["plugin_errors"] == {"Braces": ["plugin not found: 'Braces'"]}


@pytest.mark.parametrize(
    "name", ["../classes", "/etc/passwd", "classes.py", "a/b", "Returns\n", "_Hidden", "_module", ""]
)
def test_a_name_that_is_no_unit_is_not_found_whatever_it_looks_like(daemon, hosts, vm, name):
    answer = daemon.proxy.runFilters([name], hosts, vm, {})
    assert answer["plugin_errors"] == {name: [f"plugin not found: {name!r}"]}


@pytest.mark.parametrize(("name", "why"), [("nothing", r"nothing\.py .* has none of do_filter"), ("broken", "line 1")])
def test_a_unit_whose_file_is_left_out_is_reported_with_the_reason(daemon, hosts, vm, name, why):
    ((said,),) = daemon.proxy.runFilters([name], hosts, vm, {})["plugin_errors"].values()
    assert re.search(why, said), said


def test_five_thousand_hosts_are_filtered(daemon, vm):
    many = [f"{number:08x}-1111-4111-8111-111111111111" for number in range(5000)]
    assert daemon.proxy.runFilters(["Returns", "Prints"], many, vm, {})["result"] == many[1:2500]


def test_five_thousand_unknown_names_are_each_reported(daemon, hosts, vm):
    names = [f"No{number}" for number in range(5000)]
    answer = daemon.proxy.runFilters([*names, "Returns"], hosts, vm, {})
    assert answer["result"] == hosts[:3]
    assert set(answer["plugin_errors"]) == set(names)


def test_unicode_in_names_and_properties_comes_back_whole(daemon, hosts, vm):
    name = "\u4e16\u754c \U0001f600 <&>"
    answer = daemon.proxy.runFilters([name], hosts, vm, {name: name})
    assert list(answer["plugin_errors"]) == [name]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("runFilters", ()),
        ("runFilters", (["A"], ["h"], "v")),
        ("runFilters", ("A", ["h"], "v", {})),
        ("runFilters", ([1], ["h"], "v", {})),
        ("runFilters", (["A"], [1], "v", {})),
        ("runFilters", (["A"], {}, "v", {})),
        ("runFilters", (["A"], ["h"], 5, {})),
        ("runFilters", (["A"], ["h"], "v", {"k": 1})),
        ("runFilters", (["A"], ["h"], "v", ["k"])),
        ("runCostFunctions", (["A"], ["h"], "v", {})),
        ("runCostFunctions", ([["A", "1"]], ["h"], "v", {})),
        ("runCostFunctions", ([["A", True]], ["h"], "v", {})),
        ("runCostFunctions", ([["A", 1.5]], ["h"], "v", {})),
        ("runCostFunctions", ([["A", 1, 2]], ["h"], "v", {})),
        ("runCostFunctions", (5, ["h"], "v", {})),
        ("runLoadBalancing", (["A"], ["h"], {})),
        ("runLoadBalancing", ("A", ["h"])),
        ("discover", (1,)),
    ],
)
def test_arguments_of_the_wrong_type_are_a_fault(daemon, method, arguments):
    with pytest.raises(xmlrpc.client.Fault) as caught:
        getattr(daemon.proxy, method)(*arguments)
    assert caught.value.faultCode == -32602


def test_introspection_tells_the_methods(daemon):
    proxy = daemon.proxy
    assert proxy.system.listMethods() == [
        "discover",
        "runCostFunctions",
        "runFilters",
        "runLoadBalancing",
        "system.listMethods",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("__class__", "service.discover", "discover.__func__", "system.multicall", "settings", " ", "run_filters"),
        *("ask", "system.methodHelp"),
    ],
)
def test_no_other_method_exists(daemon, name):
    with pytest.raises(xmlrpc.client.Fault) as caught:
        daemon.proxy._ServerProxy__request(name, ())
    assert caught.value.faultCode == -32601


def test_each_call_is_logged_with_units_milliseconds_and_counts(daemon, hosts, vm):
    start = len(daemon.lines)
    daemon.proxy.runFilters(["Returns"], hosts, vm, {})
    daemon.wait_for(
        rf"filters, vm '{vm}': 'Returns' 3 hosts in [\d.]+ ms: 3 of 6 hosts pass, [\d.]+ ms", start=start
    )


def test_files_without_units_are_reported_at_start(daemon):
    daemon.wait_for(r"nothing\.py is left out: it has none of do_filter")
    daemon.wait_for(r"broken\.py is left out: SyntaxError")
