"""One driver that keeps the rules, and one that does not."""

from filtersched import FilterScheduler


class LastScheduler(FilterScheduler):
    """Choose the worst host."""

    def select(self, ranked, chance):
        return ranked[::-1]


class LosingScheduler(FilterScheduler):
    """Decide, and commit nothing."""

    def place(self, spec, pool, instance_uuids=None, **options):
        return self.select_destinations(spec, pool, instance_uuids, **options)
