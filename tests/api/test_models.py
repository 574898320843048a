"""GET /models lists every known model, and each request finds the right one."""

import json

import pytest

from leffa import provenance
from leffa.errors import UnsupportedWeights


@pytest.fixture
def serve(tools, official):
    """Starts a service that has these models, all of which answer at once; some do not load."""

    def start(*models: str, broken: tuple[str, ...] = (), **settings):
        def load(name: str):
            if name in broken:
                raise UnsupportedWeights("It does not fit.")
            return tools.Puppet(model=name)

        return tools.running(load, model_path=official(*models, size=1000), device="cpu", **settings)

    return start


def listed(client) -> dict[str, dict]:
    return {info["id"]: info for info in client.get("/models").json()}


def test_the_embedded_model_alone(client) -> None:
    models = listed(client)
    assert list(models) == ["viton_hd", "dress_code", "pose_transfer", "mini"]
    mini = models["mini"]
    assert (mini["weights"], mini["demonstration"], mini["default"]) == ("embedded", True, True)
    assert (mini["present"], mini["loaded"], mini["state"]) == (True, True, "loaded")
    assert (mini["device"], mini["dtype"], mini["memory"]) == ("cpu", "float32", "resident")
    assert mini["limits"]["inference_steps"] == {"minimum": 1, "maximum": 100}
    assert mini["limits"]["protect"] == ["hands", "face", "hair", "accessories", "shoes"]
    assert mini["defaults"] == {"inference_steps": 8, "guidance_scale": 1.0}
    assert not mini["non_commercial"] and mini["licences"][0]["licence"] == "MIT"


def test_absent_models_say_how_to_get_them_and_on_which_terms(client) -> None:
    models = listed(client)
    hd, pose = models["viton_hd"], models["pose_transfer"]
    assert (hd["present"], hd["loaded"], hd["state"]) == (False, False, "absent")
    assert hd["command"] == "leffa weights pull viton_hd"
    assert "virtual_tryon.pth" in hd["missing"]
    assert hd["non_commercial"] and not hd["refused"]
    assert {entry["part"] for entry in hd["licences"]} == {"code", "weights", "training data"}
    assert "OpenPose body model" in {entry["name"] for entry in hd["licences"]}
    assert hd["memory_bytes"] > 10**9 and hd["device"] == "cpu"
    assert (hd["first_choice_for"], pose["garment_types"], pose["task"]) == ([], [], "pose")
    assert "garment_type" not in pose["limits"] and "sleeves" not in pose["limits"]


def test_each_garment_goes_to_the_model_made_for_it(serve, tools, send, small_png) -> None:
    with serve("viton_hd", "dress_code") as client:
        tools.until(lambda: all(info["loaded"] for info in listed(client).values() if info["present"]))
        for garment_type, model in (
            ("upper_body", "viton_hd"),
            ("lower_body", "dress_code"),
            ("dresses", "dress_code"),
        ):
            answer = send(client, small_png, small_png, garment_type=garment_type)
            assert (answer.headers["x-model"], answer.headers["x-weights"]) == (model, "official")
        assert send(client, small_png, small_png, model="mini").headers["x-model"] == "mini"
        assert client.get("/health").json()["model"] == "viton_hd"
        assert listed(client)["viton_hd"]["weights_hash"] == "0" * 64


def test_the_setting_decides_where_it_names_a_model(serve, send, small_png) -> None:
    with serve("dress_code", model="mini") as client:
        assert send(client, small_png, small_png, garment_type="dresses").headers["x-model"] == "mini"


def firsts(client) -> dict[str, list[str]]:
    """By model what it is the first choice for, of those that are for anything."""
    return {
        name: info["first_choice_for"] for name, info in listed(client).items() if info["first_choice_for"]
    }


def test_the_list_tells_who_answers_which_garment(client, serve, tools) -> None:
    everything = ["upper_body", "lower_body", "dresses"]
    assert firsts(client) == {"mini": everything}
    with serve(model="viton_hd") as lacking:
        assert firsts(lacking) == {}
    with serve("viton_hd", "dress_code") as both:
        assert firsts(both) == {"viton_hd": everything[:1], "dress_code": everything[1:]}
    with serve("viton_hd", "dress_code", broken=("dress_code",)) as half:
        tools.until(lambda: listed(half)["dress_code"]["state"] == "failed")
        assert firsts(half) == {"viton_hd": everything}
    with serve("viton_hd", model="mini") as settled:
        assert firsts(settled) == {"mini": everything}


