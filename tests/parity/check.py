"""Hold the product against golden fixtures: `python tests/parity/check.py DIR`.

DIR holds fixture folders (or is one). Prints one line a check, `NAME kind max_abs_err tolerance ok|FAIL`, and
`NAME kind not yet` for kinds that nothing here checks; checks of one kind in one fixture are told apart by
what follows its name after a slash. Exit status: 0 all well, 1 a FAIL, 2 nothing to say (no such folder, no
fixtures, a damaged fixture). Needs no installed leffa, only its requirements.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "model")]
# Threads that spin while they wait make these tiny networks fifty times slower on a machine with other work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from checks import (  # noqa: E402
    agnostic_mask,
    checkpoint,
    densepose_net,
    densepose_post,
    human_parsing,
    openpose_decode,
    openpose_net,
    pipeline,
    schp_net,
    schp_prepost,
    transform,
    unets,
)
from checks.fixture import DamagedFixture, Fixture, Result  # noqa: E402

KINDS: dict[str, Callable[[Fixture], Iterator[Result]]] = {
    "unets": unets.check,
    "pipeline": pipeline.check,
    "transform": transform.check,
    "agnostic_mask": agnostic_mask.check,
    "densepose_net": densepose_net.check,
    "densepose_post": densepose_post.check,
    "human_parsing": human_parsing.check,
    "openpose_decode": openpose_decode.check,
    "openpose_net": openpose_net.check,
    "schp_net": schp_net.check,
    "schp_prepost": schp_prepost.check,
}
MANIFESTS = "checkpoint_*.json.gz"


def main(arguments: list[str]) -> int:
    """Check one folder; returns the exit status."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        return _refuse("usage: python tests/parity/check.py DIR")
    folder = Path(arguments[0])
    if not folder.is_dir():
        return _refuse(f"there is no folder {folder}")
    try:
        reports = [_report(source) for source in _sources(folder)]
    except DamagedFixture as damage:
        return _refuse(f"damaged fixture: {damage}")
    return 0 if all(reports) else 1


def _refuse(sentence: str) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return 2


def _sources(folder: Path) -> list[Path]:
    """Fixture folders and checkpoint manifests below `folder`, or the folder itself where it is a fixture."""
    if (folder / "fixture.json").exists():
        return [folder]
    held = {
        path.parent
        for pattern in ("*/fixture.json", "*/tensors.safetensors", "*/arrays.npz")
        for path in folder.glob(pattern)
    }
    sources = sorted([*held, *folder.glob(MANIFESTS)])
    if not sources:
        raise DamagedFixture(f"no fixtures in {folder}")
    return sources


@torch.no_grad()
def _report(source: Path) -> bool:
    """Print the lines of one source; whether all were ok."""
    if source.is_file():
        name, kind = source.name.removesuffix(".json.gz"), "checkpoint"
        manifest = checkpoint.read_manifest(source)
        return _print(name, kind, checkpoint.check(manifest))
    fixture = Fixture.load(source)
    name, kind = source.name, fixture.fact("kind")
    if kind not in KINDS:
        print(f"{name} {kind} not yet", flush=True)
        return True
    return _print(name, kind, KINDS[kind](fixture.read_tensors()))


def _print(name: str, kind: str, results: Iterator[Result]) -> bool:
    well = True
    try:
        for result in results:
            verdict = "ok" if result.ok else "FAIL"
            print(
                f"{name}/{result.check} {kind} {result.error:.3g} {result.tolerance:.3g} {verdict}",
                flush=True,
            )
            well &= result.ok
    except DamagedFixture:
        raise
    except Exception as error:  # whatever the product raises on a sound fixture is the product's failure
        print(f"{name} {kind} inf 0 FAIL", flush=True)
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    return well


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
