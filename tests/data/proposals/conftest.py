"""The tissue that counts are tested on."""

from ...counting.conftest import region  # noqa: F401
