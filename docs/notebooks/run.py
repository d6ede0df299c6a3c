"""Execute the notebooks of this folder, each in a folder of its own below build/notebooks: `make notebooks`.

The executed copies lie there; the manual shows them. The first cell that fails ends the program with its traceback. Tissue and
embeddings are kept in the checkout's `cache/`, as those of `make demo`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUT = ROOT / "build" / "notebooks"


def execute(path: Path) -> None:
    """Run a notebook from top to bottom; its copy with outputs is written if every cell has run."""
    place = OUT / path.stem
    place.mkdir(parents=True, exist_ok=True)
    book = nbformat.read(path, as_version=4)
    started = time.monotonic()
    try:
        NotebookClient(book, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(place)}}).execute()
    except CellExecutionError as error:
        sys.exit(f"{path.name}: {error}")
    _leave_out_places(book)
    nbformat.write(book, OUT / path.name)
    print(f"{path.name}: {len(book.cells)} cells, {time.monotonic() - started:.0f} s")


def _leave_out_places(book: nbformat.NotebookNode) -> None:
    """What is printed names the checkout as `.`; what is said on stderr, such as where weights were found, is for one machine."""
    for cell in book.cells:
        cell["outputs"] = [one for one in cell.get("outputs", []) if one.get("name") != "stderr"]
        for output in cell["outputs"]:
            if "text" in output:
                output["text"] = output["text"].replace(str(ROOT), ".")
        if cell.cell_type != "code":
            del cell["outputs"]


if __name__ == "__main__":
    os.environ.setdefault("MITOFM_CACHE", str(ROOT / "cache"))
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # of `!mitofm`
    # tqdm and rich ask for widgets, which nothing here needs.
    os.environ["PYTHONWARNINGS"] = 'ignore:IProgress not found,ignore:install "ipywidgets"'
    for book in sorted(HERE.glob(sys.argv[1] if len(sys.argv) > 1 else "*.ipynb")):
        execute(book)
