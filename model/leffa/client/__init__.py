"""A client of the service, in two forms that offer the same: Client waits, AsyncClient is awaited.

    from leffa.client import Client

    with Client("http://127.0.0.1:8000") as client:
        client.tryon("person.jpg", "garment.jpg", progress=print).save("tryon.png")

Orders survive a broken connection and are never doubled; every error is one of leffa.errors. Nothing of the
model and of the service is imported.
"""

from leffa.client.awaiting import AsyncClient, AsyncJob, AsyncMask
from leffa.client.blocking import Client, Job, Mask
from leffa.client.calls import MaskOptions, PoseOptions, TryOnOptions
from leffa.client.facts import (
    CheckFinding,
    CheckReport,
    Health,
    JobFacts,
    MaskFacts,
    ModelInfo,
    Progress,
    Result,
)
from leffa.client.pictures import Picture

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "AsyncMask",
    "CheckFinding",
    "CheckReport",
    "Client",
    "Health",
    "Job",
    "JobFacts",
    "Mask",
    "MaskFacts",
    "MaskOptions",
    "ModelInfo",
    "Picture",
    "PoseOptions",
    "Progress",
    "Result",
    "TryOnOptions",
]
