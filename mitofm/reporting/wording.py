"""Words for readers who run no experiments: of adaptations, of test sets, of verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN
from mitofm.evaluation.statistics import HIGHER, LOWER, Estimate
from mitofm.reporting.measured.configurations import SLIDES, Configuration
from mitofm.reporting.measured.results import ALL, Result
from mitofm.reporting.numbers import explain_outcome, format_difference, name_set

_MEANT = {
    "linear_probe": "a linear layer on the frozen model",
    "knn": "the nearest training samples vote, the model frozen",
    "prototype": "the nearer class mean, the model frozen",
    "mlp_probe": "a small network on the frozen model",
    "attentive_probe": "a learned look at the frozen model's patches",
    "lora": "small trained additions to the model",
    "dora": "small trained additions to the model",
    "bitfit": "biases alone are trained",
    "prompt": "learned inputs to the frozen model",
    "full": "all weights are trained",
    "lp_ft": "a linear layer first, then all weights",
    "scratch": "all weights are trained, from random ones",
}
FEW = 4
"""Up to so many names are told; more are counted."""
_EXPLAINED = 2
"""Of up to so many domains it is told what is missing with them; more are counted."""
_OF = {IN_DOMAIN: "the domains trained on", ALL: "the data set"}
_DECIDED = {HIGHER: f"decided: {HIGHER}", LOWER: f"decided: {LOWER}"}


def explain_adaptation(name: str) -> str:
    """An adaptation with what it means, if it is one that ships."""
    meant = _MEANT.get(name)
    return f"{name} ({meant})" if meant else name


def name_tested(name: str, left_out: Sequence[str] = (), leaks: bool = False) -> str:
    """An evaluation set as slides.

    Args:
        name: of the set.
        left_out: the domains that were left out of training, if they are few.
        leaks: whether slides that were trained on are among them: then none is called another one.
    """
    if name == OUT_OF_DOMAIN:
        domains = f"{list_words(left_out)}, which was" if left_out else "domains that were"
        return f"slides of {domains} never trained on"
    if name == ALL and not leaks:
        return "slides that were not trained on"
    return f"{'test slides' if leaks else 'new slides'} of {_OF.get(name, name_set(name))}"


def spell_difference(found: Estimate) -> str:
    """A difference, its interval and whether it is decided."""
    return f"{format_difference(found)}, {spell_verdict(found)}"


def spell_verdict(found: Estimate) -> str:
    """Whether a difference is decided, and how."""
    return _DECIDED.get(found.verdict) or explain_outcome(found.verdict, found)


def list_differences(differences: Mapping[str, Estimate], by: str = "") -> str:
    """Several, each after its name and `by`; a verdict that all share is said once."""
    verdicts = {spell_verdict(found) for found in differences.values()}
    if len(verdicts) > 1 or len(differences) == 1:
        return "; ".join(f"{name} {by}{spell_difference(found)}" for name, found in differences.items())
    told = "; ".join(f"{name} {by}{format_difference(found)}" for name, found in differences.items())
    return f"{told}: each {verdicts.pop()}"


def tell_confounded(results: Iterable[Result]) -> str:
    """What else was missing from training with the domain that is left out and tested, in brackets; "" if nothing."""
    said = {one.configuration.left_out: one.confounded for one in results if one.confounded}
    if len(said) > _EXPLAINED:
        return f" (with {len(said)} of the domains left out more is missing from training: the cautions say what)"
    return f" (missing from training, too: {'; '.join(dict.fromkeys(said.values()))})" if said else ""


def spell_amounts(keys: Iterable[Configuration]) -> str:
    """The amounts of labels of configurations, from the least to the most."""
    ordered = sorted(keys, key=lambda key: key.fraction)
    shares = list(dict.fromkeys(key.share for key in ordered))
    words = list_words(shares) if len(shares) <= FEW else f"{shares[0]} to {shares[-1]}"
    return f"the labels of {words}" if ordered and ordered[0].fraction_unit == SLIDES else f"{words} of the labels"


def name_one(what: str) -> str:
    """One of a class, with its article: "a mitotic figure", "an atypical mitotic figure"."""
    return f"{'an' if what[:1].lower() in set('aeiou') else 'a'} {what}"


def list_few(words: Sequence[str], what: str) -> str:
    """The words, or how many there are of `what` if they are many."""
    return list_words(words) if len(words) <= FEW else f"{len(words)} {what}"


def list_words(words: Sequence[str]) -> str:
    """ "a, b and c"."""
    *most, last = words or ("",)
    return f"{', '.join(most)} and {last}" if most else last


def pick_left_out(results: Sequence[Result]) -> list[str]:
    """The domain that none of the results' cells trained on, if it is one."""
    names = [one.configuration.left_out for one in results]
    return [names[0]] if names and names[0] and len(set(names)) == 1 else []
