"""A data set as a config describes it: its card, its table, its patch store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitofm import config as configs
from mitofm import fingerprints
from mitofm.data.card import Card
from mitofm.errors import MitofmError
from mitofm.fingerprints import Remembered

if TYPE_CHECKING:
    import pandas as pd

    from mitofm.data.patches import PatchStore
    from mitofm.data.sources.base import Source


class Dataset:
    """One data set on this machine.

    Args:
        config: the group `data`, resolved to plain values: the card, under `source` how to read it, under `download`
            how to fetch it (or null).
        cache: the folder for what is computed from it (fingerprints, patches).

    Raises:
        MitofmError: the config lacks a key, or has one that no data set has.
    """

    def __init__(self, config: Mapping[str, Any], cache: Path) -> None:
        of_card = {field.name for field in fields(Card)}
        known = of_card | {"source", "download"}
        may_lack = {field.name for field in fields(Card) if field.default is not MISSING}
        missing, more = sorted(known - may_lack - set(config)), sorted(set(config) - known)
        if missing or more:
            told = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has the unknown {', '.join(more)}"] * bool(more)
            raise MitofmError(f"data set {config.get('name', '?')!r}: its config {' and '.join(told)}")
        self.card = Card(**{key: value for key, value in config.items() if key in of_card})
        self.cache = Path(cache)
        self.remembered = Remembered(self.cache / "fingerprints")
        self._source_config = config["source"]
        self._download_config = config["download"]

    @cached_property
    def source(self) -> Source:
        """How its files are read, from the config."""
        return configs.instantiate(self._source_config)

    @cached_property
    def download(self) -> Any:
        """How its files are fetched, from the config; None where they are put there by hand."""
        return None if self._download_config is None else configs.instantiate(self._download_config)

    def present(self) -> bool:
        """Whether its annotation files are on this machine; makes nothing."""
        try:
            return bool(self.source.files())
        except MitofmError:
            return False

    def files(self) -> list[Path]:
        """Its annotation files, made first where they are absent and can be made.

        Raises:
            MitofmError: they are absent and cannot be made.
        """
        if not self.present():
            self.source.prepare()
        return self.source.files()

    def table(self) -> pd.DataFrame:
        """Its annotation table."""
        self.files()
        return self.source.table()

    def table_fingerprint(self) -> str:
        """The fingerprint of its table; known files are not opened."""
        from mitofm.data.annotations import fingerprint

        purpose = f"annotation table {fingerprints.of(self._source_config)}"
        return self.remembered.get(purpose, self.files(), lambda: fingerprint(self.source.table()))

    def survey(self) -> pd.DataFrame:
        """What its images are (`mitofm.data.survey`); opens each of them."""
        from mitofm.data.survey import survey

        return survey(self.source.root, self.table(), self.card.image_mpp)

    def store(self, source: Source | None = None, name: str = "") -> PatchStore:
        """Its patch store, built first where it does not exist.

        Args:
            source: other positions in its images (`mitofm.data.positions`) instead of its cells.
            name: what to call that store, after the data set's name.
        """
        from mitofm.data import patches

        self.files()
        return patches.ensure(
            source or self.source,
            name=f"{self.card.name}-{name}" if name else self.card.name,
            crop_px=self.card.crop_px,
            margin_px=self.card.margin_px,
            mpp=self.card.mpp,
            image_mpp=self.card.image_mpp,
            cache=self.cache / "patches",
            remembered=self.remembered,
        )
