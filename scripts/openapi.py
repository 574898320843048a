"""Writes docs/openapi.json, from which clients are generated: `python scripts/openapi.py`."""

import json
from pathlib import Path

from leffa.service.app import create_app
from leffa.settings import Settings

PATH = Path(__file__).parents[1] / "docs" / "openapi.json"


def describe() -> str:
    """The document of the service, whatever its settings."""
    app = create_app(Settings(_env_file=None, retention_hours=0))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(describe())
