"""Which model answers, and why the one that answers by default cannot."""

from leffa.engine.pool import explain
from leffa.engine.protocol import Engine, ModelStatus
from leffa.engine.shelf import Shelf
from leffa.errors import LeffaError, ModelFailed, ModelLoading

LOADING_SECONDS = 5


def choose(engine: Engine, task: str, garment_type: str | None = None, wanted: str | None = None) -> str:
    """The id of the model for a request; raises UnknownModel, ModelLoading or ModelFailed."""
    failed = {status.known.id: status.reason for status in engine.models if status.state == "failed"}
    default = engine.default
    if not default.known.usable:
        failed[default.known.id] = shortcoming(engine.shelf, default)
    chosen = engine.shelf.choose(task, garment_type, wanted, failed).id
    if engine.status.state == "loading":
        raise ModelLoading(retry_after=LOADING_SECONDS)
    if chosen in failed:
        raise ModelFailed(f"{chosen} could not be loaded: {failed[chosen]}")
    return chosen


def shortcoming(shelf: Shelf, default: ModelStatus) -> str:
    """Why the default model cannot answer now; empty where it can, or will be loaded for a request."""
    try:
        shelf.named(default.known.id, default.known.task)
    except LeffaError as error:
        return explain(error)
    return default.reason
