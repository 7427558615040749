"""Which requests a web page of somebody else may have sent, told by what every browser says and no page can change.

A browser sends a page's requests to 127.0.0.1 like any other: what listens there is open to every page that a developer
visits. ``Host`` tells a name that an attacker's DNS points at this machine, ``Origin`` and ``Sec-Fetch-Site`` tell a
page of another origin; another port of this machine is another origin too. Programs send neither of the two.
"""

from __future__ import annotations

from collections.abc import Sequence

OWN_NAMES = ("127.0.0.1", "localhost")
OWN_SITES = ("none", "same-origin")
"""Of ``Sec-Fetch-Site``: a person who typed the address or chose a bookmark, and the server's own pages."""


def objection(port: int, hosts: Sequence[str], origins: Sequence[str], sites: Sequence[str]) -> str | None:
    """Why a server on ``port`` must not answer a request; None when it may.

    Each sequence holds the values of one header, ``Host``, ``Origin`` and ``Sec-Fetch-Site``, as often as it was sent.
    """
    expected = {f"{name}:{port}" for name in OWN_NAMES} | (set(OWN_NAMES) if port == 80 else set())
    if len(hosts) != 1 or hosts[0].lower() not in expected:
        return f"Host is {', '.join(hosts) or 'missing'}; only {' and '.join(sorted(expected))} are answered"
    if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
        return f"pages of {', '.join(origins)} are not answered"
    if any(site.lower() not in OWN_SITES for site in sites):
        return f"requests from a page of another origin ({', '.join(sites)}) are not answered; type the address instead"
    return None
