"""Over many seeds everything occurs that a parser must know."""

import numpy as np

from leffa.synth.bodies import HAIR_LOOKS, random_person
from leffa.synth.outfits import random_outfits
from leffa.synth.sampling import sample


def test_every_label_occurs() -> None:
    labels: set[int] = set()
    lip_labels: set[int] = set()
    parts: set[int] = set()
    for seed in range(1000, 1300):
        pair = sample(seed, 128, 96)
        labels |= set(np.unique(pair.labels).tolist())
        lip_labels |= set(np.unique(pair.lip_labels).tolist())
        parts |= set(np.unique(pair.parts).tolist())
        if len(labels) == 18 and len(parts) == 25 and {7, 8} <= lip_labels:
            break
    assert labels == set(range(18))
    assert parts == set(range(25))
    assert {7, 8} <= lip_labels  # coats and socks


def test_garment_types_have_their_shares() -> None:
    drawn = [random_outfits(np.random.default_rng(seed)) for seed in range(600)]
    types = [garment_type for garment_type, _, _ in drawn]
    shares = {name: types.count(name) / len(types) for name in set(types)}
    assert abs(shares["upper_body"] - 0.55) < 0.07
    assert abs(shares["lower_body"] - 0.22) < 0.06
    assert abs(shares["dresses"] - 0.23) < 0.06
    assert all(o.tried.garment_type == name for name, source, target in drawn for o in (source, target))


def test_outfits_of_a_pair_share_what_is_not_tried() -> None:
    for seed in range(100):
        garment_type, source, target = random_outfits(np.random.default_rng(seed))
        if garment_type == "lower_body":
            assert source.top is target.top
        if garment_type == "upper_body":
            assert source.bottom is target.bottom
        assert source.tried is not target.tried


def test_people_have_many_looks() -> None:
    people = [random_person(np.random.default_rng(seed)) for seed in range(300)]
    assert {person.hair_look for person in people} == set(HAIR_LOOKS)
    brightness = [float(person.skin.mean()) for person in people]
    assert min(brightness) < 0.25 and max(brightness) > 0.65
