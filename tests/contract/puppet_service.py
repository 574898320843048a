"""`python puppet_service.py PORT [SECONDS]`: the service in a process of its own, around models that answer at once."""

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

from leffa.official import SPECS
from leffa.service.app import create_app
from leffa.service.logs import set_up_logs
from leffa.service.server import serve
from leffa.settings import Settings

API = Path(__file__).parents[1] / "api" / "conftest.py"


def puppet_class() -> type:
    spec = importlib.util.spec_from_file_location("api_conftest", API)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Puppet


def weights_of_nothing() -> Path:
    """A folder in which every official model seems to be."""
    folder = Path(tempfile.mkdtemp())
    for spec in SPECS.values():
        (folder / spec.checkpoint).touch()
    return folder


def main(port: int, seconds: float) -> None:
    """Serve until told to end; a picture takes `seconds`."""
    settings = Settings(
        _env_file=None,
        model_path=weights_of_nothing(),
        retention_hours=0,
        rate_limit="",
        queue_size=10_000,
        queue_per_client=10_000,
        stop_seconds=1,
        log_level="error",
    )
    set_up_logs(settings)
    puppet = puppet_class()
    app = create_app(settings, lambda name: puppet(lambda *_: time.sleep(seconds), model=name))
    serve(app, settings, "127.0.0.1", port)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0)
