"""What is loaded when, what has to go, and that one bad model harms no other."""

import gc
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from leffa import images
from leffa.engine import local
from leffa.engine.choice import choose
from leffa.engine.local import LocalEngine
from leffa.engine.memory import Memory, Placement
from leffa.engine.pool import Pool, open_pool
from leffa.engine.protocol import Turn, Work
from leffa.engine.shelf import Known, find_shelf
from leffa.errors import LeffaError, ModelFailed, OutOfMemory, UnknownModel, UnsupportedWeights
from leffa.settings import Settings
from leffa.tryon import TryOnResult

GREY = np.full((32, 32, 3), 128, np.uint8)
SIZE = 1000  # bytes of each official model's checkpoint on disk; half of it in 16 bits


class Room:
    """Memory for so many official models; the rest is taken by those that are still alive."""

    def __init__(self, models: int) -> None:
        self.bytes = models * SIZE // 2
        self.alive: weakref.WeakSet = weakref.WeakSet()
        self.released = 0
        self.fault: Exception | None = None
        self.kept: set[str] = set()

    def place(self, known: Known) -> Placement:
        resident = known.size <= self.bytes
        return Placement("cuda", "float16", "resident" if resident else "offloaded", known.size)

    def sees_gpu(self) -> bool:
        return True

    def has_room(self, placement: Placement) -> bool:
        self.answer()
        return placement.size + sum(model.size for model in self.alive) <= self.bytes

    def require(self, placement: Placement) -> None:
        """There is always room on the host."""

    def keep(self, known: Known) -> None:
        self.kept.update(known.preprocessors)

    def used(self) -> dict[str, int]:
        return {"gpu": sum(model.size for model in self.alive)}

    def release(self) -> None:
        self.answer()
        gc.collect()
        self.released += 1

    def answer(self) -> None:
        """As a device that may have lost its mind."""
        if self.fault:
            raise self.fault


class Puppet:
    """A loaded model of some size, which answers at once, or fails as the request's `preset` says."""

    weights, weights_hash, device, dtype = "official", "0" * 64, "cuda", "torch.float16"

    def __init__(self, name: str, room: Room, resident: bool = True) -> None:
        self.resident = resident
        self.model, self.size = name, 0 if name == "mini" else SIZE // 2
        room.alive.add(self)

    def __call__(self, request, progress=None, cancelled=None, preview=None) -> TryOnResult:
        if request.preset == "burst" and sum(model.size for model in self.room.alive) > self.size:
            raise RuntimeError("CUDA out of memory")
        if request.preset == "exit":
            raise SystemExit
        if request.preset == "panorama" and self.resident:
            raise RuntimeError("CUDA out of memory")
        flow = np.zeros((4, 3, 2), np.float32)
        plain = np.zeros((32, 32), np.uint8)
        return TryOnResult(GREY, plain, GREY, plain, plain, flow, 0, self.model, {}, [], {})


def submit(engine: LocalEngine, model: str, act: str = "picture") -> Turn:
    """Work for a model that acts like this."""
    task, other = ("pose", "pose") if model == "pose_transfer" else ("tryon", "garment")
    picture = images.encode(GREY)
    work = Work(task, model, {"preset": act}, {"person": picture, other: picture})
    return engine.submit(work, lambda progress: None)


def maker(turn: Turn) -> str:
    """The model that answered."""
    (made,) = turn.future.result(20)
    return made.facts["model"]


@pytest.fixture
def stage(official) -> SimpleNamespace:
    """Makes pools with memory for so many models, some of which do not load; notes what was loaded."""
    loaded: list[str] = []

    def make(room: int, broken: tuple[str, ...] = (), error: Exception | None = None) -> Pool:
        memory = Room(room)

        def load(name: str, placement: Placement) -> Puppet:
            loaded.append(name)
            if name in broken:
                raise error or UnsupportedWeights("It does not fit.", fix="Get it again.")
            puppet = Puppet(name, memory, placement.networks == "resident")
            puppet.room = memory
            return puppet

        folder = official("viton_hd", "dress_code", "pose_transfer", size=SIZE)
        pool = Pool(find_shelf(Settings(_env_file=None, model_path=folder)), load, memory)
        pool.survey()
        return pool

    return SimpleNamespace(make=make, loaded=loaded)


def states(pool: Pool) -> dict[str, str]:
    return {name: status.state for name, status in pool.statuses.items()}


def load_all_ahead(pool: Pool) -> None:
    while pool.load_ahead():
        pass


