"""Hosts, requests and plug-ins, as plain data that both the library and a real Nova are given."""

CONF = """\
[DEFAULT]
essex_gpus_kept = 1
folsom_noisy = ["h2"]
grizzly_weight_multiplier = -2.0
kilo_default_rack = r1
[liberty]
multiplier = 3.0
[newton]
scope = acme
[filter_scheduler]
stein_weight_multiplier = 2.0
[antelope]
metric = heat
"""

_USUAL = {
    "nodename": None,
    "cell_uuid": None,
    "total_usable_ram_mb": 8192,
    "vcpus_total": 8,
    "ram_allocation_ratio": 1.5,
    "cpu_allocation_ratio": 2.0,
    "disk_allocation_ratio": 1.0,
    "service": {},
}
HOSTS = [
    {
        **_USUAL,
        **{"host": "h1", "free_ram_mb": 4096, "vcpus_used": 2, "num_instances": 3, "instances": ["i1"]},
        "aggregates": [
            {"name": "a", "metadata": {"rack": "r1", "rack_cpu_ratio": "1.0", "stein_weight_multiplier": "5"}},
            {"name": "w", "metadata": {"licensed": "windows"}},
        ],
        "stats": {"cards": "2"},
        "metrics": {"heat": 1.5},
        "cpu_info": '{"arch": "x86_64"}',
    },
    {
        **_USUAL,
        **{"host": "h2", "free_ram_mb": -2048, "vcpus_used": 8, "num_instances": 1, "instances": []},
        "aggregates": [{"name": "b", "metadata": {"rack": "r2, r3", "rack_cpu_ratio": "2.0"}}],
        "stats": {},
        "metrics": {"heat": 3.5},
        "cpu_info": '{"arch": "aarch64"}',
    },
    {
        **_USUAL,
        **{"host": "h3", "free_ram_mb": 8192, "vcpus_used": 0, "num_instances": 0, "instances": []},
        "aggregates": [{"name": "c", "metadata": {"rack": "r1"}}],
        "stats": {"cards": "4"},
        "metrics": {},
        "cpu_info": "",
    },
]

_PLAIN = {
    "flavor": {"memory_mb": 1024, "vcpus": 1, "root_gb": 1, "ephemeral_gb": 0, "swap": 0, "extra_specs": {}},
    "num_instances": 1,
    "project_id": "p1",
    "availability_zone": None,
    "ignore_hosts": [],
    "force_hosts": [],
    "force_nodes": [],
    "group": None,
    "destination": None,
    "hints": {},
    "image": None,
}
REQUESTS = {
    "plain": _PLAIN,
    "wishes": {
        **_PLAIN,
        "flavor": {
            **_PLAIN["flavor"],
            **{"memory_mb": 3072, "vcpus": 6, "extra_specs": {"acme:cards": ">= 3", "essex:gpus": "1"}},
        },
        "group": {"policy": "affinity", "hosts": ["h1"], "members": ["i1"], "rules": {}},
        "hints": {"_nova_check_type": ["resize"], "source_rack": ["r3"], "rack": ["r2"]},
        "image": {"id": "img", "properties": {"os_distro": "windows", "hw_architecture": "aarch64"}},
    },
}

# Module, class, whether the installed Nova can load it, and for each request: of a filter the hosts that it
# lets pass, of a weigher multiplier and raw weight of each host.
_ALL = ["h1", "h2", "h3"]
CASES = [
    ("essex_gpu_filter", "EssexGpuFilter", False, {"plain": _ALL, "wishes": ["h1"]}),
    ("folsom_noisy_filter", "FolsomNoisyFilter", False, {"plain": ["h1", "h3"], "wishes": ["h1", "h3"]}),
    ("grizzly_weigher", "GrizzlyWeigher", False, {key: [[-2.0, 3], [-2.0, 1], [-2.0, 0]] for key in REQUESTS}),
    ("icehouse_core_filter", "IcehouseCoreFilter", False, {"plain": _ALL, "wishes": ["h1", "h2", "h3"]}),
    ("kilo_rack_filter", "KiloRackFilter", False, {"plain": ["h1", "h3"], "wishes": ["h2"]}),
    ("liberty_weigher", "LibertyWeigher", False, {key: [[3.0, 3072], [3.0, 0], [3.0, 7168]] for key in REQUESTS}),
    ("newton_spec_filter", "NewtonSpecFilter", True, {"plain": _ALL, "wishes": ["h3"]}),
    ("pike_image_filter", "PikeImageFilter", True, {"plain": _ALL, "wishes": ["h1"]}),
    ("queens_ram_filter", "QueensRamFilter", True, {"plain": _ALL, "wishes": ["h1", "h3"]}),
    ("stein_weigher", "SteinWeigher", True, {key: [[5.0, 0.875], [2.0, 0.5], [2.0, 1.0]] for key in REQUESTS}),
    ("train_group_filter", "TrainGroupFilter", True, {"plain": _ALL, "wishes": ["h1"]}),
    ("wallaby_resize_filter", "WallabyResizeFilter", True, {"plain": _ALL, "wishes": ["h2"]}),
    ("antelope_weigher", "AntelopeWeigher", True, {key: [[1.0, -1.5], [1.0, -3.5], [1.0, 0.0]] for key in REQUESTS}),
    ("dalmatian_lazy_filter", "DalmatianLazyFilter", True, {"plain": _ALL, "wishes": ["h2"]}),
    ("epoxy_domain_filter", "EpoxyDomainFilter", True, {"plain": ["h1", "h2"], "wishes": ["h1", "h2"]}),
]
