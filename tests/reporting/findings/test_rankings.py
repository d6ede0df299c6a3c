from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import TYPE_CHECKING

from mitofm.evaluation.verdicts import compare_all
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import rankings

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]


def test_a_rank_holds_those_that_are_not_surely_higher_or_lower(study: Study, measure: Measure) -> None:
    study.grid(adaptation=["linear_probe", "lora", "full"], backbone=["uni", "virchow2"], seed=[42, 43, 44], slides=[8])
    measured = measure(study)
    found = rankings.rank(measured.stored, measured.primary)
    assert [one.rank for one in found] == [1, 2, 3, 4, 5, 6]
    assert any((one.best, one.worst) != (1, 6) for one in found)
    pairs = list(combinations(found, 2))
    differences = [measured.stored.compare(one.result, other.result).difference for one, other in pairs]
    opposite = {"higher": "lower", "lower": "higher"}
    together = {
        frozenset((one.rank, other.rank)): {one.rank: each.verdict, other.rank: opposite.get(each.verdict, "")}
        for (one, other), each in zip(pairs, compare_all(differences, 6), strict=True)
    }
    for one in found:
        said = [together[frozenset((one.rank, other.rank))].get(one.rank) for other in found if other is not one]
        assert (one.best, one.worst) == (1 + said.count("lower"), 6 - said.count("higher"))
        assert one.best <= one.rank <= one.worst
    (sentence,) = rankings.describe(found)
    for one, start in product(found, ["May be the best of 6"]):
        assert sentence.startswith(start)
        assert (one.result.named in sentence) == (one.best == 1)


def test_one_seed_orders_nothing(study: Study, measure: Measure) -> None:
    study.grid(adaptation=["linear_probe", "lora", "full"], slides=[8])
    measured = measure(study)
    found = rankings.rank(measured.stored, measured.primary)
    assert {(one.best, one.worst) for one in found} == {(1, 3)}
    assert rankings.describe(found) == ["Each of the 3 may be the best (tested all test slides): no order is certain."]


def test_rankings_compare_a_domain_with_the_mean_of_the_others(study: Study, measure: Measure) -> None:
    study.grid(adaptation=["linear_probe", "lora", "full"], domains=[("breast", "lung")])
    measured = measure(study)
    results = measured.domains
    values = {(r.set, r.configuration.adaptation): r.auroc.value for r in results}
    found = rankings.compare_orders(measured.stored, results)
    assert [one.domain for one in found] == ["breast", "lung"]
    for one, other in zip(found, reversed(found), strict=True):
        best = max(("linear_probe", "lora", "full"), key=lambda name: values[f"domain:{one.domain}", name])
        assert one.best == other.best_elsewhere == f"uni, {best}"
        assert one.tau == other.tau
        assert -1 <= one.low <= one.high <= 1
    assert -1 <= found[0].tau <= 1
    assert len(rankings.tabulate_agreements(found).full) == 2