def test_everything_is_loaded_ahead_where_there_is_room(stage) -> None:
    pool = stage.make(room=3)
    pool.get("viton_hd")
    load_all_ahead(pool)
    assert stage.loaded == ["viton_hd", "dress_code", "pose_transfer", "mini"]
    assert set(states(pool).values()) == {"loaded"}
    assert pool.statuses["viton_hd"].facts.dtype == "float16"


def test_nothing_is_dropped_to_load_ahead(stage) -> None:
    pool = stage.make(room=1)
    pool.get("viton_hd")
    load_all_ahead(pool)
    assert stage.loaded == ["viton_hd", "mini"]
    assert states(pool) == {
        "viton_hd": "loaded",
        "dress_code": "waiting",
        "pose_transfer": "waiting",
        "mini": "loaded",
    }


def test_the_least_recently_used_goes_first_and_is_let_go(stage) -> None:
    pool = stage.make(room=2)
    pool.get("viton_hd")
    load_all_ahead(pool)  # viton_hd, dress_code, mini
    pool.get("viton_hd")
    pool.get("pose_transfer")
    assert states(pool) == {
        "viton_hd": "loaded",
        "dress_code": "waiting",
        "pose_transfer": "loaded",
        "mini": "loaded",
    }
    alive = {model.model for model in pool.get("mini").room.alive}
    assert alive == {"viton_hd", "pose_transfer", "mini"}
    assert pool.statuses["dress_code"].facts is None


def test_a_model_larger_than_the_device_gets_it_for_itself_and_is_offloaded(stage) -> None:
    pool = stage.make(room=0)
    pool.get("mini")
    for name in ("viton_hd", "dress_code"):
        pool.get(name)
        assert pool.statuses[name].placement.networks == "offloaded"
    assert states(pool)["viton_hd"] == "waiting"
    assert states(pool)["mini"] == "loaded"


def test_a_loaded_model_is_not_loaded_again(stage) -> None:
    pool = stage.make(room=3)
    assert pool.get("viton_hd") is pool.get("viton_hd")
    assert stage.loaded == ["viton_hd"]


def test_a_model_that_does_not_load_says_why_and_harms_no_other(stage) -> None:
    pool = stage.make(room=3, broken=("dress_code",))
    pool.get("viton_hd")
    load_all_ahead(pool)
    assert states(pool)["dress_code"] == "failed"
    assert states(pool)["pose_transfer"] == states(pool)["mini"] == "loaded"
    with pytest.raises(ModelFailed, match=r"It does not fit\. Get it again\."):
        pool.get("dress_code")
    assert stage.loaded.count("dress_code") == 1


def test_want_of_memory_may_pass(stage) -> None:
    pool = stage.make(room=3, broken=("dress_code",), error=RuntimeError("CUDA out of memory"))
    for _ in range(2):
        with pytest.raises(OutOfMemory):
            pool.get("dress_code")
    assert states(pool)["dress_code"] == "waiting"
    assert "memory" in pool.statuses["dress_code"].reason
    assert stage.loaded == ["dress_code"] * 2


def test_what_is_not_here_is_not_loaded(tmp_path: Path) -> None:
    pool = open_pool(Settings(_env_file=None, model_path=tmp_path))
    with pytest.raises(UnknownModel, match="no weights of viton_hd"):
        pool.get("viton_hd")
    assert states(pool)["viton_hd"] == "absent"


@pytest.fixture
def start(stage) -> Iterator:
    """Starts an engine around a pool and stops it at the end."""
    engines: list[LocalEngine] = []

    def begin(**options) -> LocalEngine:
        engine = LocalEngine(stage.make(**options))
        engine.room = engine._pool._memory
        engines.append(engine)
        engine.start()
        wait(lambda: engine.status.state != "loading")
        return engine

    yield begin
    for engine in engines:
        engine.stop()


