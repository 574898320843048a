"""House rules that a machine can check: short functions and files, types, docstrings, light imports."""

import ast
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "model" / "leffa"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
MAY_BE_LONGER = {"errors.py"}  # one tree in one file
MEDIAN_FUNCTION, NINETIETH_FUNCTION = 8, 30
CATCH_ALLS = {"utils", "util", "helpers", "helper", "common", "misc"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def public(node: ast.AST) -> bool:
    return not getattr(node, "name", "_").startswith("_")


def test_files_are_short() -> None:
    lengths = {path.relative_to(PACKAGE): len(path.read_text().splitlines()) for path in FILES}
    too_long = {str(path) for path, lines in lengths.items() if lines > LONGEST_FILE}
    assert too_long <= MAY_BE_LONGER


def test_functions_are_short() -> None:
    lengths = {
        f"{path.relative_to(PACKAGE)}:{node.name}": length(node)
        for path, tree in TREES.items()
        for node in functions(tree)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}
    ordered = sorted(length(node) for tree in TREES.values() for node in functions(tree))
    assert median(ordered) <= MEDIAN_FUNCTION
    assert ordered[int(len(ordered) * 0.9)] <= NINETIETH_FUNCTION


def test_every_function_says_what_it_returns() -> None:
    silent = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}"
        for path, tree in TREES.items()
        for node in functions(tree)
        if node.returns is None
    ]
    assert not silent, "\n".join(silent)


def test_every_public_name_has_a_docstring() -> None:
    silent = []
    for path, tree in TREES.items():
        bodies = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef) and public(node))]
        named = [
            child
            for body in bodies
            for child in body.body
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and public(child)
        ]
        silent += [
            f"{path.relative_to(PACKAGE)} {getattr(node, 'name', 'module')}"
            for node in [tree, *named]
            if not ast.get_docstring(node)
        ]
    assert not silent, "\n".join(silent)


def test_no_file_is_a_catch_all() -> None:
    assert [path for path in FILES if CATCH_ALLS & {path.stem, path.parent.name}] == []


def test_routes_wait_or_answer_from_memory() -> None:
    """An `async def` route that never awaits must be as short as a look into memory."""
    for path in (PACKAGE / "service" / "routes").glob("*.py"):
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.AsyncFunctionDef) and length(node) > 20:
                assert any(isinstance(inner, ast.Await) for inner in ast.walk(node)), (path, node.name)


@pytest.mark.parametrize(
    "module",
    ["leffa", "leffa.cli", "leffa.client", "leffa.errors", "leffa.images", "leffa.service.app"],
)
def test_importing_does_not_bring_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_the_package_is_quick() -> None:
    def seconds(code: str) -> float:
        """Of the processor: how long it takes on a busy machine says nothing."""
        return min(once(code) for _ in range(3))

    def once(code: str) -> float:
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime

    bare = seconds("pass")
    assert seconds("import leffa") < 2 * bare
    assert seconds("import leffa.client") - bare < 3 * (seconds("import httpx2") - bare)


def test_the_package_offers_exactly_these_names() -> None:
    import leffa

    assert sorted(leffa.__all__) == [
        "Finding",
        "LeffaError",
        "PoseRequest",
        "TryOn",
        "TryOnRequest",
        "TryOnResult",
        "__version__",
    ]
    assert all(getattr(leffa, name) for name in leffa.__all__)
