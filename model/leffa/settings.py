"""Every setting of the service: one line and one default each. Nothing else reads the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from leffa.images import Limits

MEGABYTE = 1024**2
AUTO = "auto"


class Settings(BaseSettings):
    """Settings from the environment, or from a file ``.env`` in the working folder."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)

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
    queue_size: int = Field(8, alias="LEFFA_QUEUE_SIZE", ge=1, description="most requests waiting in line")

    @property
    def limits(self) -> Limits:
        """What an uploaded picture may be at most."""
        return Limits(file_bytes=self.max_upload_mb * MEGABYTE, pixels=self.max_megapixels * 1_000_000)
