"""The loaded models: the default first, others as far as memory goes, the least recently used goes first."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from leffa.engine.memory import Memory, Placement, as_out_of_memory
from leffa.engine.protocol import Facts, Model, ModelStatus
from leffa.engine.shelf import Known, Shelf, find_shelf, official_options
from leffa.errors import LeffaError, ModelFailed
from leffa.settings import Settings
from leffa.tryon import TryOn

logger = logging.getLogger(__name__)


class Pool:
    """Loads, keeps and drops models. One thread may use it; ``statuses`` can be read from any.

    ``load`` makes the model of an id in the place that was found for it.
    """

    def __init__(self, shelf: Shelf, load: Callable[[str, Placement], Model], memory: Memory) -> None:
        self.shelf = shelf
        self._load = load
        self._memory = memory
        self._loaded: dict[str, Model] = {}  # least recently used first
        self._offloaded: set[str] = set()  # whatever fits: a request did not fit in beside them
        self._ahead = [known.id for known in shelf.models.values() if known.usable]
        # Entries are replaced whole, so readers on other threads never see half a change.
        self._statuses = {known.id: at_rest(known) for known in shelf.models.values()}

    @property
    def statuses(self) -> dict[str, ModelStatus]:
        """Where every known model stands, by id, best first."""
        return dict(self._statuses)

    def memory_used(self) -> dict[str, int]:
        """Bytes that this process takes, of the host and of GPUs."""
        return self._memory.used()

    def survey(self) -> None:
        """Find out where each model would run; one that cannot run here says so when it is loaded."""
        for known in self.shelf.models.values():
            try:
                self._note(known.id, placement=self._place(known))
            except LeffaError:
                continue
            except Exception as error:  # a device that is there, but does not answer
                logger.warning("No place was found for %s.", known.id, exc_info=error)

    def sees_gpu(self) -> bool:
        """Whether this machine has anything but its processor for the networks."""
        return self._memory.sees_gpu()

    def get(self, model: str) -> Model:
        """The model, loaded if need be. Raises ModelFailed, OutOfMemory, UnknownModel."""
        if model not in self._loaded:
            self._load_now(self.shelf.models[model])
        self._loaded[model] = self._loaded.pop(model)  # most recently used
        return self._loaded[model]

    def load_ahead(self) -> bool:
        """Load one more model before anybody asks, where it fits in beside the others; False when done."""
        while self._ahead:
            known = self.shelf.models[self._ahead.pop(0)]
            placement = self._statuses[known.id].placement
            if self._statuses[known.id].state != "waiting" or placement is None:
                continue
            if self._memory.has_room(placement):
                self._try_to_load(known)
                return True
        return False

    def keep_only(self, model: str) -> bool:
        """Drop all other models of any size; whether there were any."""
        others = [other for other in self._large() if other != model]
        for other in others:
            self._drop(other)
        return bool(others)

    def offload(self, model: str) -> bool:
        """From now on keep the model's networks off the device while they rest; whether that is a change."""
        placement = self._statuses[model].placement
        known = self.shelf.models[model]
        if placement is None or placement.home == "cpu" or not known.size:
            return False
        self._offloaded.add(model)
        if model in self._loaded:
            self._drop(model)
        return True

    def _try_to_load(self, known: Known) -> None:
        try:
            self._load_now(known)
        except LeffaError:  # its status says so, and whoever asks for it is told
            logger.warning("%s was not loaded ahead.", known.id)

    def _load_now(self, known: Known) -> None:
        status = self._statuses[known.id]
        if not known.usable:
            self.shelf.named(known.id, known.task)  # raises, and says why
        if status.state == "failed":
            raise ModelFailed(f"{known.id} could not be loaded: {status.reason}")
        if known.id in self._ahead:
            self._ahead.remove(known.id)
        self._note(known.id, state="loading")
        try:
            placement = self._make_room(known)
            model = self._load(known.id, placement)
        except Exception as error:
            raise self._failure(known, error) from error
        self._loaded[known.id] = model
        self._memory.keep(known)
        self._note(known.id, state="loaded", reason="", placement=placement, facts=Facts.of(model))
        what = "the embedded demonstration model" if known.weights == "embedded" else "official weights"
        logger.info("%s is loaded: %s, on %s in %s.", known.id, what, placement.device, placement.dtype)

    def _make_room(self, known: Known) -> Placement:
        """Drop the least recently used until the model fits on the device, or nothing large is left."""
        self._memory.release()  # what dropped models and past requests held counts as free
        placement = self._place(known)
        large = self._large()
        while large and not (placement.networks == "resident" and self._memory.has_room(placement)):
            self._drop(large.pop(0))
            placement = self._place(known)
        self._memory.require(placement)
        return placement

    def _place(self, known: Known) -> Placement:
        placement = self._memory.place(known)
        return replace(placement, networks="offloaded") if known.id in self._offloaded else placement

    def _large(self) -> list[str]:
        """The loaded models whose going makes room, least recently used first."""
        return [model for model in self._loaded if self.shelf.models[model].size]

    def _failure(self, known: Known, error: Exception) -> LeffaError:
        """Note why a model could not be loaded. Only memory may be there another time."""
        if shortage := as_out_of_memory(error):
            self._note(known.id, state="waiting", reason=explain(shortage))
            return shortage
        logger.error("%s could not be loaded.", known.id, exc_info=error)
        reason = explain(error)
        self._note(known.id, state="failed", reason=reason)
        return ModelFailed(f"{known.id} could not be loaded: {reason}")

    def _drop(self, model: str) -> None:
        del self._loaded[model]
        self._note(model, state="waiting", facts=None)
        self._memory.release()

    def _note(self, model: str, **changes: Any) -> None:
        self._statuses[model] = replace(self._statuses[model], **changes)


def open_pool(settings: Settings, load: Callable[[str], Model] | None = None) -> Pool:
    """The pool that the settings describe, nothing loaded yet; ``load`` makes models in place of TryOn.load.

    Raises UnknownModel where the settings name a model that does not exist.
    """

    def load_in_place(model: str, placement: Placement) -> Model:
        if load is not None:
            return load(model)
        options = replace(official_options(settings), dtype=placement.dtype)
        return TryOn.load(model, placement.device, options, placement.networks == "resident")

    return Pool(find_shelf(settings), load_in_place, Memory(settings.device, settings.dtype))


def at_rest(known: Known) -> ModelStatus:
    """The status of a model that nothing was done with yet."""
    if known.refused:
        return ModelStatus(known, "refused", known.refused)
    return ModelStatus(known, "waiting" if known.present else "absent")


def explain(error: Exception) -> str:
    """What went wrong and what to do about it, for whoever runs the service."""
    return f"{error.detail} {error.fix}" if isinstance(error, LeffaError) else repr(error)
