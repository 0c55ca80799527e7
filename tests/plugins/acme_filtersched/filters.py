from oslo_config import cfg

from filtersched.filters import BaseHostFilter


class MaxLoadFilter(BaseHostFilter):
    """Refuse hosts whose load average is above ``[acme] max_load``."""

    options = (cfg.FloatOpt("max_load", default=8.0, min=0, help="Highest load accepted."),)
    option_group = "acme"

    def host_passes(self, host_state, spec):
        return host_state.capabilities.get("load", 0.0) <= self.option("max_load")

    def rejection_reason(self, host_state, spec):
        return f"load {host_state.capabilities['load']} is above {self.option('max_load')}"
