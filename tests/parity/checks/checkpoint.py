"""Kind `checkpoint`: the list of keys and shapes of a published checkpoint, held against empty networks."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from checks.fixture import DamagedFixture, Result, mismatches
from leffa.diffusion.unets import PREFIXES, build_unets


def read_manifest(path: Path) -> dict[str, Any]:
    """checkpoint_*.json.gz as a dict."""
    try:
        manifest = json.loads(gzip.decompress(path.read_bytes()))
        return {key: manifest[key] for key in ("unet_config", "vae_config", "shapes")}
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DamagedFixture(f"{path.name}: {error!r}") from error


def check(manifest: dict[str, Any]) -> Iterator[Result]:
    """Counts keys that are missing, superfluous or of another shape, a network at a time."""
    with torch.device("meta"):
        reference_unet, unet = build_unets(manifest["unet_config"])
        vae = AutoencoderKL.from_config(manifest["vae_config"])
    for part, network in {"vae": vae, "reference_unet": reference_unet, "unet": unet}.items():
        start = PREFIXES[part]
        expected = {k.removeprefix(start): v for k, v in manifest["shapes"].items() if k.startswith(start)}
        got = {key: list(value.shape) for key, value in network.state_dict().items()}
        superfluous = len(got.keys() - expected.keys())
        missing_or_other = mismatches(part, got, expected).error
        yield Result(part, missing_or_other + superfluous, 0)
