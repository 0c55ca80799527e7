"""Planning on the public API: traces simulated, configurations compared.

May import: inventory, schedulers, results, hosts, requests, settings, columns, errors, whole_file.
"""

from filtersched.planning.outcome import NO_FILTER, Outcome
from filtersched.planning.simulation import Simulation
from filtersched.planning.trial import Trial, simulate

__all__ = ["NO_FILTER", "Outcome", "Simulation", "Trial", "simulate"]
