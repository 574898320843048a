"""What both clients are made of: where the service is, who calls, and what becomes of an answer."""

import secrets
from collections.abc import Collection, Mapping
from math import inf
from typing import Any, Generic, Protocol, TypeVar

import httpx2

from leffa.client.facts import JobFacts, MaskFacts
from leffa.client.steps import Send, Steps, ask

J = TypeVar("J", bound="JobHandle")
M = TypeVar("M", bound="MaskHandle")
CONNECT_SECONDS = 10.0


class Driven(Protocol):
    """Something whose calls can be made."""

    def drive(self, steps: Steps[Any]) -> Any:
        """Take the steps of a call; its value, or an awaitable of it."""


class JobHandle:
    """A job of the service. facts: what was last heard of it."""

    def __init__(self, core: "Core[Any, Any]", facts: JobFacts) -> None:
        self.core = core
        self.facts = facts
        self.drive = core.drive

    @property
    def id(self) -> str:
        """What it is known by, in another process too."""
        return self.facts.id

    @property
    def state(self) -> str:
        """queued, running, succeeded, failed or cancelled, when it was last asked for."""
        return self.facts.state

    @property
    def path(self) -> str:
        """Its address."""
        return f"/jobs/{self.id}"


class MaskHandle:
    """A mask that the service keeps: to be looked at, edited, and used as ``mask``."""

    def __init__(self, core: "Core[Any, Any]", facts: MaskFacts) -> None:
        self.core = core
        self.facts = facts
        self.drive = core.drive

    @property
    def id(self) -> str:
        """What it is known by, in another process too."""
        return self.facts.id

    @property
    def path(self) -> str:
        """Its address."""
        return f"/masks/{self.id}"


class Core(Generic[J, M]):
    """Where the service is, who calls, and how patiently.

    url: of the service, with a path where it lives under one. api_key: where the service wants one.
    client_id: 16 to 64 letters, digits, - or _, to whom the history belongs where there are no keys; made up
    where left out. timeout: seconds of silence before a connection counts as lost. retries: how often a
    request is sent again after a lost connection, or where the service says that it will do later.
    """

    job_kind: type[J]
    mask_kind: type[M]

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        client_id: str | None = None,
        timeout: float = 60.0,
        retries: int = 4,
    ) -> None:
        self.client_id = client_id or secrets.token_urlsafe(24)
        self.retries = retries
        headers = {"X-Client-ID": self.client_id}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._timeout = timeout
        self._open(base_url=url, headers=headers)

    def _open(self, **options: Any) -> None:
        raise NotImplementedError

    def drive(self, steps: Steps[Any]) -> Any:
        """Take the steps of a call; its value, or an awaitable of it."""
        raise NotImplementedError

    def new_job(self, answer: Mapping[str, Any]) -> J:
        """The handle of a job that the service told of."""
        return self.job_kind(self, JobFacts.read(answer))

    def new_mask(self, answer: Mapping[str, Any]) -> M:
        """The handle of a mask that the service told of."""
        return self.mask_kind(self, MaskFacts.read(answer))

    def ask(
        self, request: Send, fine: Collection[int] = (), more_retries: int = 0, deadline: float = inf
    ) -> Steps[httpx2.Response]:
        """The answer to a request, see leffa.client.steps.ask."""
        return ask(request, self.retries + more_retries, fine, deadline)

    def _arguments(self, request: Send) -> dict[str, Any]:
        """Of httpx2's `build_request` and `stream`."""
        seconds = self._timeout if request.patience is None else request.patience
        return {
            "method": request.method,
            "url": request.path,
            "params": request.params,
            "data": request.data or None,
            "files": request.files or None,
            "content": request.content,
            "headers": request.headers,
            "timeout": httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
        }
