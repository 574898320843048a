"""Every setting of the service: one line and one default each. Nothing else reads the environment."""

import os
import re
from pathlib import Path
from typing import Literal

from limits import parse
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from leffa.errors import BadParameter
from leffa.images import Limits

MEGABYTE = 1024**2
AUTO = "auto"


class Settings(BaseSettings):
    """Settings from the environment, or from a file ``.env`` in the working folder."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        populate_by_name=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # it may be a key
    )

    host: str = Field("127.0.0.1", alias="LEFFA_HOST", description="address to listen on")
    port: int = Field(8000, alias="PORT", ge=0, le=65_535, description="port to listen on")
    model: str = Field(AUTO, alias="LEFFA_MODEL", description="model that answers when none is asked for")
    device: str = Field(AUTO, alias="LEFFA_DEVICE", description="auto, cpu, mps, cuda or cuda:N")
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = Field(
        "auto", alias="LEFFA_DTYPE", description="precision of the official models"
    )
    parser: Literal["onnx", "schp", "segformer"] = Field(
        "onnx", alias="LEFFA_PARSER", description="who labels the clothes for the official models"
    )
    keypoints: Literal["openpose", "mediapipe"] = Field(
        "openpose", alias="LEFFA_KEYPOINTS", description="who finds the joints for the official models"
    )
    densepose: Literal["torch", "detectron2"] = Field(
        "torch", alias="LEFFA_DENSEPOSE", description="what runs the DensePose weights"
    )
    allow_non_commercial: bool = Field(
        True,
        alias="LEFFA_ALLOW_NON_COMMERCIAL",
        description="whether parts that exclude commerce may be used",
    )
    model_path: Path = Field(
        Path("model_weights"), alias="MODEL_PATH", description="folder of the official weights"
    )
    max_upload_mb: int = Field(20, alias="LEFFA_MAX_UPLOAD_MB", ge=1, description="most megabytes a picture")
    max_megapixels: int = Field(40, alias="LEFFA_MAX_MEGAPIXELS", ge=1, description="most megapixels")
    page: Path = Field(
        Path("frontend/dist"), alias="LEFFA_PAGE", description="folder of the built page, served at /"
    )
    upload_seconds: int = Field(
        60, alias="LEFFA_UPLOAD_SECONDS", ge=1, description="most seconds that a request may take to arrive"
    )
    uploads_per_client: int = Field(
        8, alias="LEFFA_UPLOADS_PER_CLIENT", ge=1, description="most requests of a client arriving at once"
    )
    data_path: Path = Field(Path(".leffa"), alias="LEFFA_DATA", description="folder of the jobs")
    database_url: SecretStr = Field(
        SecretStr(""), alias="LEFFA_DATABASE_URL", description="of the jobs; empty: SQLite in LEFFA_DATA"
    )
    files_url: str = Field(
        "", alias="LEFFA_FILES_URL", description="fsspec address of the jobs' pictures; empty: in LEFFA_DATA"
    )
    retention_hours: float = Field(
        24, alias="LEFFA_RETENTION_HOURS", ge=0, description="how long jobs are kept; 0: nothing on disk"
    )
    queue_size: int = Field(64, alias="LEFFA_QUEUE_SIZE", ge=1, description="most jobs waiting in line")
    queue_per_client: int = Field(
        16, alias="LEFFA_QUEUE_PER_CLIENT", ge=1, description="most jobs of one client waiting in line"
    )
    api_keys: SecretStr = Field(
        SecretStr(""), alias="LEFFA_API_KEYS", description="name:sha256,...; empty: nobody needs a key"
    )
    rate_limit: str = Field(
        "120/minute", alias="LEFFA_RATE_LIMIT", description="requests of a client; empty: no limit"
    )
    cors_origins: str = Field(
        "", alias="LEFFA_CORS_ORIGINS", description="pages of other origins that may call, with commas"
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        alias="LEFFA_WEBHOOK_SECRET",
        description="signs webhooks (whsec_...); empty: none sent",
    )
    webhook_private: bool = Field(
        False, alias="LEFFA_WEBHOOK_PRIVATE", description="whether webhooks may go to private addresses"
    )
    engine: Literal["process", "thread"] = Field(
        "process", alias="LEFFA_ENGINE", description="where the models run: a process of their own is watched"
    )
    step_seconds: float = Field(
        0, alias="LEFFA_STEP_SECONDS", ge=0, description="a step that takes longer hangs; 0: by measurement"
    )
    stop_seconds: int = Field(
        25, alias="LEFFA_STOP_SECONDS", ge=0, description="how long a running job may go on at the end"
    )
    warm_up: bool = Field(True, alias="LEFFA_WARM_UP", description="run a step before saying ready")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", alias="LEFFA_LOG_FORMAT", description="auto: JSON unless a terminal reads it"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", alias="LEFFA_LOG_LEVEL", description="the least that is logged"
    )
    traces: bool = Field(
        False, alias="LEFFA_TRACES", description="send OpenTelemetry traces; needs the extra otel"
    )
    provenance: bool = Field(
        True, alias="LEFFA_PROVENANCE", description="mark pictures as AI-made, with how they were made"
    )

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: SecretStr) -> SecretStr:
        _parse_keys(value.get_secret_value())
        return value

    @field_validator("rate_limit")
    @classmethod
    def _check_rate(cls, value: str) -> str:
        try:
            if value:
                parse(value)
        except ValueError:
            raise ValueError("a limit is written as 120/minute, 10/second or 1000/hour") from None
        return value

    @property
    def keys(self) -> dict[str, str]:
        """Names of the API keys by the SHA-256 of each; empty where nobody needs one."""
        return _parse_keys(self.api_keys.get_secret_value())

    @property
    def alone(self) -> bool:
        """Whether no other service can share the jobs: SQLite, or nothing kept at all."""
        return self.retention_hours == 0 or not self.database_url.get_secret_value().startswith("postgres")

    @property
    def limits(self) -> Limits:
        """What an uploaded picture may be at most."""
        return Limits(file_bytes=self.max_upload_mb * MEGABYTE, pixels=self.max_megapixels * 1_000_000)


def read_settings() -> Settings:
    """The settings. Raises BadParameter where one cannot be used; its value is not told, it may be a key."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise BadParameter(
            f"{name}: {first['msg']}.", field=name, fix="Set another value, in the environment or in .env."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadParameter(
            f".env cannot be read: {error}.", field=".env", fix="It is to be a readable file in UTF-8."
        ) from None


def let_threads_sleep() -> None:
    """Have torch's threads wait asleep, unless the environment says how; before torch is imported.

    By default they wait for each other by spinning: on two cores with anything else to do, a picture then
    takes ten times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _parse_keys(text: str) -> dict[str, str]:
    keys = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, digest = entry.rpartition(":")
        if not name or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError("entries are name:sha256, as `leffa key NAME` prints them")
        keys[digest] = name
    return keys
