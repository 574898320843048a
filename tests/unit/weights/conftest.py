"""A hub on this machine, with its file protocol and its accidents, and a weights folder of small networks."""

import hashlib
import json
import os
import runpy
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_random_weights.py"
REPO = "franciszzj/Leffa"
FIRST, SECOND = "1" * 40, "2" * 40
CHUNK = 256 * 1024


@dataclass
class Hub:
    """What it has, by path, and what goes wrong: breaking off, wrong bytes, refusals, slowness."""

    files: dict[str, bytes]
    revision: str = FIRST
    older: dict[str, dict[str, bytes]] = field(default_factory=dict)
    cut_after: dict[str, int] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    claimed_sizes: dict[str, int] = field(default_factory=dict)
    refusal: int = 0
    pause: float = 0.0
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    address: str = ""

    def move_on(self, files: dict[str, bytes]) -> None:
        """A new revision; the old one stays reachable by its name."""
        self.older[self.revision] = self.files
        self.files, self.revision = files, SECOND

    def downloads(self) -> list[str]:
        """Paths that were asked for, in order."""
        return [path for path, _ in self.asked]

    def listing(self) -> dict[str, object]:
        """The answer to /api/models/REPO?blobs=true: large files carry a sha256, small ones git's hash."""
        siblings = []
        for path, content in self.files.items():
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            size = self.claimed_sizes.get(path, len(content))
            entry: dict[str, object] = {"rfilename": path, "blobId": git, "size": size}
            if not path.endswith(".json"):
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": size, "pointerSize": 134}
            siblings.append(entry)
        return {"_id": "0", "id": REPO, "modelId": REPO, "sha": self.revision, "siblings": siblings}


class Handler(BaseHTTPRequestHandler):
    """One request to the hub."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        """The listing, or a file from where the range begins."""
        path = unquote(urlsplit(self.path).path)
        if REPO not in path:  # the client asks for things of its own, too
            self._answer(404, b"")
            return
        self.hub.tokens.add(self.headers.get("Authorization"))
        if self.hub.refusal:
            self._answer(self.hub.refusal, b"")
        elif path.startswith(f"/api/models/{REPO}"):
            self._answer(200, json.dumps(self.hub.listing()).encode(), "application/json")
        else:
            revision, _, name = path.removeprefix(f"/{REPO}/resolve/").partition("/")
            files = {**self.hub.older, self.hub.revision: self.hub.files, "main": self.hub.files}[revision]
            self._send(name, files[name])

    def _send(self, name: str, content: bytes) -> None:
        wanted = self.headers.get("Range")
        self.hub.asked.append((name, wanted))
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        if name in self.hub.spoiled:
            content = bytes(len(content))
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("X-Repo-Commit", self.hub.revision)
        self.end_headers()
        end = self.hub.cut_after.pop(name, len(content))
        for place in range(start, end, CHUNK):
            self.wfile.write(content[place : min(place + CHUNK, end)])
            time.sleep(self.hub.pause)
        self.close_connection = end < len(content)

    def _answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub with every file of viton_hd and dress_code; the checkpoint is larger than a download chunk."""
    files = {
        "virtual_tryon.pth": noise(25_000_000),
        "virtual_tryon_dc.pth": noise(1_000),
        "densepose/model_final_162be9.pkl": noise(4_000),
        "humanparsing/parsing_atr.onnx": noise(3_000),
        "humanparsing/parsing_lip.onnx": noise(2_000),
        "openpose/body_pose_model.pth": noise(1_000),
        "stable-diffusion-inpainting/unet/config.json": b"{}\n",
        "stable-diffusion-inpainting/vae/config.json": b'{"a": 1}\n',
        "stable-diffusion-inpainting/scheduler/scheduler_config.json": b'{"b": 1}\n',
    }
    served = Hub(files)
    handler = type("Bound", (Handler,), {"hub": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    served.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


def noise(count: int) -> bytes:
    """So many bytes that no other count begins with."""
    block = hashlib.shake_256(str(count).encode()).digest(min(count, 65_536))
    return (block * (count // len(block) + 1))[:count]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete weights folder of viton_hd with small random networks, as published: pickles."""
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    runpy.run_path(str(SCRIPT))["main"]([str(folder), "--tiny", "--format", "pth", "--dtype", "float32"])
    return folder


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of it; `leffa weights` works there."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "weights", copy_function=os.link))
