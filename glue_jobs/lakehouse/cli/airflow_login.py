"""The one user of the local Airflow: made at random, kept in the file that Airflow itself reads, and logged in."""

from __future__ import annotations

import json
import secrets
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.cli import private

USER = "admin"
_PASSWORD_BYTES = 15
_REQUEST_SECONDS = 10.0


@dataclass(frozen=True)
class Login:
    """What a person types on the page that asks for a login."""

    user: str
    password: str = field(repr=False)


def passwords_file(home: Path) -> Path:
    """Where Airflow's SimpleAuthManager reads its passwords, in an AIRFLOW_HOME."""
    return home / "passwords.json"


def known(home: Path) -> Login | None:
    """The login of an AIRFLOW_HOME; None when none was made there yet."""
    try:
        kept: dict[str, str] = json.loads(passwords_file(home).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Login(USER, kept[USER])


def ensure(home: Path) -> Login:
    """The login of an AIRFLOW_HOME, made now if there is none: one that Airflow makes itself is in its log."""
    if (login := known(home)) is not None:
        return login
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    login = Login(USER, secrets.token_urlsafe(_PASSWORD_BYTES))
    private.write(passwords_file(home), json.dumps({login.user: login.password}))
    return login


def token(url: str, login: Login) -> str:
    """A token that Airflow's API takes for the user. Raises OSError (HTTPError when refused) and ValueError."""
    body = json.dumps({"username": login.user, "password": login.password}).encode()
    request = urllib.request.Request(  # noqa: S310 - http to 127.0.0.1
        f"{url}/auth/token", body, {"Content-Type": "application/json"}
    )
    # A proxy of whoever works here must not stand between two programs on one machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_REQUEST_SECONDS) as response:
        return str(json.loads(response.read())["access_token"])
