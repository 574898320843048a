"""`python puppet_service.py PORT [SECONDS]`: the service around models that answer at once, as a process."""

import importlib.util
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from leffa.jobs import desk, runner, store
from leffa.official import SPECS
from leffa.service.app import create_app
from leffa.service.logs import set_up_logs
from leffa.service.server import serve
from leffa.settings import Settings, let_threads_sleep
from leffa.tryon import MaskRequest

LAYERS = ("cloth", "arms", "hands", "face", "hair", "accessories", "shoes")
LEASE = 6  # seconds, so that nobody has to wait long for a dead service's jobs
API = Path(__file__).parents[1] / "api" / "conftest.py"


def load_puppet() -> type:
    """The puppet of tests/api, which can draw masks here."""
    spec = importlib.util.spec_from_file_location("api_conftest", API)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Puppet(module.Puppet):
        def mask(self, request: MaskRequest) -> SimpleNamespace:
            """A full mask, and empty layers."""
            layer = np.zeros(request.person.shape[:2], np.uint8)
            return SimpleNamespace(mask=layer + 255, **dict.fromkeys(LAYERS, layer))

    return Puppet


def weights_of_nothing() -> Path:
    """A folder in which every official model seems to be."""
    folder = Path(tempfile.mkdtemp())
    for spec in SPECS.values():
        (folder / spec.checkpoint).touch()
    return folder


def main(port: int, seconds: float) -> None:
    """Serve until told to end; a picture takes `seconds`.

    With LEFFA_DATABASE_URL jobs are kept there, else nowhere.
    """
    let_threads_sleep()
    kept = "LEFFA_DATABASE_URL" in os.environ
    store.LEASE_SECONDS, desk.HOUSEKEEPING_SECONDS, runner.BEAT_SECONDS = LEASE, 1, LEASE / 4
    settings = Settings(
        _env_file=None,
        model_path=weights_of_nothing(),
        **({} if kept else {"retention_hours": 0}),
        rate_limit="",
        queue_size=10_000,
        queue_per_client=10_000,
        stop_seconds=1,
        log_level="error",
    )
    set_up_logs(settings)
    puppet = load_puppet()
    app = create_app(settings, lambda name: puppet(lambda *_: time.sleep(seconds), model=name))
    serve(app, settings, "127.0.0.1", port)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0)
