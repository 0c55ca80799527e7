"""Planning on the public API: traces simulated, configurations compared, moves of instances.

May import: inventory, schedulers, loading, filters, plugins, results, hosts, requests, settings, columns, errors,
whole_file.
"""

from filtersched.planning.audit import Audit, Broken, audit
from filtersched.planning.capacity import capacity
from filtersched.planning.capacity_result import Capacity, KindCapacity, Survival
from filtersched.planning.comparing import NothingToCompare, compare
from filtersched.planning.comparison import Comparison
from filtersched.planning.journal import Journal
from filtersched.planning.move_plan import ClusterState, Move, MovePlan, Staying
from filtersched.planning.moves import plan_moves
from filtersched.planning.outcome import NO_FILTER, Outcome
from filtersched.planning.preemption import PreemptionPlan, Victim, plan_preemption
from filtersched.planning.runs import Configuration
from filtersched.planning.sample_trace import sample_trace
from filtersched.planning.simulation import Simulation
from filtersched.planning.trial import Trial, simulate
from filtersched.planning.waves import Wave, WavePlan, plan_waves

__all__ = [
    "NO_FILTER",
    "Audit",
    "Broken",
    "Capacity",
    "ClusterState",
    "Comparison",
    "Configuration",
    "Journal",
    "KindCapacity",
    "Move",
    "MovePlan",
    "NothingToCompare",
    "Outcome",
    "PreemptionPlan",
    "Simulation",
    "Staying",
    "Survival",
    "Trial",
    "Victim",
    "Wave",
    "WavePlan",
    "audit",
    "capacity",
    "compare",
    "plan_moves",
    "plan_preemption",
    "plan_waves",
    "sample_trace",
    "simulate",
]
