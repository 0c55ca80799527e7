"""Asked of a Python with Nova: what its request filters make of requests, with a list in the place of the database.

Standard input: {"cases": [{"options", "aggregates", "flavor", "image", "project", "is_bfv"}, …]}; standard output: a
list of what each request is afterwards, or the name of the exception.
"""

import json
import sys
from unittest import mock

import nova.conf
from nova import context, objects
from nova.scheduler import request_filter

CONF = nova.conf.CONF
objects.register_all()
OF_OPTIONS = {
    "query_placement_for_image_type_support": request_filter.require_image_type_support,
    "image_metadata_prefilter": request_filter.transform_image_metadata,
    "compute_status_prefilter": request_filter.compute_status_filter,
    "packed_virtqueue_prefilter": request_filter.packed_virtqueue_filter,
    "ephemeral_encryption_prefilter": request_filter.ephemeral_encryption_filter,
    "virtio_sound_prefilter": request_filter.virtio_sound_filter,
    "enable_isolated_aggregate_filtering": request_filter.isolate_aggregates,
    "limit_tenants_to_placement_aggregate": request_filter.require_tenant_aggregate,
    "availability_zone_prefilter": request_filter.map_az_to_placement_aggregate,
}


def answer(case):
    aggregates = [
        objects.Aggregate(uuid=f"{number:08d}-0000-4000-8000-000000000000", name=str(number), metadata=metadata)
        for number, metadata in enumerate(case["aggregates"])
    ]

    def by_metadata(_context, key=None, value=None):
        def is_one(metadata):
            return value in metadata.values() if key is None else metadata.get(key) == value

        return [one for one in aggregates if is_one(one.metadata)]

    def not_matching(_context, ignored, prefix, value):
        def is_one(key, said):
            return key.startswith(prefix) and said == value and key not in ignored

        return [one for one in aggregates if any(is_one(*item) for item in one.metadata.items())]

    image = objects.ImageMeta(
        id="11111111-0000-4000-8000-000000000000",
        name="image",
        disk_format=case["image"].get("disk_format", "qcow2"),
        properties=objects.ImageMetaProps.from_dict({k: v for k, v in case["image"].items() if k != "disk_format"}),
    )
    flavor = objects.Flavor(name="f", vcpus=1, memory_mb=1, root_gb=0, ephemeral_gb=0, swap=0)
    flavor.extra_specs = case["flavor"]
    spec = objects.RequestSpec(flavor=flavor, image=image, project_id=case["project"], is_bfv=case["is_bfv"])
    spec.availability_zone = case["zone"]
    spec.requested_resources = []
    spec.request_level_params = objects.RequestLevelParams()
    spec.requested_destination = objects.Destination(forbidden_aggregates=None, aggregates=None)
    for name in (*OF_OPTIONS, "placement_aggregate_required_for_tenants"):
        if name in CONF.scheduler:
            CONF.set_override(name, name in case["options"], "scheduler")
    lists = objects.aggregate.AggregateList
    with (
        mock.patch.object(lists, "get_by_metadata", by_metadata),
        mock.patch.object(lists, "get_non_matching_by_metadata_keys", not_matching),
    ):
        try:
            for name, rule in OF_OPTIONS.items():
                if name in case["options"]:
                    rule(context.get_admin_context(), spec)
        except Exception as error:
            return type(error).__name__
    destination = spec.requested_destination
    return {
        "required": sorted(spec.root_required),
        "forbidden": sorted(spec.root_forbidden),
        "aggregates": [sorted(int(one[:8]) for one in few.split(",")) for few in destination.aggregates or ()],
        "isolated": sorted(int(one[:8]) for one in destination.forbidden_aggregates or ()),
    }


print(json.dumps([answer(case) for case in json.load(sys.stdin)["cases"]]))
