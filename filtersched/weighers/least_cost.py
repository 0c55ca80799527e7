"""The cost functions of the first filter scheduler, as weighers.

    score = sum of <function name>_weight * function(host_state, weighing_properties)

and the lowest score wins, nothing normalised. A weigher that weighs minus the cost ranks the same
way. Rule: docs/compatibility, "cost functions".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from filtersched.errors import ConfigurationError
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.options import COST_FUNCTION_PREFIXES, cost_weight_option
from filtersched.weighers.base import BaseWeigher

CostFunction = Callable[[HostState, RequestSpec], Any]


def noop_cost_fn(_host_state: HostState, _weighing_properties: RequestSpec) -> float:
    """Cost the same everywhere."""
    return 1.0


def compute_fill_first_cost_fn(host_state: HostState, _weighing_properties: RequestSpec) -> float:
    """Cost the free memory; by its weight of -1.0 the host with the most of it wins."""
    return float(host_state.free_ram_mb)


BUILT_IN: dict[str, CostFunction] = {
    "noop_cost_fn": noop_cost_fn,
    "compute_fill_first_cost_fn": compute_fill_first_cost_fn,
}


class LeastCostWeigher(BaseWeigher):
    """Prefer hosts of low cost, by a function of the first filter scheduler."""

    option_group = "DEFAULT"
    normalized = False
    cost_function: ClassVar[CostFunction]

    def _weigh_object(self, host_state: HostState, weight_properties: RequestSpec) -> Any:
        return -type(self).cost_function(host_state, weight_properties)

    def weight_multiplier(self, _host_state: HostState) -> Any:
        """The weight of the function; no aggregate had a say in it."""
        return self.option(self.options[0].dest)

    def bind(self, values: Mapping[str, Any]) -> None:
        for name, weight in values.items():
            if weight is None:
                raise _no_weight(name)
        super().bind(values)


def _no_weight(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"[DEFAULT] {name} is not set. A cost function needs its weight: a positive one prefers low costs, a "
        "negative one high costs.",
        group="DEFAULT",
        option=name,
    )


def cost_weigher(name: str, function: CostFunction) -> type[LeastCostWeigher]:
    """The weigher class of one cost function, with the option `<name>_weight`."""
    return type(
        name,
        (LeastCostWeigher,),
        {
            "__doc__": function.__doc__,
            "__module__": getattr(function, "__module__", __name__),
            "cost_function": staticmethod(function),
            "options": (cost_weight_option(name),),
        },
    )


def is_used(name: str) -> bool:
    """Whether the first filter scheduler would have used a cost function of this name."""
    return name.startswith(COST_FUNCTION_PREFIXES)
