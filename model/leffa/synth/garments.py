"""Garments: what a garment is, random ones, and how it is cut out of the suit and skirt shells.

A garment is cut by keep fields: scalars at the panel vertices, in metres or close to it, positive where
there is cloth. The person and the flat picture are cut by the same fields, so they show the same garment.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from leffa.synth.bodies import Panels, load_assets, random_colour
from leffa.synth.textures import Texture, random_texture

TOP_KINDS = ("tshirt", "long_sleeve", "tank", "polo", "shirt", "hoodie", "jacket", "cardigan", "coat")
TOP_ODDS = (0.30, 0.15, 0.11, 0.08, 0.10, 0.07, 0.08, 0.08, 0.03)
OPEN_KINDS = ("jacket", "cardigan", "coat")
NECKS = ("crew", "v", "scoop", "boat", "square", "high")
NECK_ODDS = (0.38, 0.22, 0.17, 0.10, 0.06, 0.07)
SKIRT_TOP = 0.25  # rest z where the skirt shell begins
CROTCH = 0.09  # below it a top needs the skirt shell: the suit has two legs there
NECK_TOP = 0.725  # no cloth reaches higher up the neck
NO_CUT = 9.0


@dataclass(frozen=True)
class Neck:
    """A neckline: half width, depth in front and at the back, metres."""

    kind: str
    width: float
    depth: float
    back_depth: float


@dataclass(frozen=True)
class Details:
    """Trimmings painted on the cloth."""

    collar: float = 0.0  # width of a turned-down collar, 0 = none
    buttons: float = 0.0  # distance between buttons, 0 = none
    placket_end: float = -1.0  # rest z where the button strip ends
    zip: bool = False
    rib: float = 0.0  # width of ribbing at neck, hem and cuffs
    pocket: str = "none"  # none, chest, kangaroo, slits
    trim: np.ndarray | None = None  # colour of collar and ribbing, None = the cloth's
    button: np.ndarray = field(default_factory=lambda: np.full(3, 0.9, np.float32))


@dataclass(frozen=True)
class Garment:
    """One garment with everything that decides its look; lengths are rest-pose z of the mean body."""

    kind: str
    garment_type: str
    texture: Texture
    hem: float
    neck: Neck | None = None
    sleeve: float = 0.0  # end of the sleeve: 0 shoulder, 1 elbow, 2 wrist
    strap: float = 0.0  # half distance of a tank's straps
    hem_curve: float = 0.0
    gap: tuple[float, float] | None = None  # half opening of an open front at the neck and its growth
    waist: float = SKIRT_TOP
    flare: float = 0.0
    ease: float = 0.012  # distance from the body at the chest
    hang: float = 0.01  # further distance at the hem
    limb_ease: float = 0.01  # further distance at the end of sleeves or legs
    relax: int = 6
    details: Details = field(default_factory=Details)
    fold_seed: int = 0

    @property
    def label(self) -> int:
        """ATR label of the garment."""
        return {"upper_body": 4, "dresses": 7}.get(self.garment_type, 5 if self.kind == "skirt" else 6)

    @property
    def uses_skirt(self) -> bool:
        """Whether part of the garment is cut from the skirt shell."""
        return self.kind in ("skirt", "dress") or (self.kind not in ("trousers",) and self.hem < CROTCH)

    @property
    def open_front(self) -> bool:
        """Whether the garment is worn open over another top."""
        return self.gap is not None


@dataclass(frozen=True)
class Piece:
    """The part of a garment cut from one shell."""

    shell: str  # suit or skirt
    keep: np.ndarray  # [U, K] float32, cloth where all are positive
    neck: np.ndarray  # [U] distance from the neckline
    hem: np.ndarray  # [U] distance from the hem
    cuff: np.ndarray  # [U] distance from the end of the sleeve or the waistband


def random_garment(rng: np.random.Generator, garment_type: str) -> Garment:
    """A random garment of a type: upper_body, lower_body or dresses."""
    make = {"upper_body": random_top, "lower_body": random_bottom, "dresses": random_dress}[garment_type]
    return make(rng)


def random_top(rng: np.random.Generator, kind: str | None = None) -> Garment:
    """A random top; open fronts are meant to be worn over another top."""
    kind = kind or str(rng.choice(TOP_KINDS, p=TOP_ODDS))
    coat = kind == "coat"
    hem = rng.choice(
        [rng.uniform(0.10, 0.17), rng.uniform(0.17, 0.25), rng.uniform(-0.02, 0.09)], p=[0.62, 0.28, 0.1]
    )
    loose = rng.random() ** 1.5
    return Garment(
        kind=kind,
        garment_type="upper_body",
        texture=random_texture(rng, kind not in ("polo", "shirt", *OPEN_KINDS)),
        hem=float(rng.uniform(-0.35, 0.05)) if coat else float(hem),
        neck=_random_neck(rng, kind),
        sleeve=_random_sleeve(rng, kind),
        strap=float(rng.uniform(0.065, 0.12)),
        hem_curve=float(rng.uniform(0.02, 0.05))
        if kind == "shirt" and rng.random() < 0.6
        else float(rng.normal(0, 0.004)),
        gap=(float(rng.uniform(0.012, 0.05)), float(rng.uniform(0.0, 0.16))) if kind in OPEN_KINDS else None,
        flare=float(rng.uniform(0, 0.5)),
        ease=float(rng.uniform(0.004, 0.012) + 0.012 * loose + 0.006 * (kind in OPEN_KINDS)),
        hang=float(0.028 * loose + rng.uniform(0, 0.01)),
        limb_ease=float(0.018 * loose + rng.uniform(0, 0.006)),
        relax=int(rng.integers(3, 12)),
        details=_random_details(rng, kind),
        fold_seed=int(rng.integers(1 << 30)),
    )


def _random_neck(rng: np.random.Generator, kind: str) -> Neck:
    if kind in ("polo", "shirt"):
        return Neck("v", float(rng.uniform(0.062, 0.072)), float(rng.uniform(0.05, 0.15)), 0.012)
    if kind in ("jacket", "coat"):
        return Neck("v", float(rng.uniform(0.066, 0.085)), float(rng.uniform(0.10, 0.26)), 0.015)
    if kind == "hoodie":
        return Neck("crew", 0.068, float(rng.uniform(0.035, 0.05)), 0.01)
    if kind == "cardigan":
        return Neck(str(rng.choice(["crew", "v"])), 0.075, float(rng.uniform(0.05, 0.22)), 0.015)
    neck = str(rng.choice(NECKS, p=NECK_ODDS))
    width, depth = {
        "crew": ((0.068, 0.088), (0.045, 0.075)), "v": ((0.068, 0.1), (0.09, 0.2)),
        "scoop": ((0.085, 0.12), (0.1, 0.16)), "boat": ((0.11, 0.145), (0.025, 0.05)),
        "square": ((0.085, 0.115), (0.08, 0.13)), "high": ((0.05, 0.055), (0.0, 0.03)),
    }[neck]  # fmt: skip
    if kind == "tank":
        width = (min(width[0], 0.075), min(width[1], 0.09))
    return Neck(neck, float(rng.uniform(*width)), float(rng.uniform(*depth)), float(rng.uniform(0.015, 0.03)))


def _random_sleeve(rng: np.random.Generator, kind: str) -> float:
    if kind == "tank":
        return 0.0
    if kind in ("tshirt", "polo"):
        return float(rng.uniform(0.32, 0.95))
    if kind == "shirt" and rng.random() < 0.35:
        return float(rng.uniform(0.5, 0.9))
    return float(rng.choice([rng.uniform(1.75, 1.93), rng.uniform(1.2, 1.7)], p=[0.8, 0.2]))


def _random_details(rng: np.random.Generator, kind: str) -> Details:
    trim = random_colour(rng) if rng.random() < 0.4 else None
    button = random_colour(rng) if rng.random() < 0.5 else np.full(3, 0.92, np.float32)
    step = float(rng.uniform(0.06, 0.1))
    chest = "chest" if rng.random() < 0.35 else "none"
    if kind == "polo":
        return Details(float(rng.uniform(0.03, 0.045)), 0.035, 0.52, rib=0.015, trim=trim, button=button)
    if kind == "shirt":
        return Details(float(rng.uniform(0.035, 0.055)), step, -1.0, pocket=chest, button=button)
    if kind == "hoodie":
        return Details(float(rng.uniform(0.035, 0.05)), rib=0.03, pocket="kangaroo", zip=rng.random() < 0.4)
    if kind in ("jacket", "coat"):
        collar = float(rng.choice([0.0, rng.uniform(0.03, 0.07)], p=[0.3, 0.7]))
        return Details(
            collar, step, rib=0.0, pocket="slits", trim=trim if rng.random() < 0.4 else None, button=button
        )
    if kind == "cardigan":
        return Details(buttons=step, rib=float(rng.uniform(0.015, 0.03)), trim=trim, button=button)
    rib = 0.0 if kind == "tank" and rng.random() < 0.5 else float(rng.uniform(0.008, 0.022))
    return Details(rib=rib, trim=trim, pocket="chest" if rng.random() < 0.1 else "none")


def random_bottom(rng: np.random.Generator) -> Garment:
    """Random trousers, shorts or skirt."""
    if rng.random() < 0.33:
        return Garment(
            kind="skirt",
            garment_type="lower_body",
            texture=random_texture(rng, False),
            hem=float(rng.uniform(-0.62, -0.10)),
            waist=float(rng.uniform(0.17, 0.24)),
            flare=float(rng.choice([rng.uniform(0, 0.15), rng.uniform(0.15, 1.0)])),
            details=Details(rib=float(rng.choice([0.0, 0.03]))),
            fold_seed=int(rng.integers(1 << 30)),
        )
    hem = rng.choice(
        [rng.uniform(-0.725, -0.695), rng.uniform(-0.69, -0.5), rng.uniform(-0.28, -0.07)],
        p=[0.6, 0.15, 0.25],
    )
    wide = rng.random() ** 2
    return Garment(
        kind="trousers",
        garment_type="lower_body",
        texture=random_texture(rng, False),
        hem=float(hem),
        waist=float(rng.uniform(0.15, 0.235)),
        ease=float(rng.uniform(0.003, 0.012)),
        hang=0.0,
        limb_ease=float(0.004 + 0.045 * wide),
        relax=int(rng.integers(2, 8)),
        details=Details(rib=0.032, zip=True, pocket="slits"),
        fold_seed=int(rng.integers(1 << 30)),
    )


def random_dress(rng: np.random.Generator) -> Garment:
    """A random dress with or without sleeves."""
    top = random_top(
        rng, str(rng.choice(["tshirt", "long_sleeve", "tank", "shirt"], p=[0.38, 0.22, 0.28, 0.12]))
    )
    return replace(
        top,
        kind="dress",
        garment_type="dresses",
        hem=float(rng.uniform(-0.62, -0.08)),
        waist=SKIRT_TOP,
        hem_curve=0.0,
        flare=float(rng.choice([rng.uniform(0, 0.2), rng.uniform(0.2, 1.1)])),
        ease=float(rng.uniform(0.004, 0.012)),
        hang=float(rng.uniform(0, 0.008)),
    )


def pieces(garment: Garment, tucked_at: float | None = None) -> list[Piece]:
    """Cut a garment out of the shells; `tucked_at`: rest z of the waistband it is tucked into."""
    if garment.kind == "skirt":
        return [_skirt_piece(garment)]
    if garment.kind == "trousers":
        return [_trouser_piece(garment)]
    top = _top_piece(garment, tucked_at)
    below = garment.uses_skirt and (tucked_at is None)
    return [top, _skirt_piece(garment)] if below else [top]


def _skirt_piece(garment: Garment) -> Piece:
    panels = load_assets().panels["skirt"]
    x, z = panels.canon[:, 0], panels.canon[:, 2]
    hem, waist = z - garment.hem, garment.waist + 0.012 - z
    fields = [hem, waist if garment.kind == "skirt" else np.full_like(z, NO_CUT)]
    if garment.open_front:
        fields.append(_front_gap(garment, panels.front, x, z))
    cuff = waist if garment.kind == "skirt" else np.full_like(z, NO_CUT)
    return Piece("skirt", _stack(fields), np.full_like(z, NO_CUT), hem, cuff)


def _trouser_piece(garment: Garment) -> Piece:
    panels = load_assets().panels["suit"]
    z = panels.canon[:, 2]
    hem, waist = z - garment.hem, garment.waist - z
    return Piece(
        "suit", _stack([hem, waist, (0.35 - panels.arm_weight)]), np.full_like(z, NO_CUT), hem, waist
    )


def _top_piece(garment: Garment, tucked_at: float | None) -> Piece:
    panels = load_assets().panels["suit"]
    x, z = panels.canon[:, 0], panels.canon[:, 2]
    neck = neck_field(garment.neck or Neck("crew", 0.08, 0.06, 0.02), panels)
    end = garment.hem + garment.hem_curve * (1 - (x / 0.15) ** 2) * -1
    if garment.uses_skirt:
        end = np.full_like(z, SKIRT_TOP - 0.03)
    if tucked_at is not None:
        end = np.maximum(end, tucked_at - 0.015)
    on_arm = panels.arm_weight
    hem = np.maximum(z - end, (on_arm - 0.5) * 0.3)
    cuff = _armhole(garment, panels) if garment.sleeve <= 0 else _cuff(garment, panels)
    fields = [hem, cuff, neck]
    if garment.open_front:
        fields.append(_front_gap(garment, panels.front, x, z))
    return Piece("suit", _stack(fields), neck, np.full_like(z, NO_CUT) if garment.uses_skirt else hem, cuff)


def _cuff(garment: Garment, panels: Panels) -> np.ndarray:
    along = (garment.sleeve - panels.arm) * 0.27
    return np.maximum(along, (0.5 - panels.arm_weight) * 0.2)


def _armhole(garment: Garment, panels: Panels) -> np.ndarray:
    x, z = np.abs(panels.canon[:, 0]), panels.canon[:, 2]
    curve = garment.strap + 0.02 - x + 4.0 * np.maximum(0, 0.57 - z) ** 2 + 0.3 * np.maximum(0, 0.50 - z)
    return np.minimum(curve, (0.55 - panels.arm_weight) * 0.2)


def _front_gap(garment: Garment, front: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    start, growth = garment.gap or (0.0, 0.0)
    return np.where(front, np.abs(x) - start - growth * np.maximum(0, 0.55 - z) * 0.5, NO_CUT)


def neck_field(neck: Neck, panels: Panels) -> np.ndarray:
    """Distance [U] from the neckline, positive on the cloth; front and back meet at the shoulder seam."""
    x, z = np.abs(panels.canon[:, 0]), panels.canon[:, 2]
    shoulder = shoulder_height(neck.width)
    below = np.minimum(z - shoulder, 0)
    back = np.hypot(x, below * neck.width / neck.back_depth) - neck.width
    if neck.kind == "v":
        inside = neck.width * np.minimum(1 + below / neck.depth, 1.0)
        front = (x - inside) / np.hypot(1, neck.width / neck.depth)
    elif neck.kind == "square":
        front = np.maximum(x - neck.width, -below - neck.depth)
    else:
        stretch = neck.width / neck.depth
        front = (np.hypot(x, below * stretch) - neck.width) / (1 + max(stretch - 1, 0) * (x < neck.width))
    if neck.kind == "high":
        return NECK_TOP - neck.depth - z
    return np.minimum(np.where(panels.front, front, back), NECK_TOP - z)


def shoulder_height(x: float) -> float:
    """Rest z of the shoulder seam at half width x."""
    points = _shoulder_seam()
    near = np.argpartition(np.abs(np.abs(points[:, 0]) - x), 4)[:4]
    return float(points[near, 2].mean()) - 0.002


@cache
def _shoulder_seam() -> np.ndarray:
    """Rest positions [S, 3] of the seam between front and back panel over the shoulders."""
    panels = load_assets().panels["suit"]
    in_front = np.isin(panels.weld, panels.weld[panels.front])
    return panels.canon[~panels.front & in_front & (panels.canon[:, 2] > 0.6)]


def column_min(fields: np.ndarray) -> np.ndarray:
    """Least value of each row of [U, K]: much faster by columns than along the short axis."""
    least = fields[:, 0]
    for column in fields.T[1:]:
        least = np.minimum(least, column)
    return least


def _stack(fields: list[np.ndarray]) -> np.ndarray:
    return np.stack(fields, 1).astype(np.float32)
