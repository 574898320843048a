"""Tells other services that a job is over: signed as Standard Webhooks, tried again with growing pauses.

Only addresses that the whole internet can reach are called, unless the settings allow more: else a client
could make this service call its own neighbours. The name is looked up once and that address is used.
"""

import asyncio
import ipaddress
import json
import logging
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from urllib.parse import SplitResult, urlsplit

import httpx2
from standardwebhooks import Webhook

from leffa.errors import BadWebhook, StorageFailed
from leffa.jobs.job import Job
from leffa.jobs.store import Store

logger = logging.getLogger(__name__)
PAUSES = (5.0, 30.0, 120.0, 600.0, 3600.0, 4 * 3600.0)  # seconds after each failed try
TIMEOUT_SECONDS = 10.0
LOOK_SECONDS = 1.0
AT_ONCE = 20
UNICAST = ipaddress.ip_network("2000::/3")  # all of IPv6 that is handed out to hosts


@dataclass(frozen=True)
class Target:
    """A webhook address, and the network address that its name stood for when it was checked."""

    url: SplitResult
    address: str


def check_webhook(url: str, private: bool) -> Target:
    """The target of an address that may be called. Raises BadWebhook.

    private: whether http and addresses that only some can reach are allowed.
    """
    parts = _parse(url)
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise BadWebhook("Only https addresses are called.", field="webhook_url")
    if not parts.hostname or parts.username or parts.password:
        raise BadWebhook("The address has no plain host name.", field="webhook_url")
    addresses = _look_up(parts)
    if not private and not all(_is_public(address) for address in addresses):
        raise BadWebhook(f"{parts.hostname} is not an address of the public internet.", field="webhook_url")
    return Target(parts, addresses[0])


def _parse(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is none is found only now
    except ValueError as error:
        raise BadWebhook(f"The address cannot be read: {error}.", field="webhook_url") from None
    return parts


def _look_up(parts: SplitResult) -> list[str]:
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or _port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BadWebhook(f"There is no host {parts.hostname!r}.", field="webhook_url") from None
    return [str(address[0]) for *_, address in found]


def _port(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found not in UNICAST:  # what else calls itself global may end at a neighbour
            return False
        found = inner or found
    return found.is_global and not found.is_multicast


class Postman:
    """One thread that delivers the webhooks of finished jobs. ``secret`` is a Standard Webhooks secret."""

    def __init__(self, store: Store, secret: str, private: bool) -> None:
        self._store = store
        self._webhook = Webhook(secret)
        self._private = private
        self._stopping = Event()
        self._thread = Thread(target=self._loop, name="leffa-webhooks", daemon=True)

    def start(self) -> None:
        """Begin to deliver, what an earlier process left included."""
        self._thread.start()

    def stop(self) -> None:
        """End after the delivery that is under way; the rest is delivered at the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_SECONDS)

    def _loop(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                for job in self._store.webhooks(AT_ONCE):
                    if self._stopping.is_set():
                        break
                    if self._store.claim_webhook(job):
                        self._deliver(job)
            except StorageFailed as error:
                logger.error("Webhooks wait: %s", error.detail)

    def _deliver(self, job: Job) -> None:
        problem = self._send(job)
        due = None
        if problem and job.webhook_tries < len(PAUSES):
            due = datetime.now(UTC).timestamp() + PAUSES[job.webhook_tries]
        if problem:
            logger.warning("The webhook of %s failed (try %d): %s", job.id, job.webhook_tries + 1, problem)
        self._store.note_webhook(job, due)

    def _send(self, job: Job) -> str:
        """Deliver; what went wrong, else nothing."""
        assert job.webhook_url is not None
        try:
            target = check_webhook(job.webhook_url, self._private)
            status = asyncio.run(asyncio.wait_for(self._post(target, job), TIMEOUT_SECONDS))
        except BadWebhook as error:
            return error.detail
        except StorageFailed:
            raise
        except TimeoutError:
            return f"it took longer than {TIMEOUT_SECONDS:.0f} s"
        except Exception as error:  # whatever an address or an answer can do, the next job's turn comes
            return f"{type(error).__name__}: {error}"
        return "" if 200 <= status < 300 else f"it answered {status}"

    async def _post(self, target: Target, job: Job) -> int:
        """The status that was answered; the rest of the answer is not read, however long it is."""
        now = datetime.now(UTC)
        data = {"id": job.id, "state": job.state, "task": job.task, "model": job.model, "error": job.error}
        body = json.dumps({"type": f"job.{job.state}", "timestamp": now.isoformat(), "data": data})
        parts = target.url
        host = f"[{target.address}]" if ":" in target.address else target.address
        pinned = parts._replace(netloc=f"{host}:{parts.port or _port(parts)}")
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "webhook-id": job.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(job.id, now, body),
        }
        async with (
            httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client,
            client.stream(
                "POST",
                pinned.geturl(),
                content=body,
                headers=headers,
                extensions={"sni_hostname": parts.hostname or ""},
            ) as answer,
        ):
            return answer.status_code
