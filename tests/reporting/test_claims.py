"""What READMEs claim of the study that ships is what its stored predictions say, to the printed digit and word."""

from __future__ import annotations

import re
from pathlib import Path

from mitofm.evaluation.comparisons import Comparisons
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.configurations import group_cells
from mitofm.reporting.estimates import Stored, measure
from mitofm.reporting.findings import stated
from mitofm.reporting.findings.domain_shift import measure_gaps
from mitofm.reporting.kept import Kept
from mitofm.reporting.numbers import format_difference
from mitofm.runs.bundle import open_unpacked
from mitofm.runs.collect import collect

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
CLAIM = r"[+-]\d\.\d{3} \([+-]\d\.\d{3} to [+-]\d\.\d{3}\)"


def spell(difference: Estimate) -> str:
    """As READMEs print it."""
    return format_difference(difference).replace("\N{MINUS SIGN}", "-")


def test_the_readme_of_nano_says_what_its_stored_study_answers(tmp_path: Path) -> None:
    text = (EXPERIMENTS / "pretrain_nano" / "README.md").read_text()
    worth = text[text.index("## What it is worth") : text.index("**On real crops**")]
    with open_unpacked(EXPERIMENTS / "nano_study" / "nano_study.zip") as bundle:
        collected = collect(bundle.runs, bundle.study)
        stored = Stored(collected, Kept(tmp_path))
        results = measure(stored, [group for group in group_cells(collected) if group.done])
        answers, _ = stated.answer(stored, results, Comparisons.from_config(collected.stated))
        gaps = measure_gaps(stored, results)
    said = {one.question: (spell(one.corrected), one.outcome) for one in answers}
    table = re.findall(rf"\| (\w+) \| (\d+) % \|.*\| ({CLAIM}), (\w+) \|", worth)
    assert len(table) == 4
    for adaptation, share, numbers, outcome in table:
        under = "under_full_" if adaptation == "full" else ""
        assert said.pop(f"nano_over_its_twin_{under}at_{share}_percent") == (numbers, outcome)
    (tenth, outcome) = re.search(
        rf"({CLAIM}) balanced accuracy on the four seeds that have both, (\w+)", worth
    ).groups()
    assert said == {"a_tenth_of_the_labels_for_lora": (tenth, outcome)}
    told = {gap.configuration.train_domain: gap.difference for gap in gaps}
    decided = {domain: found for domain, found in told.items() if found.verdict == "higher"}
    assert list(decided) == ["canine cutaneous mast cell tumor"]
    (numbers,) = re.findall(rf"({CLAIM}) for mast cell tumor", worth)
    assert spell(decided["canine cutaneous mast cell tumor"]) == numbers
    assert "not decided for the other six" in worth
    assert [found.verdict for found in told.values()].count("not decided") == 6
