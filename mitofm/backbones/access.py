"""Whether the hub would give a backbone's weights, and which file it would be: asked by a HEAD request, nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from mitofm.backbones.spec import BackboneSpec

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Access:
    """What the hub answered, and what to do if it does not give the file."""

    granted: bool
    said: str
    way_out: str = ""


def ask_hub(spec: BackboneSpec) -> Access:
    """Ask the hub for the weights file of `spec`, as the download would, with the user's token if there is one.

    huggingface_hub sends the request: it reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE, and a redirect to another host is
    not followed, so the token reaches the hub alone. Neither the token nor an address is part of the answer.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    assert spec.hub is not None
    url = hf_hub_url(spec.hub, spec.hub_file, revision=spec.revision)
    host = urlsplit(constants.ENDPOINT).hostname
    enter = f"accept the terms on {spec.page}, log in with `hf auth login` or set HF_TOKEN"
    gate = f"; it is gated: {enter}" if spec.gated else ""
    try:
        found = get_hf_file_metadata(url)
    except OfflineModeIsEnabled:
        return Access(False, f"offline (HF_HUB_OFFLINE): {host} was not asked", f"unset HF_HUB_OFFLINE{gate}")
    except GatedRepoError as error:
        if error.response.status_code == 401:
            return Access(False, f"{spec.hub} is gated, and {host} got no token", enter)
        return Access(
            False,
            f"{spec.hub} is gated, and {host} does not let the user of this token in",
            f"accept the terms on {spec.page} and wait until they are granted; a fine-grained token must also be "
            "allowed to read gated repositories",
        )
    except RevisionNotFoundError:
        return Access(False, f"{spec.hub} on {host} has no revision {spec.revision}", f"look at {spec.page}")
    except EntryNotFoundError:
        return Access(False, f"{spec.hub} on {host} has no file {spec.hub_file}", f"look at {spec.page}")
    except RepositoryNotFoundError:
        return Access(
            False,
            f"{host} has no model {spec.hub}, or hides it from who asks",
            f"look at {spec.page}; if it is private, log in with `hf auth login` or set HF_TOKEN",
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            return Access(False, f"{host} refuses the token", "log in again: `hf auth login`, or another HF_TOKEN")
        return Access(False, f"{host} answers with HTTP status {status}", "try again later")
    except (
        Exception
    ) as error:  # the HTTP client, another one from version to version, has one for each fault of a network
        return Access(False, f"offline: {host} cannot be reached ({type(error).__name__})", f"be online{gate}")
    if found.commit_hash is None:
        return Access(False, f"{host} does not answer as a hub does", "look at HF_ENDPOINT, the proxy and the firewall")
    return _compare(spec, found.etag or "", f"{host} grants {spec.hub_file}" + _describe_size(found.size))


def _compare(spec: BackboneSpec, etag: str, granted: str) -> Access:
    """Compare the hub's sum with the stated one; of a file outside its large-file storage the hub gives none."""
    there = etag if _SHA256.fullmatch(etag) else None
    if there and spec.sha256 and there != spec.sha256:
        return Access(
            False,
            f"the hub's {spec.hub_file} is not the file that the YAML states: sha256 {there}, expected {spec.sha256}",
            "set backbone.revision to the commit of the stated file, or backbone.sha256=null to use the hub's as it is",
        )
    if spec.sha256:
        return Access(
            True, f"{granted}, sha256 as stated" if there else f"{granted}, sha256 to be checked when it is here"
        )
    return Access(True, f"{granted}, of which no sha256 is stated" + (f": {there}" if there else ""))


def _describe_size(size: int | None) -> str:
    return f" ({size / 1e9:.3g} GB)" if size else ""
