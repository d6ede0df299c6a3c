from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from mitofm.reporting.drawing import style
from mitofm.reporting.filters import Filters

from .browser import BROWSER, browse

if TYPE_CHECKING:
    from conftest import Study


def test_an_element_is_about_the_values_that_it_names() -> None:
    filters = Filters({"backbone": ["uni", "virchow"], "adaptation": ["lora", "full"], "domain": ["breast"]})
    assert filters.list_tokens(["virchow", 0.5, "lora", "all"]) == "backbone1 adaptation0"
    assert filters.list_tokens(["lora", "full", "uni 2"]) == "adaptation0 adaptation1"
    assert filters.list_tokens(["breast"]) == ""  # there is nothing to choose from
    both = Filters.join([filters, Filters({"backbone": ["uni"], "adaptation": [], "domain": ["breast", "lung"]})])
    assert both.values["domain"] == ["breast", "lung"]
    assert both.list_tokens(["all but lung"]) == "domain1"


class Shown(HTMLParser):
    """Of a page as a browser left it: the tokens of what is shown and of what is hidden, and the words of the filter bar."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.shown: list[set[str]] = []
        self.hidden: list[set[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "data-about" in given:
            (self.hidden if "hidden" in given else self.shown).append(set((given["data-about"] or "").split()))


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_page_and_its_filters_narrow_it(
    study: Study, whole_report: Callable[[Study], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ending in ("pdf", "png"):  # the page shows neither
        monkeypatch.delitem(style._METADATA, ending)
    study.grid(adaptation=["linear_probe", "lora", "full"], backbone=["uni", "virchow"], domains=[("breast", "lung")])
    page = whole_report(study) / "report.html"

    about = Shown(page.read_text())
    assert about.hidden == []
    measuring = "<script>document.title = `${document.documentElement.scrollHeight} px`</script></body>"
    page.write_text(page.read_text().replace("</body>", measuring))  # before any filter or part is touched
    choice = "#backbone=uni&adaptation=lora"
    narrowed, said = browse(page, choice, "--dump-dom", "--window-size=390,800")
    assert said == ""
    height = re.search(r"<title>(\d+) px</title>", narrowed)
    assert height is not None
    assert int(height[1]) < 6000
    seen = Shown(narrowed)
    assert len(seen.shown) + len(seen.hidden) == len(about.shown)
    chosen = {"backbone": "backbone0", "adaptation": "adaptation1"}
    for tokens, is_shown in [*((t, True) for t in seen.shown), *((t, False) for t in seen.hidden)]:
        named = {kind: {token for token in tokens if token.startswith(kind)} for kind in chosen}
        assert is_shown == all(not named[kind] or token in named[kind] for kind, token in chosen.items())
    assert seen.hidden
    assert re.search(rf"{len(seen.shown)} of {len(about.shown)} rows and figures shown", narrowed)

    for width in (1280, 390):
        picture = tmp_path / f"{width}.png"
        said = browse(page, choice, f"--screenshot={picture}", f"--window-size={width},1600")[1]
        assert said == ""
        with Image.open(picture) as image:
            assert image.width >= width
            assert len(image.convert("L").getcolors()) > 20
