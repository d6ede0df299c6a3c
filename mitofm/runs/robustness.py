"""What was measured of the embeddings of whole data sets, kept beside the cells for the reports of all studies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mitofm.backbones.spec import BackboneSpec
from mitofm.evaluation.robustness import Robustness
from mitofm.evaluation.statistics import Estimate
from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import checksum, read_json, write_json

FOLDER = "robustness"


@dataclass(frozen=True)
class Record:
    """One backbone on one data set: `contract` as `BackboneSpec.contract`, what was `found` by column."""

    dataset: str
    backbone: str
    weights: str
    contract: dict[str, Any]
    found: dict[str, Robustness]

    @classmethod
    def of(cls, dataset: str, spec: BackboneSpec, found: dict[str, Robustness]) -> Record:
        """From a measurement."""
        return cls(dataset, spec.name, spec.weights, spec.contract(), found)

    def keep(self, runs: Path) -> None:
        """Write it; a measurement of the same embeddings is replaced."""
        place = fingerprints.of([self.dataset, self.contract])[:12]
        content = asdict(self)
        file = runs / FOLDER / f"{self.dataset}-{self.backbone}-{self.weights}-{place}.json"
        write_json(file, {"checksum": checksum(content), **content})


def read_records(runs: Path) -> Iterator[Record]:
    """All that are kept; a file that is damaged or no record is passed over: it is measured again in seconds."""
    for file in sorted((runs / FOLDER).glob("*.json")):
        try:
            content = read_json(below.check(file))
            if content.pop("checksum", None) == checksum(content):
                content["found"] = {by: _read(one) for by, one in content["found"].items()}
                yield Record(**content)
        except (OSError, ValueError, TypeError, KeyError, MitofmError):
            continue


def _read(plain: dict[str, Any]) -> Robustness:
    estimates = {metric: Estimate.of(one) for metric, one in plain["estimates"].items()}
    names = {key: tuple(plain[key]) for key in ("levels", "left_out")}
    return Robustness(**{**plain, **names, "estimates": estimates})
