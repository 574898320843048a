"""What the containers promise, read off their files; scripts/compose-smoke.sh proves it by running them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = ["model", "frontend"]
DOCKERFILES = [ROOT / folder / "Dockerfile" for folder in ("model", "frontend", "tests")]


def test_every_service_beyond_the_stack_waits_for_its_profile() -> None:
    profiles = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert {name for name, named in profiles.items() if named is None} == set(OURS)
    assert {name for named in profiles.values() for name in named or ()} == {"pull", "testing", "monitoring"}


@pytest.mark.parametrize("name", [*OURS, "pull"])
def test_a_service_may_write_to_its_volumes_alone_and_has_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [place.partition(":")[0] for place in service["tmpfs"]] == ["/tmp"]


def test_the_service_is_asked_of_this_machine_alone() -> None:
    """Whoever may reach the page reaches the API through it."""
    assert SERVICES["model"]["ports"] == ["127.0.0.1:${PORT:-8000}:8000"]


def test_a_gpu_is_reserved_for_nvidia_alone() -> None:
    kinds = yaml.safe_load((ROOT / "model" / "deploy" / "accelerators.yml").read_text())["services"]
    assert "deploy" not in kinds["cpu"]
    [reserved] = kinds["nvidia"]["deploy"]["resources"]["reservations"]["devices"]
    assert reserved["driver"] == "nvidia"


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_images_name_the_version_of_everything_they_begin_with(path: Path) -> None:
    stages = set(re.findall(r"AS (\w+)", path.read_text()))
    for image in re.findall(r"^FROM (\S+)", path.read_text(), re.MULTILINE):
        assert image in stages | {"scratch"} or re.fullmatch(
            r"\w+:[\w.-]+bookworm", image.removesuffix("-slim")
        ), image


@pytest.mark.parametrize("name", OURS)
def test_images_run_as_an_ordinary_user_and_tell_their_health(name: str) -> None:
    text = (ROOT / {"model": "model", "frontend": "frontend"}[name] / "Dockerfile").read_text()
    last = text[text.rindex("FROM ") :]
    assert re.search(r"^USER (?!root|0)\w+", last, re.MULTILINE)
    assert "HEALTHCHECK" in last


def test_code_changes_only_the_last_layers_of_the_service() -> None:
    text = (ROOT / "model" / "Dockerfile").read_text()
    assert text.index("pip --python /opt/leffa install --no-compile -r requirements.txt") < text.index(
        "COPY leffa"
    )
    assert text.index("COPY --from=packages") < text.index("COPY --from=code")


def test_prometheus_asks_the_service_that_compose_starts() -> None:
    settings = yaml.safe_load((ROOT / "model/deploy/monitoring/prometheus.yml").read_text())
    [target] = settings["scrape_configs"][0]["static_configs"][0]["targets"]
    assert target == "model:8000"


def test_python_of_the_images_is_one_that_the_package_allows() -> None:
    package = tomllib.loads((ROOT / "model" / "pyproject.toml").read_text())
    assert package["project"]["requires-python"] == ">=3.11"
    assert all("python:3.11-slim-bookworm" in path.read_text() for path in (DOCKERFILES[0], DOCKERFILES[2]))
