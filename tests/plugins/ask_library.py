"""Asks the plug-ins of novalike/, unmodified and without Nova, as the command loads them; prints JSON.

python ask_library.py CONF MODULE.CLASS...
"""

import json
import sys
from pathlib import Path

from oslo_config import cfg

from filtersched import HostState, RequestSpec, WeighedHost, make_conf, scheduler_from
from filtersched.loading import describe_plugins
from filtersched.plugins.notes import reading_ratios
from filtersched.settings import read_scheduler_settings
from filtersched.weighers.handler import multiplier
from tests.plugins.novalike_cases import HOSTS, REQUESTS

conf_file, *paths = sys.argv[1:]
sys.path.insert(0, str(Path(__file__).parent / "novalike"))


def host_of(facts):
    capabilities = {"gpus": int(facts["stats"].get("cards", 0))} if facts["host"] != "h3" else {}
    return HostState(**{**facts, "capabilities": capabilities})


def spec_of(request):
    known = {"hints": "scheduler_hints", "group": "instance_group", "destination": "requested_destination"}
    return RequestSpec(**{known.get(name, name): value for name, value in request.items()})


def answers_of(path):
    is_filter = path.endswith("Filter")
    name = path.rpartition(".")[2]
    options = {"weight_classes": [path]} if not is_filter else {"available_filters": [path], "enabled_filters": [name]}
    conf = make_conf(files=[conf_file], **options)
    conf.plugins_read = cfg.CONF
    scheduler = scheduler_from(conf)
    found = {}
    for key, request in REQUESTS.items():
        hosts, spec = [host_of(facts) for facts in HOSTS], spec_of(request)
        if is_filter:
            passed = scheduler.filter(hosts, spec, 0, scheduler.filters)
            found[key] = [host.host for host in passed]
        else:
            (weigher,) = scheduler.weighers
            with reading_ratios(weigher):
                raw = weigher.weigh_objects([WeighedHost(host, 0.0) for host in hosts], spec)
                found[key] = [[multiplier(weigher)(host), one] for host, one in zip(hosts, raw, strict=True)]
    (described,) = (one for one in describe_plugins(read_scheduler_settings(conf)) if one.name == name)
    return found, list(described.stand_ins)


print(json.dumps({path: answers_of(path) for path in paths}))
