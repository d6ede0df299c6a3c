"""What was measured of the embeddings of whole data sets, kept beside the cells for the reports of all studies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mitofm.evaluation.robustness import Robustness
from mitofm.evaluation.statistics import Estimate
from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import checksum, read_json, write_json
from mitofm.training.settings import Settings

FOLDER = "robustness"
SEEN = ("data.crop_px", "data.mpp", "fit.precision")


@dataclass(frozen=True)
class Record:
    """One backbone on one data set.

    Attributes:
        contract: as `BackboneSpec.contract`.
        seen: what else decides embeddings, by key of a cell's config (`SEEN`).
        found: what was measured, by column.
    """

    dataset: str
    backbone: str
    weights: str
    contract: dict[str, Any]
    seen: dict[str, Any]
    found: dict[str, Robustness]

    @classmethod
    def of(cls, settings: Settings, found: dict[str, Robustness]) -> Record:
        """From a measurement."""
        spec = settings.backbone
        seen = {key: find_value(settings.config, key) for key in SEEN}
        return cls(settings.dataset.card.name, spec.name, spec.weights, spec.contract(), seen, found)

    def keep(self, runs: Path) -> None:
        """Write it; a measurement of the same backbone that sees the same is replaced, such as of a twin of another seed."""
        place = fingerprints.of([self.dataset, self.contract, self.seen])[:12]
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


def find_value(config: Mapping[str, Any], key: str) -> Any:
    """The value of a key of `SEEN` in a cell's config; None if it has none."""
    group, name = key.split(".")
    return (config.get(group) or {}).get(name)


def _read(plain: dict[str, Any]) -> Robustness:
    estimates = {metric: Estimate.of(one) for metric, one in plain["estimates"].items()}
    names = {key: tuple(plain[key]) for key in ("levels", "left_out")}
    return Robustness(**{**plain, **names, "estimates": estimates})
