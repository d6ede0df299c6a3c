"""What the shipped cards read of the files that the authors publish: `make published` writes it into docs/data.md.

The files lie beside the project, in ../shared/data/published, or in the folder that is given; nothing of them is kept.
Images are not needed: counts are those of the annotation tables. Crops that a source must find are stood in for by empty
files of their names.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mitofm.commands.composing.compose import compose, list_group
from mitofm.data.card import compare_counts
from mitofm.data.dataset import Dataset
from mitofm.ground.errors import MitofmError
from mitofm.runs.resolve import plain

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "data.md"
PUBLISHED = ROOT.parent / "shared" / "data" / "published"
BEGIN, END = "<!-- published -->\n", "<!-- /published -->\n"


@dataclass(frozen=True)
class Published:
    """One of the files.

    Attributes:
        card: the config that reads it, under its published name.
        settings: what the command says further, by key of `data.source`; only of a file that is no list of samples.
        place: where it lies in the folder of the data set.
        beside: other published files that must lie there.
        crops: makes the names of the crops that its authors publish beside it, from its rows.
        what: it is, if its counts do not say.
    """

    card: str
    settings: Mapping[str, str] = field(default_factory=dict)
    place: str = "."
    beside: tuple[str, ...] = ()
    crops: Callable[[Mapping[str, str]], str] | None = None
    what: str = ""


def of_ami_br(row: Mapping[str, str]) -> str:
    """As DeepMicroscopy/AMi-Br has it."""
    return f"patches/{'atypical' if row['majority_atypical'] == 'True' else 'normal'}/{row['dataset']}_{row['uid']}.png"


def of_atnorm_md(row: Mapping[str, str]) -> str:
    """As the folder AtNorM-MD of DeepMicroscopy/AMi-Br_Benchmark has it."""
    return f"{row['Majority']}/{row['Filename']}"


FILES = {
    "MIDOG++.json": Published("midogpp"),
    "datasets_xvalidation.csv": Published(
        "midogpp",
        {
            "data.source.cases": "{file: datasets_xvalidation.csv, image: Slide, domain: Tumor, scanner: Scanner, "
            "species: Species}",
            "data.source.spelling": "{Hamammatsu XR: Hamamatsu XR}",
            "data.source.domains": "null",
        },
        beside=("MIDOG++.json",),
        what="no list of samples but a table of cases: `split=authors` reads its parts; here it is read for tumor, scanner and species",
    ),
    "MIDOGpp.csv": Published("study_midogpp"),
    "MIDOG2022_training_tiff.csv": Published("study_midog2022"),
    "MITOS_WSI_CCMCT_ODAEL_binary_labels.csv": Published("study_ccmct"),
    "MITOS_WSI_CCMCT_Tumorzone.sqlite": Published(
        "ccmct", {"data.source.file": "MITOS_WSI_CCMCT_Tumorzone.sqlite"}, what="no samples"
    ),
    "TUPAC_alternativeLabels_augmented_training.sqlite": Published("tupac16_alternative"),
    "sr_TUPAC.sqlite": Published("tupac16"),
    "AMI-BR.csv": Published("ami_br", crops=of_ami_br),
    "AtNorM-MD_expert_votes.csv": Published("atnorm_md", crops=of_atnorm_md),
}


def table(published: Path) -> str:
    """The table of all files of the folder, in Markdown."""
    lines = ["| published file | command | what is read |", "|---|---|---|"]
    for path in sorted(published.iterdir(), key=lambda path: path.name.casefold()):
        if path.name != "README.md":
            command, read = row(path)
            lines.append(f"| `{path.name}` | {command} | {read} |")
    return "\n".join(lines) + "\n"


def row(path: Path) -> tuple[str, str]:
    """The command that reads a file, and what it reads or why it does not."""
    how = FILES.get(path.name)
    if how is None or how.card not in list_group("data"):
        return "none", "no card reads it"
    asked = [f"data={how.card}", *(f"{key}={value}" for key, value in how.settings.items())]
    shown = " ".join(f"'{one}'" if set(" {[") & set(one) else one for one in asked)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / how.card
        lay_out(path, how, root)
        config = plain(compose("prepare", [*asked, f"paths.data={folder}", f"data.source.root={root}"]))
        try:
            dataset = Dataset(config["data"], Path(folder) / "cache")
            found = counts(dataset, dataset.source.table())
        except MitofmError as error:
            found = f"refused: {str(error).replace(f'{root}/', '')}"
    return f"`mitofm prepare {shown}`", f"{how.what}: {found}" if how.what else found


def lay_out(path: Path, how: Published, root: Path) -> None:
    """The file in the folder of its data set, with stand-ins for crops."""
    root.mkdir()
    for file in (path, *(path.with_name(name) for name in how.beside)):
        (root / how.place / file.name).symlink_to(file)
    if how.crops is not None:
        with path.open(encoding="utf-8", newline="") as rows:
            for crop in map(how.crops, csv.DictReader(rows)):
                (root / crop).parent.mkdir(parents=True, exist_ok=True)
                (root / crop).touch()


def counts(dataset: Dataset, samples: pd.DataFrame) -> str:
    """What a table holds, in words, and whether that is what the card says."""
    card = dataset.card
    positive = int(samples["label"].sum())
    words = [
        f"{len(samples):,} samples: {positive:,} × {card.positive}, {len(samples) - positive:,} × {card.negative}",
        f"{samples['slide'].nunique():,} slides, {samples['image'].nunique():,} images",
    ]
    words += [
        f"{samples[column].nunique()} {word}"
        for column, word in (("domain", "domains"), ("scanner", "scanners"), ("species", "species"))
        if column in samples and samples[column].nunique() > 1
    ]
    if "votes" in samples:
        few, many = int(samples["votes"].min()), int(samples["votes"].max())
        words.append(f"votes of {few}" + (f" to {many} experts each" if many > few else " experts each"))
    outside = int((samples[["x", "y"]] < 0).any(axis=1).sum())
    if outside and "crop" not in samples:
        words.append(f"{outside} with their centre outside the image")
    said = compare_counts(card, samples)
    return "; ".join([", ".join(words), *(said or ["as the card says"] * (card.counts is not None))])


def write_table(page: str, published: Path) -> str:
    """The page with the table as it is now."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + table(published) + "\n" + END + rest.split(END)[1]


def main() -> None:
    """Write the page, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, default=PUBLISHED)
    parser.add_argument("--print", action="store_true", help="the table, and write nothing")
    asked = parser.parse_args()
    if not asked.published.is_dir():
        sys.exit(f"{asked.published} is not there: --published names the folder of the published files")
    if asked.print:
        print(table(asked.published), end="")
    else:
        PAGE.write_text(write_table(PAGE.read_text(), asked.published))


if __name__ == "__main__":
    main()
