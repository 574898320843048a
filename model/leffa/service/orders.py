"""From a form to jobs: the model chosen, the seeds drawn, the pictures looked at, everything noted."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from leffa.engine import workbench
from leffa.engine.choice import choose
from leffa.engine.protocol import Engine
from leffa.errors import BadMask, BadParameter, BadWebhook, Finding, JobMissing
from leffa.jobs.job import Job, new_id
from leffa.jobs.webhooks import check_webhook
from leffa.provenance import sha256
from leffa.service.callers import Caller
from leffa.service.fields import NAMES
from leffa.service.forms import Form
from leffa.tryon import EMBEDDED, SEEDS

# A decoded photo can take a few hundred megabytes, so only so many are decoded at a time.
DECODERS = 2
API_NAMES = {ours: theirs for theirs, ours in NAMES.items()}
# Fields that say what becomes of a job, not what its picture looks like.
NOT_OPTIONS = {
    "seed", "model", "output_format", "num_images", "task", "priority", "webhook_url", "mask_id",
}  # fmt: skip
LONGEST_KEY = 255


@dataclass(frozen=True)
class Order:
    """A job that is ready to be accepted, and its input files by our names."""

    job: Job
    files: Mapping[str, bytes]


async def order(request: Request, form: Form, waited_for: bool = False) -> list[Job]:
    """The accepted jobs of a form: one, or one a garment where there are several.

    Raises whatever can be wrong with it, and QueueFull, TooManyJobs, IdempotencyMismatch, Stopping.
    """
    orders = await prepare(request, form, waited_for)
    desk = request.app.state.desk
    jobs, files = [one.job for one in orders], [one.files for one in orders]
    accepted: list[Job] = await to_thread.run_sync(desk.accept, jobs, files)
    return accepted


async def prepare(request: Request, form: Form, waited_for: bool) -> list[Order]:
    """The orders of a form, every picture decoded once to see that it can be."""
    state = request.app.state
    caller: Caller = request.state.caller
    fields: Any = form.fields
    model = _model(state.engine, form)
    webhook = await _webhook(request, getattr(fields, "webhook_url", None))
    base = await _with_mask(request, form)
    garments = form.files.get("garment", [])
    sets = [{**base, "garment": garment} for garment in garments] or [base]
    findings = [await look_at(state.decoders, files, state.settings.limits) for files in sets]
    batch = new_id() if form.call.repeated else None
    key = _idempotency_key(request)
    print_of_all, hashes = await to_thread.run_sync(_hash, form, base, sets)
    return [
        Order(
            Job(
                task=form.call.task,
                model=model,
                options=fields.model_dump(mode="json", exclude=NOT_OPTIONS),
                seeds=_seeds(fields),
                inputs=hashes[index],
                output_format=getattr(fields, "output_format", "png"),
                owner=caller.owner,
                lane=caller.lane,
                priority=getattr(fields, "priority", "interactive"),
                waited_for=waited_for,
                idempotency_key=key if index == 0 else None,
                fingerprint=print_of_all,
                webhook_url=webhook,
                batch=batch,
                findings=[asdict(finding) for finding in found],
            ),
            files,
        )
        for index, (files, found) in enumerate(zip(sets, findings, strict=True))
    ]


def _model(engine: Engine, form: Form) -> str:
    """Raises UnknownModel, ModelLoading, ModelFailed."""
    if form.call.task == "check":
        return EMBEDDED  # whose eyes look, whichever model dresses
    fields: Any = form.fields
    task = "tryon" if form.call.task == "mask" else form.call.task
    return choose(engine, task, getattr(fields, "garment_type", None), fields.model)


async def look_at(limiter: CapacityLimiter, files: Mapping[str, bytes], limits: Any) -> list[Finding]:
    """Decode the pictures, off the event loop; raises what leffa.images raises."""

    def decode() -> list[Finding]:
        return workbench.open_pictures(files, limits, API_NAMES)[1]

    return await to_thread.run_sync(decode, limiter=limiter)


async def _with_mask(request: Request, form: Form) -> dict[str, bytes]:
    """The files but the garments, with the mask that a `mask_id` names."""
    files = {name: datas[0] for name, datas in form.files.items() if name != "garment"}
    mask_id = getattr(form.fields, "mask_id", None)
    if mask_id is None:
        return files
    if "mask" in files:
        raise BadParameter("mask_image and mask_id were both sent.", field="mask_id", fix="Send one of them.")
    files["mask"] = await to_thread.run_sync(_read_mask, request, mask_id)
    return files


def _read_mask(request: Request, mask_id: str) -> bytes:
    desk, caller = request.app.state.desk, request.state.caller
    try:
        job = desk.get(mask_id, caller.owner)
    except JobMissing:
        job = None
    if job is None or job.task != "mask" or job.state != "succeeded":
        raise BadMask("There is no such mask.", field="mask_id", fix="Make one with POST /masks.")
    data: bytes = desk.part(job, "mask", 0)
    return data


async def _webhook(request: Request, url: str | None) -> str | None:
    settings = request.app.state.settings
    if url is None:
        return None
    if not settings.webhook_secret.get_secret_value():
        raise BadWebhook(
            "This service sends no webhooks.", field="webhook_url", fix="Its operator can set a secret."
        )
    await to_thread.run_sync(check_webhook, url, settings.webhook_private)
    return url


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise BadParameter(f"The key has 1 to {LONGEST_KEY} characters.", field="Idempotency-Key")
    return key


def _hash(
    form: Form, base: Mapping[str, bytes], sets: Sequence[Mapping[str, bytes]]
) -> tuple[str, list[dict[str, str]]]:
    """The fingerprint, and each set's digests by name; takes a while for many large files."""
    digests = [{name: sha256(data) for name, data in files.items()} for files in sets]
    return _fingerprint(form, base), digests


def _fingerprint(form: Form, base: Mapping[str, bytes]) -> str:
    """A digest of all that was sent, to know the same request again."""
    files: Sequence[tuple[str, bytes]] = [
        *sorted(base.items()), *(("garment", garment) for garment in form.files.get("garment", []))
    ]  # fmt: skip
    hashes = [(name, sha256(data)) for name, data in files]
    text = json.dumps([form.call.task, form.fields.model_dump(mode="json"), hashes], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _seeds(fields: Any) -> list[int]:
    first, count = getattr(fields, "seed", 0), SEEDS[1] + 1
    if first == "random":
        first = secrets.randbelow(count)
    return [(first + i) % count for i in range(getattr(fields, "num_images", 1))]