def wait(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_engine_is_ready_with_its_default_and_loads_the_rest_while_nobody_waits(stage, start) -> None:
    engine = start(room=3)
    assert stage.loaded[0] == "viton_hd"
    wait(lambda: all(status.state == "loaded" for status in engine.models))
    assert engine.default.facts.model == "viton_hd"


def test_an_engine_answers_with_the_model_that_was_chosen(start) -> None:
    engine = start(room=1)
    for garment_type, name in (("upper_body", "viton_hd"), ("dresses", "dress_code")):
        assert maker(submit(engine, choose(engine, "tryon", garment_type))) == name
    assert maker(submit(engine, choose(engine, "pose"))) == "pose_transfer"


def test_without_its_default_an_engine_has_failed_but_answers_who_names_another(start) -> None:
    engine = start(room=3, broken=("viton_hd",))
    assert (engine.status.state, engine.default.state) == ("failed", "failed")
    assert "It does not fit" in engine.status.reason
    for request in (("upper_body", None), ("dresses", "viton_hd")):
        with pytest.raises(ModelFailed, match="It does not fit"):
            choose(engine, "tryon", *request)
    assert maker(submit(engine, choose(engine, "tryon", "upper_body", "mini"))) == "mini"


def test_a_request_that_lacks_memory_gets_that_of_the_other_models(start) -> None:
    engine = start(room=3)
    wait(lambda: all(status.state == "loaded" for status in engine.models))
    assert maker(submit(engine, "dress_code", "burst")) == "dress_code"
    assert [status.known.id for status in engine.models if status.state == "loaded"] == ["dress_code", "mini"]


def test_a_request_that_lacks_memory_alone_on_the_device_offloads_its_model(stage, start) -> None:
    engine = start(room=1)
    for _ in range(2):
        assert maker(submit(engine, "viton_hd", "panorama")) == "viton_hd"
    assert stage.loaded.count("viton_hd") == 2
    assert engine.default.placement.networks == "offloaded"


def test_a_device_that_fails_stops_no_engine_and_leaves_nobody_waiting(start) -> None:
    engine = start(room=2)
    wait(lambda: {status.state for status in engine.models} == {"loaded", "waiting"})
    engine.room.fault = RuntimeError("CUDA error: unspecified launch failure")
    with pytest.raises(LeffaError):
        maker(submit(engine, "viton_hd", "burst"))  # dropping the other model fails
    with pytest.raises(LeffaError):
        maker(submit(engine, "pose_transfer", "picture"))
    engine.room.fault = None
    assert maker(submit(engine, "viton_hd", "picture")) == "viton_hd"


def test_loading_ahead_on_a_device_that_fails_stops_no_engine(stage, start) -> None:
    pool = stage.make(room=3)
    pool.get("viton_hd")
    pool._memory.fault = RuntimeError("CUDA error")
    engine = LocalEngine(pool)
    engine.start()
    try:
        assert maker(submit(engine, "viton_hd", "picture")) == "viton_hd"
    finally:
        engine.stop()


def test_whatever_a_model_does_its_client_gets_an_answer(start) -> None:
    engine = start(room=3)
    with pytest.raises(LeffaError):
        maker(submit(engine, "viton_hd", "exit"))
    assert maker(submit(engine, "viton_hd", "picture")) == "viton_hd"


def test_a_default_that_lacked_memory_is_tried_for_every_request(stage, start) -> None:
    broken = ["viton_hd"]
    engine = start(room=3, broken=broken, error=RuntimeError("CUDA out of memory"))
    assert (engine.status.state, engine.default.state) == ("failed", "waiting")
    assert "memory" in engine.status.reason
    with pytest.raises(OutOfMemory):
        maker(submit(engine, choose(engine, "tryon", "upper_body")))
    broken.clear()
    assert maker(submit(engine, choose(engine, "tryon", "upper_body"))) == "viton_hd"
    assert (engine.status.state, engine.status.reason) == ("ready", "")


def test_a_default_that_lacked_memory_is_tried_again_while_nobody_asks(start, monkeypatch) -> None:
    monkeypatch.setattr(local, "RETRY_SECONDS", 0.05)
    broken = ["viton_hd"]
    engine = start(room=3, broken=broken, error=RuntimeError("CUDA out of memory"))
    assert engine.status.state == "failed"
    broken.clear()
    wait(lambda: engine.status.state == "ready")


def test_preprocessors_take_their_room_once(official) -> None:
    models = find_shelf(Settings(_env_file=None, model_path=official("viton_hd", size=SIZE))).models
    memory = Memory("cpu", "float32")
    hd, pose = models["viton_hd"], models["pose_transfer"]
    assert memory.place(hd).beside > memory.place(pose).beside > 10**8
    memory.keep(pose)
    assert memory.place(pose).beside == 0 < memory.place(hd).beside < 10**9
    memory.keep(hd)
    assert memory.place(hd).beside == 0


def test_the_real_memory_places_models_on_this_machine(official) -> None:
    models = find_shelf(Settings(_env_file=None, model_path=official("viton_hd", size=SIZE))).models
    memory = Memory("cpu", "float32")
    placement = memory.place(models["viton_hd"])
    assert placement == Placement("cpu", "float32", "resident", SIZE, placement.beside)
    assert memory.place(models["mini"]).size == 0
    assert memory.has_room(memory.place(models["mini"]))
    memory.require(placement)
    memory.release()
    with pytest.raises(OutOfMemory, match="GB are free"):
        memory.require(Placement("cpu", "float32", "resident", 10**15))
