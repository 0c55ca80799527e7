"""Asks the plug-ins of novalike/ with a real Nova's objects; run by a Python that has Nova, prints JSON.

python ask_nova.py REPOSITORY CONF MODULE.CLASS...
"""

import importlib
import json
import os
import sys

root, conf_file, *paths = sys.argv[1:]
sys.path[:0] = [os.path.join(root, "benchmarks", "nova_peer"), os.path.join(root, "tests", "plugins", "novalike"), root]
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import peer  # noqa: E402 - found on the path just made
from nova import weights  # noqa: E402

cases = importlib.import_module("tests.plugins.novalike_cases")
peer.start()
peer.CONF(["--config-file", conf_file], project="nova", default_config_files=[conf_file])
found = {}
for path in paths:
    module, _dot, name = path.rpartition(".")
    plugin = getattr(importlib.import_module(module), name)()
    found[path] = {}
    for key, request in cases.REQUESTS.items():
        aggregates = {}
        hosts = [peer.host_state({**facts, "nodename": facts["host"]}, aggregates) for facts in cases.HOSTS]
        spec = peer.request_spec(request)
        if hasattr(plugin, "filter_all"):
            found[path][key] = [host.host for host in plugin.filter_all(hosts, spec)]
        else:
            raw = plugin.weigh_objects([weights.WeighedObject(host, 0.0) for host in hosts], spec)
            found[path][key] = [[plugin.weight_multiplier(host), one] for host, one in zip(hosts, raw)]  # noqa: B905
print(json.dumps(found), file=answers, flush=True)
