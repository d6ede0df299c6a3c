"""Each strategy on small tables whose right answer is known, and its errors."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from mitofm.data.splits.annotation import Annotation
from mitofm.data.splits.domain_count import DomainCount
from mitofm.data.splits.external import External
from mitofm.data.splits.in_domain import InDomain
from mitofm.data.splits.kfold import KFold
from mitofm.data.splits.leave_one_out import LeaveOneOut
from mitofm.data.splits.make import make
from mitofm.data.splits.part import Split
from mitofm.data.splits.single_domain import SingleDomain
from mitofm.ground.errors import Infeasible, MitofmError, unknown


def table(**slides: int) -> pd.DataFrame:
    """`slides` of each domain, with 6 negative and 6 positive samples on each slide; "tiny" domains hold 2 and 2."""
    rows = [
        {"domain": domain, "slide": f"{domain}{number}", "label": label}
        for domain, count in slides.items()
        for number in range(count)
        for label in [0, 1] * (2 if domain.startswith("tiny") else 6)
    ]
    samples = pd.DataFrame(rows)
    return samples.assign(
        sample_id=[f"c{i:04d}" for i in range(len(samples))],
        dataset=samples["domain"].str.upper(),
        image=samples["slide"],
    )


def slides(split: Split, part: str, evaluation_set: str = "") -> set[str]:
    frame = split.frame
    return set(frame.loc[(frame["part"] == part) & (frame["evaluation_set"] == evaluation_set), "slide"])


def test_in_domain_takes_shares_of_each_domain_and_tests_small_domains_out_of_domain() -> None:
    split = make(InDomain(name="in_domain"), table(lung=10, skin=5, tiny=3), 1.0, 0)
    parts = split.frame.groupby(["domain", "part"])["slide"].nunique().to_dict()
    assert parts == {
        ("lung", "test"): 2, ("lung", "validation"): 2, ("lung", "train"): 6,
        ("skin", "test"): 1, ("skin", "validation"): 1, ("skin", "train"): 3,
        ("tiny", "test"): 3,
    }  # fmt: skip
    assert slides(split, "test", "out_of_domain") == {"tiny0", "tiny1", "tiny2"}
    assert {name[:4] for name in slides(split, "test", "in_domain")} == {"lung", "skin"}
    assert split.test_only == ("tiny",)
    assert split.strategy == "in_domain"


def test_single_domain_trains_on_one_and_tests_on_the_test_slides_of_all() -> None:
    samples = table(lung=10, skin=5, tiny=3)
    split = make(SingleDomain(name="single_domain", domain="skin"), samples, 1.0, 0)
    assert {name[:4] for name in slides(split, "train") | slides(split, "validation")} == {"skin"}
    assert {name[:4] for name in slides(split, "test", "in_domain")} == {"skin"}
    out = slides(split, "test", "out_of_domain")
    assert {"tiny0", "tiny1", "tiny2"} < out
    assert len([name for name in out if name.startswith("lung")]) == 2
    assert len(slides(split, "unused")) == 8
    assert split.test_only == ("tiny",)


def test_leave_one_out_tests_on_all_of_the_domain_left_out_and_on_no_other_in_its_set() -> None:
    samples = table(lung=10, skin=5, tiny=3)
    split = make(LeaveOneOut(name="leave_one_out", domain="lung"), samples, 1.0, 0)
    assert slides(split, "test", "out_of_domain") == {f"lung{i}" for i in range(10)}
    assert {name[:4] for name in slides(split, "test", "in_domain")} == {"skin"}
    assert slides(split, "unused") == {"tiny0", "tiny1", "tiny2"}
    assert split.test_only == ("tiny",)


def test_leave_one_out_may_leave_out_a_domain_too_small_to_train() -> None:
    split = make(LeaveOneOut(name="leave_one_out", domain="tiny"), table(lung=10, tiny=3), 1.0, 0)
    assert slides(split, "test", "out_of_domain") == {"tiny0", "tiny1", "tiny2"}
    assert split.test_only == ()


def test_domains_may_be_scanners() -> None:
    samples = table(lung=6, skin=6)
    samples["scanner"] = ["XR" if name.endswith(("0", "1", "2")) else "CS2" for name in samples["slide"]]
    split = make(LeaveOneOut(name="leave_one_out", by="scanner", domain="XR"), samples, 1.0, 0)
    assert slides(split, "test", "out_of_domain") == {f"{d}{i}" for d in ("lung", "skin") for i in range(3)}
    assert set(split.frame["domain"]) == {"lung", "skin"}


def test_leave_one_out_says_what_else_is_left_out() -> None:
    samples = table(lung=4, skin=6)
    samples["scanner"] = [
        "XR" if name in ("lung0", "lung1", "lung2", "lung3", "skin0") else "CS2" for name in samples["slide"]
    ]
    by_scanner = make(LeaveOneOut(name="leave_one_out", by="scanner", domain="XR"), samples, 1.0, 0)
    assert by_scanner.confounded_with == {"domain lung": 1.0}
    by_domain = make(LeaveOneOut(name="leave_one_out", domain="lung"), samples, 1.0, 0)
    assert by_domain.confounded_with == {"scanner XR": pytest.approx(0.8)}
    assert make(LeaveOneOut(name="leave_one_out", domain="lung"), table(lung=4, skin=6), 1.0, 0).confounded_with == {}


def test_every_slide_tests_in_one_fold() -> None:
    samples = table(lung=7, skin=5)
    tests = [slides(make(KFold(name="kfold", fold=k, folds=4), samples, 1.0, 3), "test", "in_domain") for k in range(4)]
    assert sum(len(fold) for fold in tests) == 12
    assert set.union(*tests) == set(samples["slide"])


def test_external_names_its_evaluation_sets_after_the_data_sets() -> None:
    samples = table(lung=5, skin=3, breast=2, brain=2)
    split = make(External(name="external", train_on="LUNG", test_on=["SKIN", "BREAST"]), samples, 1.0, 0)
    assert len(slides(split, "train")) == 4
    assert len(slides(split, "validation")) == 1
    assert slides(split, "test", "SKIN") == {"skin0", "skin1", "skin2"}
    assert slides(split, "test", "BREAST") == {"breast0", "breast1"}
    assert slides(split, "unused") == {"brain0", "brain1"}


def test_a_slide_that_both_data_sets_hold_tests_and_does_not_train() -> None:
    samples = table(lung=6, skin=3).replace({"slide": {"skin0": "lung0"}})
    split = make(External(name="external", train_on="LUNG", test_on="SKIN"), samples, 1.0, 0)
    assert slides(split, "test", "SKIN") == {"lung0", "skin1", "skin2"}
    assert slides(split, "train") | slides(split, "validation") == {f"lung{i}" for i in range(1, 6)}
    assert split.frame.loc[samples["dataset"].eq("LUNG") & samples["slide"].eq("lung0"), "part"].eq("unused").all()
    same = samples[samples["slide"] == "lung0"]
    with pytest.raises(Infeasible, match=r"every slide of split\.train_on=LUNG is one of split\.test_on"):
        make(External(name="external", train_on="LUNG", test_on=["SKIN"]), same, 1.0, 0)


def test_an_unknown_domain_is_named_with_those_there_are() -> None:
    samples = table(lung=5, skin=5)
    for strategy in (SingleDomain(name="s", domain="lungs"), LeaveOneOut(name="l", domain="lungs")):
        with pytest.raises(MitofmError) as error:
            make(strategy, samples, 1.0, 0)
        assert str(error.value) == str(unknown("domain", "lungs", ["lung", "skin"], "this data set"))


def test_the_only_domain_can_train_and_cannot_be_left_out() -> None:
    samples = table(lung=5)
    assert len(slides(make(SingleDomain(name="s", domain="lung"), samples, 1.0, 0), "train")) == 3
    for strategy in (LeaveOneOut(name="l", domain="lung"), DomainCount(name="d", domain="lung", count=1)):
        with pytest.raises(Infeasible, match=r"split.domain=lung is the only domain of this data set: without it"):
            make(strategy, samples, 1.0, 0)


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        (2021, r"""split.domain=2021 is read as a number: write split.domain="'2021'". There is: lung"""),
        (None, "split.domain=None is no scanner. There is: lung"),
        (["lung"], r"split.domain=\['lung'\] is no scanner"),
    ],
)
def test_a_domain_that_is_no_word_is_refused(domain: Any, says: str) -> None:
    samples = table(lung=5, skin=5).assign(scanner=lambda t: t["domain"])
    with pytest.raises(MitofmError, match=says):
        make(SingleDomain(name="s", domain=domain, by="scanner"), samples, 1.0, 0)


def test_folds_without_validation() -> None:
    split = make(KFold(name="kfold", folds=2, validation_share=None), table(lung=2), 1.0, 0)
    assert [len(split.rows(part)) for part in ("train", "validation", "test")] == [12, 0, 12]


def test_a_domain_too_small_to_train_is_infeasible_with_its_counts() -> None:
    with pytest.raises(
        Infeasible, match=r"domain 'tiny' can only be a test domain: its 3 slides hold 6 positive and 6"
    ):
        make(SingleDomain(name="s", domain="tiny"), table(lung=5, tiny=3), 1.0, 0)


def test_a_slide_in_two_domains_is_refused() -> None:
    samples = table(lung=5, skin=5).replace({"slide": {"skin3": "lung2"}})
    with pytest.raises(MitofmError, match=r"slide 'lung2' lies in more than one domain: 'lung', 'skin' \(1 such"):
        make(InDomain(name="in_domain"), samples, 1.0, 0)


def test_domains_that_the_table_cannot_tell_are_refused() -> None:
    samples = table(lung=5)
    with pytest.raises(MitofmError, match=r"no column 'scanner'. It has: domain"):
        make(InDomain(name="in_domain", by="scanner"), samples, 1.0, 0)
    with pytest.raises(MitofmError, match=r"unknown split.by 'organ'"):
        make(InDomain(name="in_domain", by="organ"), samples, 1.0, 0)


def test_settings_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(MitofmError, match=r"unknown split.fold '5' in split.folds=5.*There is: 0, 1, 2, 3, 4"):
        KFold(name="kfold", fold=5)
    with pytest.raises(MitofmError, match="at least 2 folds"):
        KFold(name="kfold", folds=1)
    with pytest.raises(MitofmError, match=r"B is in split.train_on and in split.test_on"):
        External(name="external", train_on=["A", "B"], test_on="B")
    with pytest.raises(MitofmError, match=r"unknown split.fraction_unit 'slides'"):
        InDomain(name="in_domain", fraction_unit="slides")
    for strategy in (InDomain(name="i", test_share=1.0), Annotation(name="a", test_share=0.0)):
        with pytest.raises(MitofmError, match=r"split.test_share=\d.0 is not between 0 and 1"):
            make(strategy, table(lung=5), 1.0, 0)
    with pytest.raises(MitofmError, match=r"unknown split.test_on 'BRIAN' in this table. Did you mean 'BRAIN'"):
        make(External(name="e", train_on="LUNG", test_on="BRIAN"), table(lung=5, brain=2), 1.0, 0)
    with pytest.raises(MitofmError, match=r"split.test_on is empty. There is: BRAIN, LUNG"):
        make(External(name="e", train_on="LUNG", test_on=[]), table(lung=5, brain=2), 1.0, 0)


def test_more_folds_or_training_slides_than_there_are_is_infeasible() -> None:
    with pytest.raises(Infeasible, match="3 slides, 3 with positive and 3 with negative samples, cannot make 5 folds"):
        make(KFold(name="kfold"), table(lung=3), 1.0, 0)
    with pytest.raises(Infeasible, match="1 slides with 6 positive and 6 negative samples are left for training"):
        make(External(name="e", train_on="LUNG", test_on="SKIN"), table(lung=1, skin=3), 1.0, 0)


def test_a_number_of_slides_can_be_bought() -> None:
    strategy = InDomain(name="in_domain", fraction_unit="slide")
    samples = table(lung=10)
    two, four = make(strategy, samples, 2, 0), make(strategy, samples, 4, 0)
    assert len(slides(two, "train")) == 2
    assert slides(two, "train") < slides(four, "train")
    assert len(slides(two, "validation")) == 1
    assert slides(two, "test", "in_domain") == slides(four, "test", "in_domain")
    with pytest.raises(Infeasible, match="fraction=7 slides were asked for, but the training side has 6"):
        make(strategy, samples, 7, 0)
