"""What a browser says of the page that sends a request, and what comes of it."""

from __future__ import annotations

import pytest

from infra.browser_rules import objection

HERE = ["127.0.0.1:4566"]


@pytest.mark.parametrize(
    ("hosts", "origins", "sites"),
    [
        (HERE, [], []),  # a program
        (["localhost:4566"], [], []),
        (["LOCALHOST:4566"], [], []),
        (HERE, [], ["none"]),  # a person who typed the address
        (HERE, [], ["same-origin"]),
        (HERE, ["http://127.0.0.1:4566"], ["same-origin"]),
        (["localhost:4566"], ["http://localhost:4566"], ["same-origin"]),
    ],
)
def test_programs_and_own_pages_are_answered(hosts: list[str], origins: list[str], sites: list[str]) -> None:
    assert objection(4566, hosts, origins, sites) is None


@pytest.mark.parametrize(
    ("hosts", "origins", "sites"),
    [
        ([], [], []),
        (["evil.example"], [], []),
        (["evil.example:4566"], [], []),  # a name that was bound to this machine after the page was loaded
        (["127.0.0.1"], [], []),
        (["127.0.0.1:8080"], [], []),
        (["127.0.0.1:4566.evil.example"], [], []),
        (["127.0.0.1.evil.example:4566"], [], []),
        (["evil.example@127.0.0.1:4566"], [], []),
        (["127.0.0.1:4566,evil.example"], [], []),
        (["127.0.0.1:4566", "127.0.0.1:4566"], [], []),
        (["bucket.localhost:4566"], [], []),
        (["[::1]:4566"], [], []),
        (HERE, ["http://evil.example"], []),
        (HERE, ["null"], []),  # a sandboxed frame, a file
        (HERE, ["http://127.0.0.1:8000"], ["same-site"]),  # another port is another origin
        (HERE, ["http://localhost:4566"], []),
        (HERE, ["https://127.0.0.1:4566"], []),
        (HERE, [""], []),
        (HERE, [], ["cross-site"]),  # an image, a script, a link
        (HERE, [], ["same-site"]),
        (HERE, [], ["none", "cross-site"]),
        (HERE, [], [""]),
    ],
)
def test_all_else_is_refused(hosts: list[str], origins: list[str], sites: list[str]) -> None:
    assert objection(4566, hosts, origins, sites)


def test_default_port_may_be_left_out() -> None:
    assert objection(80, ["127.0.0.1"], [], []) is None
