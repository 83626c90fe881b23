"""What git says when a forge refuses, told in a sentence with its remedy."""

from __future__ import annotations

import re

from karst.command import Outcome
from karst.errors import FetchError
from karst.fetch.remote import CloneAccess

_REDIRECT = re.compile(r"returned error: 30\d|redirect", re.IGNORECASE)
_LOGIN = re.compile(
    r"authentication failed|could not read (?:username|password)|returned error: 40[13]"
    r"|access denied|http basic: access",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"not found|returned error: 404|does not exist", re.IGNORECASE)
_NETWORK = re.compile(
    r"could not resolve|failed to connect|timed out|connection (?:refused|reset)"
    r"|couldn't connect|operation too slow",
    re.IGNORECASE,
)


def explain(outcome: Outcome, access: CloneAccess, where: str) -> FetchError:
    """Return the error for a fetch from `access.url` that failed."""
    said, url = outcome.stderr, access.url
    with_token = access.password is not None
    if _REDIRECT.search(said):
        what = f"{url} sends git to another place, and karst does not follow"
        remedy = "write the repository's present name in the slug"
    elif _LOGIN.search(said):
        what = f"git may not read {url}" + (" with this token" if with_token else "")
        remedy = (
            "give a token that may read this repository's content"
            if with_token
            else "a private repository needs a token for its forge, which goes to submodules of the same owner only"
        )
    elif _ABSENT.search(said):
        what = f"there is no repository at {url}" + (
            ", or this token may not see it" if with_token else ", or it is private"
        )
        remedy = "check the slug's spelling and the token's permissions"
    elif _NETWORK.search(said):
        what = f"git can't reach {url}"
        remedy = "check the network, and HTTPS_PROXY where there is a proxy"
    elif "attempting to allocate" in said:
        what = f"a file of {url} takes git more memory than it gets"
        remedy = "karst does not take such a repository; ask whoever owns it"
    elif outcome.code < 0:
        what, remedy = f"git was ended while it read {url}", "run it again"
    else:
        what, remedy = f"git can't clone {url}", "its own words are below"
    return FetchError(what, where=where, remedy=remedy, detail=said)
