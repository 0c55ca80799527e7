"""30: imports inside a method, constants of fields, a default of a standard filter's option."""

from nova.scheduler import filters
from oslo_serialization import jsonutils


class DalmatianLazyFilter(filters.BaseHostFilter):
    """Refuse hosts with other CPUs than the image's, where the host says which it has."""

    def host_passes(self, host_state, spec_obj):
        import nova.conf
        from nova.objects import fields

        assert nova.conf.CONF.filter_scheduler.max_instances_per_host == 50
        wanted = spec_obj.image.properties.hw_architecture if spec_obj.image else None
        if wanted is None or not host_state.cpu_info:
            return wanted in (None, fields.Architecture.X86_64)
        info = host_state.cpu_info
        return (jsonutils.loads(info) if isinstance(info, str) else info).get("arch") == wanted
