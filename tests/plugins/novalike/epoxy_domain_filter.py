"""31: filter_all, and a test of the image's properties that are not set."""

from nova.scheduler import filters


class EpoxyDomainFilter(filters.BaseHostFilter):
    """Leave one host of each rack."""

    def filter_all(self, filter_obj_list, spec_obj):
        if spec_obj.image is not None and spec_obj.image.properties.get("hw_machine_type") is not None:
            return list(filter_obj_list)
        seen = set()
        kept = []
        for host_state in filter_obj_list:
            racks = frozenset(a.metadata["rack"] for a in host_state.aggregates if "rack" in a.metadata)
            if racks not in seen:
                seen.add(racks)
                kept.append(host_state)
        return kept
