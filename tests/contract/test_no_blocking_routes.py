"""The event loop never waits for a disk, a database or a decoder: read off the code, and measured."""

import ast
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "model" / "leffa" / "service"
# Whose every method may wait for the database or the disk, but for those that answer from memory.
SLOW_OBJECTS = {"desk", "store", "_store", "_files"}
FROM_MEMORY = {"hub", "stopping", "depth", "listen", "since", "begin_stop"}
SLOW_CALLS = {
    ("time", "sleep"), ("images", "decode"), ("images", "decode_mask"), ("images", "encode"), ("", "open"),
    ("", "to_job_out"), ("", "check_webhook"), ("", "sha256"), ("", "_fingerprint"), ("", "_hash"),
    ("workbench", "open_pictures"),
}  # fmt: skip
SLOW_METHODS = {"read_bytes", "read_text", "write_bytes", "write_text", "result"}
ROUNDS = 5
LEAST_FUNCTIONS, LEAST_HANDED_OVER = 40, 12  # what there was in 2026: fewer means that this test went blind


def async_functions() -> Iterator[tuple[str, ast.AsyncFunctionDef]]:
    for path in sorted(SERVICE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AsyncFunctionDef):
                yield f"{path.relative_to(SERVICE)}:{node.lineno} {node.name}", node


def on_the_loop(node: ast.AST) -> Iterator[ast.AST]:
    """All that the loop runs itself: not what a function inside is made of, which a thread may run."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield child
            yield from on_the_loop(child)


def names(node: ast.AST) -> list[str]:
    """`request.app.state.desk.get` as its parts, the last one first."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [*parts, node.id] if isinstance(node, ast.Name) else parts


def blocking_calls(node: ast.AST) -> list[str]:
    found = []
    for call in on_the_loop(node):
        if not isinstance(call, ast.Call) or not (parts := names(call.func)):
            continue
        called, owner = parts[0], parts[1] if len(parts) > 1 else ""
        slow_object = owner in SLOW_OBJECTS and called not in FROM_MEMORY
        if slow_object or (owner, called) in SLOW_CALLS or called in SLOW_METHODS:
            found.append(".".join(reversed(parts)))
    return found


def is_done_task(name: str) -> bool:
    """`ending.result()` of a task that is done waits for nothing."""
    return name == "ending.result"


def test_no_async_function_blocks() -> None:
    blocking = {
        where: calls
        for where, node in async_functions()
        if (calls := [name for name in blocking_calls(node) if not is_done_task(name)])
    }
    assert blocking == {}


def test_this_test_sees_something() -> None:
    functions = [node for _, node in async_functions()]
    handed_over = [
        call
        for node in functions
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and names(call.func)[:2] == ["run_sync", "to_thread"]
    ]
    assert len(functions) >= LEAST_FUNCTIONS and len(handed_over) >= LEAST_HANDED_OVER


@pytest.mark.parametrize(
    "line",
    [
        "desk.get(1)",
        "request.app.state.desk.store.get(1)",
        "time.sleep(1)",
        "open('x').read()",
        "images.decode(data)",
        "Path('x').read_bytes()",
        "to_job_out(desk, job)",
    ],
)
def test_what_blocks_is_recognised(line: str) -> None:
    assert blocking_calls(ast.parse(f"async def route():\n    {line}").body[0])


def test_what_a_thread_does_is_not_held_against_the_loop() -> None:
    code = "async def route():\n def read(): return desk.get(1)\n await to_thread.run_sync(read)"
    assert blocking_calls(ast.parse(code).body[0]) == []


def test_health_answers_while_the_database_is_slow(api) -> None:
    with api.running(lambda name: api.Puppet(model=name)) as client:
        store = client.app.state.desk.store
        quick = store.get

        def slow(job: str):
            time.sleep(1)
            return quick(job)

        store.get = slow
        url, ended = str(client.base_url), threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=url, timeout=60) as another:
                while not ended.is_set():
                    another.get("/jobs/nothing")

        crowd = [threading.Thread(target=ask) for _ in range(8)]
        for one in crowd:
            one.start()
        time.sleep(0.3)
        rounds = [slowest_of(client, 50) for _ in range(ROUNDS)]  # the machine may have other things to do
        ended.set()
        for one in crowd:
            one.join()
    assert min(rounds) < 0.1, rounds


def slowest_of(client: httpx.Client, count: int) -> float:
    """The longest of so many answers of /health, in seconds: of 50 that is the 99th percentile."""
    seconds = []
    for _ in range(count):
        begun = time.perf_counter()
        assert client.get("/health").status_code == 200
        seconds.append(time.perf_counter() - begun)
    return max(seconds)
