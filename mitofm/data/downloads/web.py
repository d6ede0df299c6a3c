"""Answers over HTTPS, asked for again after growing pauses. Plain HTTP only reaches servers on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from mitofm import __version__
from mitofm.ground.errors import MitofmError

_LOCAL = ("localhost", "127.0.0.1", "::1")
# The firewall of figshare answers 202 with no content if it suspects a robot, and 403 for "too often".
_AGAIN = (202, 403, 408, 425, 429, 500, 502, 503, 504)
T = TypeVar("T")


def require_https(url: str) -> None:
    """Refuse a `url` that is neither HTTPS nor on this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise MitofmError(f"{url} is not an https address; nothing is fetched from it")


class Session(requests.Session):
    """Asks again if there is no connection (three times), or if the server says to come later (seven times).

    Pauses are multiples of `pause_s`; they double, and a server's own wish (Retry-After) is kept.
    """

    def __init__(self, pause_s: float) -> None:
        super().__init__()
        again = Retry(7, connect=3, read=3, status_forcelist=_AGAIN, backoff_factor=pause_s)
        self.mount("https://", HTTPAdapter(max_retries=again))
        self.mount("http://", HTTPAdapter(max_retries=again))
        # Zenodo refuses the default agent of requests; a compressed transfer could not be resumed.
        self.headers.update({"User-Agent": f"mitofm/{__version__}", "Accept-Encoding": "identity"})

    def get_adapter(self, url: str) -> HTTPAdapter:
        """The adapter for `url`; every redirect passes here too."""
        require_https(url)
        return super().get_adapter(url)  # type: ignore[return-value]

    def ask(self, url: str, start: int = 0) -> requests.Response:
        """The answer for `url` from byte `start` on (206 if the server can), its body still to be read.

        Raises requests.RequestException if there is none; 416, nothing lies beyond `start`, is an answer.
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        response = self.get(url, headers=headers, stream=True, timeout=(10, 60))
        if response.status_code != 416:
            response.raise_for_status()
        return response


def read(url: str, parse: Callable[[Any], T], pause_s: float) -> T:
    """What `parse` makes of the JSON at `url`.

    Raises:
        requests.RequestException: nothing came.
        MitofmError: `parse` does not find what it needs.
    """
    with Session(pause_s) as session, session.ask(url) as response:
        content = response.json()
    try:
        return parse(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise MitofmError(f"{url} answers in a form that is not known ({type(error).__name__}: {error})") from error
