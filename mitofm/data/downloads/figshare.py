"""Files on figshare (API v2, docs.figshare.com): those of one article, or of every article of a collection."""

from __future__ import annotations

from typing import Any

from mitofm.data.downloads import web
from mitofm.data.downloads.remote import Remote
from mitofm.ground.errors import MitofmError

# The largest page there is: the order of entries changes between pages, so that some come twice and others never.
_PAGE = "page=1&page_size=1000"


class Figshare:
    """A figshare article, or a collection of articles. Of files that share a name the newest counts.

    Args:
        article: its number, the last one in its address.
        collection: that of a collection, in the article's stead.
        api: where the API is (a mirror, say).
        pause_s: what the pauses after failures are multiples of.
    """

    def __init__(
        self,
        article: int | None = None,
        collection: int | None = None,
        api: str = "https://api.figshare.com/v2",
        pause_s: float = 1.0,
    ) -> None:
        if (article is None) == (collection is None):
            raise MitofmError("figshare: give the number of an article or that of a collection, not both")
        self.article = article
        self.api = api.rstrip("/")
        self.address = f"{self.api}/collections/{collection}" if article is None else f"{self.api}/articles/{article}"
        self.page = "https://doi.org/10.6084/m9.figshare." + (f"c.{collection}" if article is None else f"{article}")
        self.pause_s = pause_s

    def remotes(self) -> list[Remote]:
        """Its files, by name. One question per article: some minutes for hundreds."""
        from rich.progress import track

        articles = self._list_articles() if self.article is None else [self.article]
        files: dict[int, Remote] = {}
        for article in track(articles, f"listing {len(articles)} articles", transient=True):
            files |= web.read(f"{self.api}/articles/{article}/files?{_PAGE}", _parse_files, self.pause_s)
        newest = {files[number].name: files[number] for number in sorted(files)}
        return [newest[name] for name in sorted(newest)]

    def _list_articles(self) -> list[int]:
        stated = web.read(self.address, lambda answer: answer["articles_count"], self.pause_s)
        address = f"{self.address}/articles?{_PAGE}"
        listed = web.read(address, lambda answer: {one["id"] for one in answer}, self.pause_s)
        if len(listed) != stated:
            raise MitofmError(f"{self.address} lists {len(listed)} of its {stated} articles; try again later")
        return sorted(listed)


def _parse_files(answer: list[dict[str, Any]]) -> dict[int, Remote]:
    return {
        file["id"]: Remote(
            file["name"], file["download_url"], file["size"], file["computed_md5"] or file["supplied_md5"] or None
        )
        for file in answer
    }
