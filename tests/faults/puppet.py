"""`leffa serve` with a model that needs no torch: quick to start, and it fails in the way its seed says.

The engine's process imports this file too, so the real engine, pipe and watchdog are what is tested.
"""

import os
import signal
import time
from typing import Any

import numpy as np

from leffa.engine.memory import Memory, Placement
from leffa.errors import Cancelled, UnsupportedWeights
from leffa.tryon import TryOn, TryOnResult

STEP_SECONDS = 0.05
CRASH, HANG, RAISE, SHORT_OF_MEMORY = 1001, 1002, 1003, 1004
CRASH_ONCE, HANG_ONCE = 1005, 1006
SAID = {RAISE: RuntimeError("tensor 3 has wings"), SHORT_OF_MEMORY: RuntimeError("CUDA out of memory")}


class Puppet:
    """Takes 50 ms a step; its picture depends on the inputs and the seed alone."""

    model, weights, weights_hash, device, dtype = "mini", "embedded", "0" * 64, "cpu", "float32"

    def __call__(
        self, request: Any, progress: Any = None, cancelled: Any = None, preview: Any = None
    ) -> TryOnResult:
        progress("preprocess", 0, 1)
        steps = request.inference_steps or 1
        for step in range(1, steps + 1):
            time.sleep(STEP_SECONDS)
            if cancelled():
                raise Cancelled()
            misbehave(request.seed)
            progress("denoise", step, steps)
        noise = np.random.default_rng(request.seed).integers(0, 256, request.person.shape, np.uint8)
        plain = np.zeros(request.person.shape[:2], np.uint8)
        return TryOnResult(
            image=request.person ^ noise,
            mask=plain,
            densepose=request.person,
            parsing=plain,
            garment_mask=plain,
            flow=np.zeros((8, 6, 2), np.float32),
            seed=request.seed,
            model=self.model,
            parameters={"inference_steps": steps},
            findings=[],
            timings={"generate": steps * STEP_SECONDS},
        )


def misbehave(seed: int) -> None:
    """What the seed asks for; "once" counts with a file, since the process does not live to remember."""
    if seed == CRASH or (seed == CRASH_ONCE and first_time()):
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == HANG or (seed == HANG_ONCE and first_time()):
        time.sleep(3600)
    if seed in SAID:
        raise SAID[seed]


def first_time() -> bool:
    """Whether nobody asked before in this data folder."""
    try:
        os.close(os.open(os.path.join(os.environ["LEFFA_DATA"], "misbehaved"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def load(*_: object) -> Puppet:
    """The puppet, unless its weights are to be broken."""
    if os.environ.get("PUPPET_LOADS") == "no":
        raise UnsupportedWeights("leffa-mini.safetensors is damaged.")
    return Puppet()


Memory.place = lambda self, known: Placement("cpu", "float32")  # type: ignore[method-assign]
Memory.release = lambda self: None  # type: ignore[method-assign]
TryOn.load = staticmethod(load)  # type: ignore[method-assign]

if __name__ == "__main__":
    from leffa.cli import app
    from leffa.jobs import database
    from leffa.service import server

    database.BUSY_SECONDS, server.HEAD_SECONDS = 2, 4.0  # tests do not wait as long as an operator may
    app()
