"""The door for ASGI servers: ``uvicorn main:app``."""

from leffa.service.app import create_app
from leffa.service.logs import set_up_logs
from leffa.settings import let_threads_sleep, read_settings

let_threads_sleep()
settings = read_settings()
set_up_logs(settings)
app = create_app(settings)
