"""The cards of the published data sets, and the comparison of a table with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from omegaconf import OmegaConf

from mitofm.data.annotations import validate
from mitofm.data.card import Card, compare_counts
from mitofm.data.dataset import Dataset
from mitofm.data.sources.coco import Coco
from mitofm.ground.config import conf_dir

# As their authors publish them: images, mitotic figures, hard negatives of each domain.
BREAST, MAST, LYMPHOMA = (150, 1721, 2714), (50, 2327, 1366), (55, 3959, 4257)
PUBLISHED = {
    "midogpp": [BREAST, (44, 855, 951), LYMPHOMA, MAST, (55, 639, 1761), (100, 1286, 2375), (49, 1150, 925)],
    "midog2022": [BREAST, (44, 855, 952), LYMPHOMA, MAST, (55, 639, 1762)],
    "ccmct": [(32, 44880, 27965)],
}
SUMS = {"midogpp": (503, 11_937, 14_349), "midog2022": (354, 9_501, 11_051), "ccmct": (32, 44_880, 27_965)}


def dataset(name: str, tmp_path: Path) -> Dataset:
    config = OmegaConf.create(
        {"paths": {"data": str(tmp_path)}, "data": OmegaConf.load(conf_dir() / "data" / f"{name}.yaml")}
    )
    return Dataset(OmegaConf.to_container(config, resolve=True)["data"], tmp_path)  # type: ignore[call-overload,index]


def card(name: str, tmp_path: Path) -> Card:
    return dataset(name, tmp_path).card


def table(of: Card) -> pd.DataFrame:
    """A table with the counts of the card, its samples spread over the images."""
    assert of.counts is not None
    rows = [
        (f"{domain}-{number}", f"{domain}/{number % known['images']}.tiff", int(number < known["positive"]), domain)
        for domain, known in of.counts.items()
        for number in range(known["positive"] + known["negative"])
    ]
    samples = pd.DataFrame(rows, columns=["sample_id", "image", "label", "domain"])
    return validate(samples.assign(dataset=of.name, slide=samples["image"], x=1, y=2), of.name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_counts_are_the_published_ones(tmp_path: Path, name: str) -> None:
    counts = card(name, tmp_path).counts
    assert counts is not None
    assert [tuple(known.values()) for known in counts.values()] == PUBLISHED[name]
    assert all(list(known) == ["images", "positive", "negative"] for known in counts.values())
    assert tuple(sum(column) for column in zip(*PUBLISHED[name], strict=True)) == SUMS[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_table_with_these_counts_passes_and_one_with_a_row_missing_does_not(tmp_path: Path, name: str) -> None:
    of = card(name, tmp_path)
    whole = table(of)
    assert compare_counts(of, whole) == []
    for label, word in ((1, of.positive), (0, of.negative)):
        gone = whole.index[whole["label"] == label][7]
        said = compare_counts(of, whole.drop(index=gone))
        domain = whole["domain"][gone]
        number = (whole["domain"].eq(domain) & whole["label"].eq(label)).sum()
        assert said == [f"domain {domain!r}: {number - 1} {word}s, the card says {number}"]


def midog_json(of: Card, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """A JSON as MIDOG publishes it: file numbers, corner boxes and categories, with as many samples as the card says."""
    assert of.counts is not None
    images = {domain: [] for domain in of.counts}
    for rule in rules:
        images[rule["domain"]] += range(rule["files"][0], rule["files"][1] + 1)
    samples = [
        (images[domain][number % len(images[domain])], 1 if number < known["positive"] else 2)
        for domain, known in of.counts.items()
        for number in range(known["positive"] + known["negative"])
    ]
    return {
        "images": [{"id": n, "file_name": f"{n:03d}.tiff", "width": 7215, "height": 5412} for n in range(1, 554)],
        "categories": [{"id": 1, "name": "mitotic figure"}, {"id": 2, "name": "not mitotic figure"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": [10, 20, 60, 70]}
            for n, (image, category) in enumerate(samples, start=1)
        ],
    }


@pytest.mark.parametrize("name", ["midogpp", "midog2022", "midog2021"])
def test_the_shipped_config_gives_files_of_that_format_the_counts_of_the_card(tmp_path: Path, name: str) -> None:
    data = dataset(name, tmp_path)
    source = data.source
    assert isinstance(source, Coco)
    source.root.mkdir()
    content = midog_json(data.card, list(source.domains))
    file = source.file if isinstance(source.file, str) else source.file[0]
    (path := source.root / file).write_text(json.dumps(content))
    assert compare_counts(data.card, source.table()) == []
    content["annotations"].pop()
    path.write_text(json.dumps(content))
    assert len(compare_counts(data.card, source.table())) == 1


@pytest.fixture
def small(tmp_path: Path) -> Card:
    return replace(
        card("midogpp", tmp_path), counts={"a": {"images": 2, "positive": 2, "negative": 3}, "b": {"positive": 1}}
    )


def test_a_domain_more_or_less_is_said(small: Card) -> None:
    samples = pd.DataFrame({"image": ["1", "2", "1", "1", "1"], "label": [1, 1, 0, 0, 0], "domain": "a"})
    assert compare_counts(small, samples) == ["domain 'b' of the card is not in the table"]
    other = pd.concat([samples, samples.iloc[:1].assign(domain="b"), samples.iloc[:1].assign(domain="c")])
    assert compare_counts(small, other) == ["domain 'c' of the table is not in the card"]


def test_only_what_the_card_knows_is_compared(small: Card) -> None:
    a = pd.DataFrame({"image": ["1", "1", "1", "1", "1"], "label": [1, 1, 0, 0, 0], "domain": "a"})
    b = pd.DataFrame({"image": ["3", "4"], "label": [1, 0], "domain": "b"})  # of b only the positive samples are known
    assert compare_counts(small, pd.concat([a, b])) == ["domain 'a': 1 images, the card says 2"]
    assert compare_counts(replace(small, counts=None), a) == []


@pytest.mark.parametrize("path", sorted((conf_dir() / "data").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_card_counts_in_known_words_and_says_what_a_download_costs(path: Path, tmp_path: Path) -> None:
    of = card(path.stem, tmp_path)
    for domain, known in (of.counts or {}).items():
        assert set(known) <= {"images", "positive", "negative"}, domain
        assert all(isinstance(number, int) and number > 0 for number in known.values()), domain
    assert of.licence
    assert of.download_gb is None or of.download_gb > 0
    assert set(of.overlaps) <= {file.stem for file in path.parent.glob("*.yaml")} - {path.stem}


@pytest.mark.parametrize("name", sorted(path.stem for path in (conf_dir() / "data").glob("*.yaml")))
def test_the_rules_that_messages_name_can_be_typed(name: str) -> None:
    """A key that a card does not have is unknown on a command line: `data.padded=keep keeps them` must not be refused."""
    found = OmegaConf.load(conf_dir() / "data" / f"{name}.yaml")
    assert {"outside", "padded"} & set(found) or name == "synthetic"
    assert "patients" in found or not name.startswith("own_")
