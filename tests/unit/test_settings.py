"""Settings: their defaults, their names, and that .env.example tells the truth."""

import re
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from leffa.engine.shelf import official_options
from leffa.errors import BadParameter
from leffa.official import OfficialOptions
from leffa.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]
BUILD = {"TORCH_INDEX", "LEFFA_ENV_FILE"}  # for one command, not for .env


def example() -> dict[str, tuple[str, str]]:
    """Name → (comment, value) of .env.example."""
    found, comment = {}, ""
    for line in (ROOT / ".env.example").read_text().splitlines():
        if line.startswith("#"):
            comment = line.removeprefix("# ")
        elif line:
            name, _, value = line.partition("=")
            found[name] = (comment, value)
    return found


def written(value: object) -> str:
    """A value as one writes it into such a file."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def of_compose() -> dict[str, str]:
    """Variable → default, of all that docker-compose.yml asks for."""
    files = [ROOT / "docker-compose.yml", ROOT / "model" / "deploy" / "accelerators.yml"]
    text = "".join(path.read_text() for path in files)
    return dict(re.findall(r"\$\{(\w+):?-([^}]*)\}", text))


def test_the_example_lists_every_setting_with_its_default() -> None:
    listed = {name: value for name, (_, value) in example().items()}
    expected = {field.alias: written(field.default) for field in Settings.model_fields.values()}
    assert {name: listed[name] for name in expected} == expected
    assert listed.keys() - expected.keys() == of_compose().keys() - expected.keys() - BUILD | {
        "CUDA_VISIBLE_DEVICES"
    }


def test_the_example_has_the_defaults_of_docker_compose() -> None:
    for name, default in of_compose().items():
        if name not in BUILD | {"LEFFA_WEIGHTS"}:  # empty means the volume of that name
            assert example()[name][1] == default, name


def test_the_example_says_what_each_setting_is() -> None:
    for field in Settings.model_fields.values():
        assert example()[field.alias][0].startswith(field.description.split(" megabytes")[0]), field.alias


def test_the_environment_wins(monkeypatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("LEFFA_MAX_UPLOAD_MB", "3")
    settings = Settings(_env_file=None)
    assert settings.port == 9000
    assert settings.limits.file_bytes == 3 * 1024**2


def test_the_official_models_get_what_is_set(monkeypatch) -> None:
    assert official_options(Settings(_env_file=None)) == OfficialOptions()
    for name, value in (
        ("MODEL_PATH", "elsewhere"),
        ("LEFFA_DTYPE", "bfloat16"),
        ("LEFFA_PARSER", "schp"),
        ("LEFFA_KEYPOINTS", "mediapipe"),
        ("LEFFA_DENSEPOSE", "detectron2"),
    ):
        monkeypatch.setenv(name, value)
    options = official_options(Settings(_env_file=None))
    assert options == OfficialOptions(Path("elsewhere"), "bfloat16", "schp", "mediapipe", "detectron2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "a lot"),
        ("LEFFA_DTYPE", "float8"),
        ("LEFFA_PARSER", "eyes"),
        ("LEFFA_ALLOW_NON_COMMERCIAL", "maybe"),
        ("LEFFA_RETENTION_HOURS", "nan"),
        ("LEFFA_RATE_LIMIT", "often"),
        ("LEFFA_API_KEYS", "bob:my-secret-key"),
    ],
)
def test_nonsense_is_refused_by_name_and_not_repeated(
    monkeypatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(BadParameter) as refused:
        read_settings()
    assert refused.value.field == name
    assert "secret" not in "".join(traceback.format_exception(refused.value))


def test_a_file_of_settings_that_is_no_text_is_refused(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xff\xfe")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadParameter, match="UTF-8|utf-8"):
        read_settings()


def test_only_settings_reads_the_environment() -> None:
    for path in (ROOT / "model" / "leffa").rglob("*.py"):
        text = path.read_text()
        assert path.name == "settings.py" or "os.environ" not in text and "getenv" not in text, path
