"""Who calls: by API key, by the word that a browser chose for itself, or by the network address."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from leffa.errors import BadKey, MissingKey
from leffa.jobs.desk import KEY_OWNER

CLIENT_ID = "X-Client-ID"
CLIENT_WORD = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class Caller:
    """owner: whose history a job goes to, empty for nobody's. lane: who shares turns and limits."""

    owner: str
    lane: str


def identify(scope: Scope, keys: Mapping[str, str]) -> Caller:
    """The caller of a request; `keys` are names by the key's SHA-256. Raises MissingKey and BadKey.

    What a browser calls itself gives it a history, but no turns of its own: those go by the address, which it
    cannot choose.
    """
    headers = Headers(scope=scope)
    if keys:
        owner = KEY_OWNER + _name_of_key(_sent_key(headers), keys)
        return Caller(owner, owner)
    word = headers.get(CLIENT_ID, "")
    owner = f"client:{_digest(word)}" if CLIENT_WORD.fullmatch(word) else ""
    return Caller(owner, f"address:{_digest((scope.get('client') or ('', 0))[0])}")


def _sent_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _name_of_key(key: str, keys: Mapping[str, str]) -> str:
    if not key:
        raise MissingKey()
    # Keys are long and random, so looking their digests up tells nothing that could be measured.
    name = keys.get(hashlib.sha256(key.encode()).hexdigest())
    if name is None:
        raise BadKey()
    return name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
