"""Decides cases in a real nova-scheduler's pipeline with the bridge; run by a Python that has Nova.

python ask_bridge.py REPOSITORY FOLDER < CASES (JSON)

FOLDER gets the file of settings of each case. Prints what was chosen, and the seconds that the filters
and weighers took: those of the bridge, and Nova's own.
"""

import json
import os
import sys
import time

root, folder = sys.argv[1:]
sys.path[:0] = [os.path.join(root, "benchmarks", "nova_peer"), root, folder]
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import peer  # noqa: E402 - found on the path just made

from filtersched import nova_bridge  # noqa: E402

# Options that are in [DEFAULT] or in a group, of the library's file.
NOT_IN_FILE = {*peer.NOT_OPTIONS, "filters", "weighers"}


def settings_file(case, number):
    conf = case["conf"]
    lines = ["[filter_scheduler]", "weight_classes = " + ",".join(conf["weighers"])]
    lines += ["enabled_filters = " + ",".join(conf["filters"])]
    groups = {}
    for name, value in conf.items():
        if name not in NOT_IN_FILE and value is not None:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            groups.setdefault(peer.GROUPS.get(name, "filter_scheduler"), []).append(f"{name} = {text}")
    lines += groups.pop("filter_scheduler", [])
    for group, given in groups.items():
        lines += [f"[{group or 'DEFAULT'}]", *given]
    path = os.path.join(folder, f"case{number}.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


class Bridged(peer.Hosts):
    """Nova's HostManager with the bridge as its only filter and weigher."""

    def __init__(self, conf):
        super().__init__({**conf, "filters": [], "weighers": []})
        (found,) = self.filter_handler.get_matching_classes(["filtersched.nova_bridge.FilterschedFilter"])
        self.enabled_filters = [found()]
        (found,) = self.weight_handler.get_matching_classes(["filtersched.nova_bridge.FilterschedWeigher"])
        self.weighers = [found()]


def seconds_of(manager, case):
    hosts, spec = peer.offered(case), peer.request_spec(case["request"])
    best = []
    for _turn in range(3):
        began = time.perf_counter()
        passed = manager.filter_handler.get_filtered_objects(manager.enabled_filters, hosts, spec, 0) or []
        manager.weight_handler.get_weighed_objects(manager.weighers, list(passed), spec)
        best.append(time.perf_counter() - began)
    return min(best)


peer.start()
found = []
plain = peer.Hosts
for number, case in enumerate(json.load(sys.stdin)):
    path = settings_file(case, number)
    nova_bridge.CONF.set_override("config_file", path, "filtersched")
    peer.Hosts = Bridged
    try:
        answer = peer.decide(case)[0]
    except Exception as problem:  # to be compared
        answer = {"raised": f"{type(problem).__name__}: {problem}"}
    peer.Hosts = plain
    if case.get("timed"):
        peer.configure(case["conf"])
        answer["seconds"] = [seconds_of(Bridged(case["conf"]), case), seconds_of(plain(case["conf"]), case)]
    found.append(answer)
print(json.dumps(found), file=answers, flush=True)
