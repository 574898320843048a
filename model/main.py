"""The door for ASGI servers: ``uvicorn main:app``."""

from leffa.service.app import create_app
from leffa.service.logs import set_up_logs
from leffa.settings import Settings, let_threads_sleep

let_threads_sleep()
settings = Settings()
set_up_logs(settings)
app = create_app(settings)
