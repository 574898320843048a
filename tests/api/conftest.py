"""The real service on a real port, and pictures to send it."""

import io
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from leffa.errors import Cancelled
from leffa.service.app import create_app
from leffa.service.logs import set_up_logs
from leffa.service.server import make_server
from leffa.settings import Settings
from leffa.tryon import Request, TryOnResult

READY_SECONDS = 60
set_up_logs(Settings(_env_file=None, log_level="error"))  # what goes well is no news here
NOWHERE = Path("no-official-weights")  # a developer's own weights must not change what is tested


@contextmanager
def running(load: Callable[[str], Any], wait: bool = True, **settings: Any) -> Iterator[httpx.Client]:
    """The service with models from ``load``, listening on a free port; gives a client for it."""
    defaults = {
        "_env_file": None,
        "model_path": NOWHERE,
        "retention_hours": 0,
        "rate_limit": "",
        "stop_seconds": 1,
    }
    chosen = Settings(**{**defaults, **settings})
    app = create_app(chosen, load)
    server = make_server(app, chosen, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        client.app = app
        if wait:
            until(lambda: app.state.engine.status.state != "loading")
        yield client
    server.handle_exit(signal.SIGTERM, None)
    thread.join(20)


def until(condition: Callable[[], Any], seconds: float = READY_SECONDS) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


class Puppet:
    """Stands in for a model where a state is needed that the real one cannot be brought into."""

    weights_hash, device, dtype = "0" * 64, "cpu", "float32"

    def __init__(
        self,
        act: Callable[[Request, Callable[[], bool]], None] = lambda request, cancelled: None,
        model: str = "mini",
    ) -> None:
        self.act = act
        self.model, self.weights = model, "embedded" if model == "mini" else "official"

    def __call__(
        self, request: Request, progress: Any = None, cancelled: Any = None, preview: Any = None
    ) -> TryOnResult:
        self.act(request, cancelled)
        plain = np.zeros(request.person.shape[:2], np.uint8)
        pictures = ("person", "garment", "mask", "pose", "model", "seed")
        return TryOnResult(
            image=255 - request.person,
            mask=plain,
            densepose=request.person,
            parsing=plain,
            garment_mask=plain,
            flow=np.zeros((8, 6, 2), np.float32),
            seed=request.seed,
            model=self.model,
            parameters={name: value for name, value in vars(request).items() if name not in pictures},
            findings=[],
            timings={"generate": 0.01},
        )


class Gate:
    """Lets a Puppet's work begin and end when a test says so."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.stopped = threading.Event()

    def __call__(self, request: Request, cancelled: Callable[[], bool]) -> None:
        self.entered.set()
        while not self.open.wait(0.01):
            if cancelled():
                self.stopped.set()
                raise Cancelled()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that is open when the test has ended."""
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture(scope="session")
def client(model: Any) -> Iterator[httpx.Client]:
    """A client of the real service with the real model."""
    with running(lambda name: model) as client:
        yield client


@pytest.fixture(scope="session")
def puppet_client() -> Iterator[httpx.Client]:
    """A client of the service around a model that answers at once."""
    with running(lambda name: Puppet(model=name)) as client:
        yield client


@pytest.fixture(scope="session")
def small_png() -> bytes:
    """A picture of nothing in particular, 64 pixels wide and high."""
    return encode(Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 50).convert("RGB"))


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def send() -> Callable[..., httpx.Response]:
    """POST /tryon with two pictures, and with fields and headers as wanted."""

    def post(
        client: httpx.Client,
        person: bytes,
        garment: bytes,
        mask: bytes | None = None,
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> httpx.Response:
        files = {"human_image": ("person.png", person), "garment_image": ("garment.png", garment)}
        if mask is not None:
            files["mask_image"] = ("mask.png", mask)
        data = {name: str(value) for name, value in fields.items()}
        return client.post("/tryon", files=files, data=data, headers=headers)

    return post


@pytest.fixture(scope="session")
def tools() -> SimpleNamespace:
    """The functions above, for tests that start services of their own."""
    return SimpleNamespace(running=running, until=until, Puppet=Puppet, encode=encode)
