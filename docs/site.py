"""What the manual shows besides the pages of this folder: README, studies, findings, changes, and the reference of the Python functions.

mkdocs calls the functions by their names (`hooks` of mkdocs.yml). Pages keep the places that they have in the repository, so the
links between them are the same in both.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
MENTIONED = re.compile(r"`docs/(\w+\.md)`")
NOTEBOOK_LINK = re.compile(r'href="(\.\./\w+)\.md')
REFERENCE = """# Reference

The functions and classes of `import mitofm`; [mitofm in Python](python.md) tells what they are for.

::: mitofm.api.cells.train
::: mitofm.api.cells.load
::: mitofm.api.cells.Cell
::: mitofm.api.embedding.embed
::: mitofm.api.studies.study
::: mitofm.api.studies.Study
::: mitofm.api.studies.compare
::: mitofm.api.studies.figures
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the studies in the navigation."""
    studies = {path.parent.name: path for path in sorted(ROOT.glob("experiments/*/README.md"))}
    pages = [{name.replace("_", " "): path.relative_to(ROOT).as_posix()} for name, path in studies.items()]
    config.nav = [item if item != "STUDIES" else {"Studies": pages} for item in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside this folder."""
    outside = {
        "index.md": ROOT / "README.md",
        "changes.md": ROOT / "CHANGELOG.md",
        "CONTRIBUTING.md": ROOT / "CONTRIBUTING.md",
    }
    for pattern in ("experiments/*/README.md", "experiments/*/figures/*.png", "findings/README.md"):
        outside |= {path.relative_to(ROOT).as_posix(): path for path in ROOT.glob(pattern)}
    for uri, path in outside.items():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    files.append(File.generated(config, "reference.md", content=REFERENCE))
    for executed in (ROOT / "build" / "notebooks").glob("*.ipynb"):  # of `make notebooks`
        book = files.get_file_from_path(f"notebooks/{executed.name}")
        if book is not None:
            book.abs_src_path = str(executed)
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links of notebooks, which mkdocs leaves as they are, lead to pages."""
    return NOTEBOOK_LINK.sub(r'href="\1.html', html) if page.file.src_uri.endswith(".ipynb") else html


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link the pages that are named as files of the repository."""
    up = "../" * page.file.src_uri.count("/")
    markdown = markdown.replace("](docs/", "](")
    return MENTIONED.sub(rf"[\1]({up}\1)", markdown)
