"""Structured logs: one line an event, JSON or coloured for a terminal, with request and job ids."""

import logging
import sys
from typing import Any

import structlog

from leffa.settings import Settings

QUIET = (
    "uvicorn.access",
    "httpx2",
    "httpcore2",
    "alembic",
)  # said better elsewhere, or by the request's line


def set_up_logs(settings: Settings) -> None:
    """Send everything that is logged, by whomever, to the error output in one format."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if as_json else structlog.processors.ExceptionRenderer(),
    ]
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_settings(settings: Settings) -> None:
    """Every setting with its value; secrets show only that they are set."""
    values = {name: str(value) for name, value in settings.model_dump().items()}
    structlog.get_logger("leffa.settings").info("settings", **values)