def test_a_model_without_weights_says_how_to_get_them(puppet_client, send, small_png) -> None:
    body = send(puppet_client, small_png, small_png, model="viton_hd").json()
    assert (body["code"], body["field"], body["allowed"]) == ("unknown_model", "model", ["mini"])
    assert "leffa weights pull viton_hd" in body["fix"]


def test_a_model_that_does_not_load_takes_no_other_down(serve, tools, send, small_png) -> None:
    with serve("viton_hd", "dress_code", broken=("dress_code",)) as client:
        tools.until(lambda: listed(client)["dress_code"]["state"] == "failed")
        assert "It does not fit" in listed(client)["dress_code"]["reason"]
        assert client.get("/health").status_code == 200
        unnamed = send(client, small_png, small_png, garment_type="dresses")
        assert unnamed.headers["x-model"] == "viton_hd"
        named = send(client, small_png, small_png, model="dress_code")
        assert (named.status_code, named.json()["code"]) == (503, "model_failed")


def test_a_default_without_weights_is_told_by_health(serve, send, small_png) -> None:
    with serve(model="viton_hd") as client:
        health = client.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "failed")
        assert "leffa weights pull viton_hd" in health.json()["reason"]
        assert send(client, small_png, small_png).json()["code"] == "model_failed"
        assert send(client, small_png, small_png, model="mini").status_code == 200


def test_non_commercial_parts_can_be_refused(serve, send, small_png) -> None:
    with serve("viton_hd", allow_non_commercial=False) as client:
        hd = listed(client)["viton_hd"]
        assert (hd["present"], hd["refused"], hd["state"]) == (True, True, "refused")
        assert "exclude commerce" in hd["reason"]
        body = send(client, small_png, small_png, model="viton_hd").json()
        assert (body["code"], "exclude commerce" in body["detail"]) == ("unknown_model", True)
        assert send(client, small_png, small_png).headers["x-model"] == "mini"


def test_models_answers_while_the_first_one_loads(tools, gate) -> None:
    def load(name: str):
        gate.open.wait(20)
        return tools.Puppet(model=name)

    with tools.running(load, wait=False) as client:
        tools.until(lambda: listed(client)["mini"]["state"] == "loading")
        assert not listed(client)["mini"]["loaded"]
        gate.open.set()
        tools.until(lambda: listed(client)["mini"]["loaded"])


@pytest.mark.parametrize(
    ("sent", "protect"),
    [
        ({"protect": "hands, face"}, ["hands", "face"]),
        ({"protect": ["hair", "shoes"]}, ["hair", "shoes"]),
        ({"protect": ["hair", "hands,shoes", ""]}, ["hair", "hands", "shoes"]),
        ({"protect": ""}, []),
        ({}, []),
    ],
)
def test_what_to_protect_is_a_list(puppet_client, small_png, sent: dict, protect: list[str]) -> None:
    files = {"human_image": ("a.png", small_png), "garment_image": ("b.png", small_png)}
    answer = puppet_client.post("/tryon", files=files, data=sent)
    assert answer.status_code == 200, answer.text
    assert provenance.read(answer.content).parameters["protect"] == protect


def test_every_option_of_the_mask_and_the_garment_arrives(puppet_client, send, small_png) -> None:
    options = {
        "sleeves": "long",
        "length": "short",
        "preprocess_garment": "true",
        "upstream_faults": "true",
        "repaint": "true",
    }
    parameters = provenance.read(send(puppet_client, small_png, small_png, **options).content).parameters
    assert {name: json.dumps(parameters[name]).strip('"') for name in options} == options


def test_the_embedded_model_obeys_them(client, send, person_png, garment_png) -> None:
    headers = {"Accept": "application/json"}
    options = {"inference_steps": 1, "seed": 1, "headers": headers}
    plain = send(client, person_png, garment_png, **options).json()
    kept = send(client, person_png, garment_png, sleeves="keep", protect="hands", **options).json()
    assert kept["mask"] != plain["mask"]
    assert kept["parameters"]["sleeves"] == "keep" and kept["parameters"]["protect"] == ["hands"]
