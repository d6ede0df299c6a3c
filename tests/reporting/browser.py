"""A headless browser for tests of pages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def browse(page: Path, choice: str, *options: str) -> tuple[str, str]:
    """The page after its script ran, and what the browser's console said."""
    return browse_address(f"{page.as_uri()}{choice}", page.parent, *options)


def browse_address(address: str, folder: Path, *options: str) -> tuple[str, str]:
    """As `browse`; the browser's own files lie in `folder`."""
    assert BROWSER is not None
    fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"]
    command = [BROWSER, *fixed, f"--user-data-dir={folder / 'browser'}", *options, address]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return ended.stdout, "\n".join(line for line in ended.stderr.splitlines() if "CONSOLE" in line)
