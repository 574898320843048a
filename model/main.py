"""The door for ASGI servers: ``uvicorn main:app``."""

from leffa.service.app import create_app
from leffa.settings import Settings

app = create_app(Settings())
