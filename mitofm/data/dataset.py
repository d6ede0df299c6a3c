"""A data set as a config describes it: its card, its table, its patch store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitofm.data.card import Card
from mitofm.ground import config as configs
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.settings import Positive, read

if TYPE_CHECKING:
    import pandas as pd

    from mitofm.data.curation import Curated
    from mitofm.data.patches import PatchStore
    from mitofm.data.sources.base import Source, Tabled
    from mitofm.data.tables import Tables


@dataclass(frozen=True, kw_only=True)
class _DataGroup(Card):
    """The group `data`."""

    source: Mapping[str, Any]
    download: Mapping[str, Any] | None
    proposals: bool = False
    """Whether ordinary nuclei of training slides are trained on, too (`mitofm.data.hard_negatives`)."""
    proposals_ratio: Positive = 1.0
    """How many of them for each annotated sample that is trained on."""


class Dataset:
    """One data set on this machine.

    MitofmError if the config lacks a key, or has one that no data set has.

    Args:
        config: the group `data`, resolved to plain values: the card, under `source` how to read it, under `download`
            how to fetch it (or null).
        cache: the folder for what is computed from it (fingerprints, patches).
    """

    def __init__(self, config: Mapping[str, Any], cache: Path) -> None:
        stated = read(_DataGroup, config, "data")
        self.card = Card(**{field.name: getattr(stated, field.name) for field in fields(Card)})
        self.cache = Path(cache)
        self.remembered = Remembered(self.cache / "fingerprints")
        self._source_config = stated.source
        self._download_config = stated.download
        self.proposals_ratio = _read_ratio(stated)
        """Ordinary nuclei for each annotated sample that is trained on; 0: none."""

    @cached_property
    def source(self) -> Source:
        """How its files are read, from the config."""
        return configs.instantiate(self._source_config, "data.source")

    @cached_property
    def download(self) -> Any:
        """How its files are fetched, from the config; None if people put them there by hand."""
        return None if self._download_config is None else configs.instantiate(self._download_config, "data.download")

    def present(self) -> bool:
        """Whether its annotation files are on this machine; makes nothing."""
        with suppress(MitofmError):
            return bool(self.source.files())
        return False

    def files(self) -> list[Path]:
        """Its annotation files, made first if they are absent. MitofmError if they cannot be made."""
        if not self.present():
            self.source.prepare()
        return self.source.files()

    @property
    def root(self) -> Path:
        """The folder that the paths in its table are relative to."""
        return self.source.root

    @cached_property
    def curated(self) -> Curated:
        """Its table, checked against its images, and what was noticed (`mitofm.data.curation`)."""
        return self._tables().read()

    def table(self) -> pd.DataFrame:
        """Its curated annotation table: what is split, cut and learned from."""
        return self.curated.table

    def table_fingerprint(self, votes: bool = False) -> str:
        """The fingerprint of its curated table, with `votes` if they are learned from; known files are not opened.

        MitofmError if there are no votes.
        """
        from mitofm.data.votes import require_votes

        if votes:
            require_votes(self.table(), self.card.name)
        return self._tables().fingerprint(votes)

    def _tables(self) -> Tables:
        from mitofm.data.curation import Rules
        from mitofm.data.tables import Tables

        card = self.card
        rules = Rules(card.outside, card.padded, card.patients, card.crop_px, card.mpp)
        return Tables(
            self.cache / "tables", card.name, self.source, self._source_config, self.files(), rules, card.image_mpp
        )

    def store(self, source: Tabled | None = None, name: str = "") -> PatchStore:
        """Its patch store, or that of other positions in its images (`mitofm.data.positions`), with a `name` of its own.

        It is built first if it does not exist.
        """
        from mitofm.data import patches

        self.files()
        return patches.ensure(
            source or self,
            name=f"{self.card.name}-{name}" if name else self.card.name,
            crop_px=self.card.crop_px,
            margin_px=self.card.margin_px,
            mpp=self.card.mpp,
            image_mpp=self.card.image_mpp,
            cache=self.cache / "patches",
            remembered=self.remembered,
        )


def _read_ratio(stated: _DataGroup) -> float:
    if not stated.proposals:
        if stated.proposals_ratio != 1:
            raise MitofmError(
                f"data.proposals_ratio={stated.proposals_ratio:g} changes nothing without data.proposals=true"
            )
        return 0.0
    if not stated.exhaustive:
        raise MitofmError(
            f"data.proposals=true: the card of data set {stated.name!r} does not say that every mitotic figure of its images is "
            "annotated (exhaustive: true), so that what is proposed beside the annotations may be one"
        )
    return float(stated.proposals_ratio)
