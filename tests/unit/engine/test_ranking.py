"""The ranking against a literal list that is sorted again for every instance."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from filtersched.engine.candidates import Candidates
from filtersched.engine.ranking import Ranking
from filtersched.engine.weighing import WeigherRunner, WeigherTerm
from filtersched.weighers.base import BaseWeigher

RAWS = st.sampled_from([0.0, 0.0, 1.0, 1.0, 2.0, 3.5, -1.0, 0.1, 0.3])
ENDS = st.sampled_from([None, None, 0.0, 1.0])
MULTIPLIERS = st.sampled_from([1.0, -1.0, 0.3, 0.0, 2.0])


def a_weigher(minval, maxval):
    kind = type("W", (BaseWeigher,), {"minval": minval, "maxval": maxval, "host_reads": ("free_ram_mb",)})
    return WeigherRunner(kind())


def clamped(raw, minval, maxval):
    raw = raw if minval is None else max(raw, minval)
    return raw if maxval is None else min(raw, maxval)


class Literal:
    """What the ranking stands for: (name, raws) in a list, weighed and sorted anew for each instance."""

    def __init__(self, raws, scales):
        self.list = [(name, raw) for name, raw in enumerate(raws)]
        self.scales = scales

    def weights(self):
        totals = [0.0] * len(self.list)
        for at, (minval, maxval, multipliers) in enumerate(self.scales):
            raw = [raws[at] for _name, raws in self.list]
            low = min(raw) if minval is None else minval
            high = max(raw) if maxval is None else maxval
            for place, (name, _raws) in enumerate(self.list):
                normal = 0.0 if low == high else (raw[place] - low) / (high - low)
                totals[place] += multipliers[name] * normal
        return totals if len(totals) > 1 else [0.0]

    def sort(self):
        order = sorted(zip(self.weights(), self.list, strict=True), key=lambda pair: -pair[0])
        self.list = [host for _weight, host in order]
        return [(host[0], weight) for weight, host in order]


@st.composite
def rankings(draw):
    count = draw(st.integers(1, 7))
    scales = draw(st.lists(st.tuples(ENDS, ENDS, st.lists(MULTIPLIERS, min_size=count, max_size=count)), max_size=3))
    raw = st.tuples(*(RAWS.map(lambda raw, one=one: clamped(raw, *one[:2])) for one in scales))
    raws = draw(st.lists(raw, min_size=count, max_size=count))
    steps = draw(st.lists(st.tuples(raw, st.sets(st.integers(0, count - 1), max_size=2)), min_size=1, max_size=8))
    top = draw(st.integers(1, 4))
    picks = draw(st.lists(st.integers(0, 3), min_size=len(steps) + 1, max_size=len(steps) + 1))
    return raws, scales, steps, draw(st.permutations(range(count))), draw(st.booleans()), top, picks


@given(rankings())
def test_one_of_the_best_is_taken_from_a_list_that_is_sorted_for_every_instance(case):
    raws, scales, steps, order, in_order, top, picks = case
    literal = Literal(raws, scales)
    candidates = Candidates(len(raws))
    if in_order:
        literal.list = [literal.list[name] for name in order]
        candidates = Candidates(len(raws), order=np.array(order, dtype=np.intp))
    names = [name for name, _raws in literal.list]
    terms = [
        WeigherTerm(
            a_weigher(minval, maxval),
            np.array([raws[name][at] for name in names], dtype=np.float64),
            np.array([multipliers[name] for name in names], dtype=np.float64),
        )
        for at, (minval, maxval, multipliers) in enumerate(scales)
    ]
    turns = iter(picks)

    def next_pick(weights):
        return min(next(turns), len(weights) - 1)

    ranking = Ranking(candidates, terms, len(steps) + 1, top=top)
    for (new, refused), pick in zip([*steps, (None, set())], picks, strict=True):
        expected = literal.sort()
        at = min(pick, top - 1, len(expected) - 1)
        literal.list.insert(0, literal.list.pop(at))
        expected.insert(0, expected.pop(at))
        place = ranking.take(next_pick)
        before, second = ranking.raws(place), ranking.runner_up()
        assert (ranking.row(place), ranking.totals.item(place)) == expected[0]
        assert (None if second is None else ranking.row(second)) == (expected[1][0] if len(expected) > 1 else None)
        assert ranking.rows(ranking.places_in_order()).tolist() == [name for name, _weight in expected]
        if new is None:
            break
        chosen = expected[0][0]
        gone = refused & dict(expected).keys()
        place_of = {ranking.row(at): at for at in range(ranking.places)}
        literal.list = [(name, new if name == chosen else old) for name, old in literal.list if name not in gone]
        ranking.drop(np.array([place_of[name] for name in gone], dtype=np.intp))
        if not ranking.count:
            break
        if chosen not in gone:
            ranking.return_chosen(place, None if ranking.count == 1 else new, before, range(len(scales)))


def the_last(weights):
    return len(weights) - 1


def test_host_at_the_front_is_looked_at_once_where_more_are_listed_in_between():
    term = WeigherTerm(a_weigher(None, None), np.arange(8.0)[::-1].copy(), 1.0)
    ranking = Ranking(Candidates(8), [term], 2, top=3)
    first = ranking.take(the_last)
    ranking.drop(np.array([first, 3, 4], dtype=np.intp))
    assert (first, ranking.take(the_last)) == (2, 5)
