"""Schedulers made of the filters and weighers that a test module defines."""

from __future__ import annotations

from filtersched import FilterScheduler, make_conf


def scheduler_maker(module, *, use_engine):
    """A function that makes a scheduler; it takes class names of `module` and of the library, with commas between."""
    ours = vars(module)

    def path(name: str) -> str:
        return f"{module.__name__}.{name}" if name in ours else name

    def made(filters="RamFilter", weighers="RAMWeigher", **options) -> FilterScheduler:
        names = [name for name in filters.split(",") if name]
        conf = make_conf(
            available_filters=["standard_filters", *(path(name) for name in names if name in ours)],
            enabled_filters=names,
            weight_classes=[path(name) for name in weighers.split(",") if name],
            **options,
        )
        return FilterScheduler(conf, use_engine=use_engine)

    return made
