"""`leffa.client` against the real service: the same calls, waiting and awaited."""

import asyncio
import hashlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leffa import errors
from leffa.client import AsyncClient, Client, Progress, Result
from leffa.errors import Finding


@pytest.fixture
def service(tools: SimpleNamespace, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts services around puppets that keep their jobs; gives the address."""
    opened = []

    def start(act: Any = lambda request, cancelled: None, **settings: Any) -> str:
        settings = {"retention_hours": 1, "data_path": tmp_path / f"data-{len(opened)}", **settings}
        context = tools.running(lambda name: tools.Puppet(act, name), **settings)
        opened.append(context)
        return str(context.__enter__().base_url)

    yield start
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def url(tools: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service around a model that answers at once, and that keeps its jobs."""
    data = tmp_path_factory.mktemp("data")
    with tools.running(lambda name: tools.Puppet(model=name), retention_hours=1, data_path=data) as running:
        yield str(running.base_url)


def size(picture: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(picture)).size


def test_one_call_makes_a_picture(client, person_png, garment_png, tmp_path) -> None:
    seen: list[Progress] = []
    with Client(str(client.base_url)) as leffa:
        result = leffa.tryon(person_png, garment_png, seed=7, inference_steps=2, progress=seen.append)
    assert size(result.image) == size(person_png)
    assert (result.seed, result.model, result.job.demonstration) == (7, "mini", True)
    assert result.save(tmp_path / "tryon.png").read_bytes() == result.image
    assert ("denoise", 2, 2) in [(now.stage, now.step, now.total) for now in seen]
    previews = [size(now.preview) for now in seen if now.preview]
    assert previews and max(previews[-1]) <= 160


def test_the_awaited_client_does_the_same(client, person_png, garment_png) -> None:
    seen: list[Progress] = []

    async def dress() -> list[Result]:
        async with AsyncClient(str(client.base_url)) as leffa:
            orders = [
                leffa.tryon(person_png, garment_png, seed=seed, inference_steps=1, progress=seen.append)
                for seed in (1, 2)
            ]
            return await asyncio.gather(*orders)

    results = asyncio.run(dress())
    assert [result.seed for result in results] == [1, 2]
    assert results[0].image != results[1].image
    assert {now.stage for now in seen} >= {"queue", "denoise"}


def test_a_picture_is_bytes_a_path_an_image_or_an_array(url, person_png, garment_png, tmp_path) -> None:
    path = tmp_path / "person.png"
    path.write_bytes(person_png)
    image = Image.open(path).convert("RGB")
    with Client(url) as leffa:
        forms: list[Any] = [person_png, path, str(path), image, np.asarray(image)]
        pictures = [leffa.tryon(form, garment_png).image for form in forms]
        with pytest.raises(errors.FileMissing, match=r"nowhere\.png"):
            leffa.tryon(tmp_path / "nowhere.png", garment_png)
    pixels = [np.asarray(Image.open(io.BytesIO(picture))) for picture in pictures]
    assert all((one == pixels[0]).all() for one in pixels)


def test_a_job_is_watched_fetched_and_deleted(url, small_png) -> None:
    with Client(url) as leffa:
        job = leffa.submit(small_png, small_png, num_images=2, seed=5, output_format="webp")
        assert job.facts.seeds == (5, 6)
        result = job.wait()
        assert job.state == "succeeded" and job.facts.finished is not None
        assert result.images == (job.image(), job.image(1))
        assert Image.open(io.BytesIO(job.part("mask", 1))).format == "PNG"
        again = leffa.job(job.id)
        assert again.facts == job.facts
        with pytest.raises(errors.PartMissing):
            job.image(2)
        job.delete()
        with pytest.raises(errors.JobMissing):
            again.refresh()
        again.delete()  # gone is gone


def test_poses_are_transferred(service, official, small_png) -> None:
    url = service(model_path=official("pose_transfer"))
    with Client(url) as leffa:
        result = leffa.pose_transfer(small_png, small_png, seed=3)
        assert (result.job.task, result.model, result.seed) == ("pose", "pose_transfer", 3)
        with pytest.raises(errors.UnknownParameter):
            leffa.submit_pose(small_png, small_png, garment_type="dresses")  # type: ignore[call-arg]


def test_a_running_job_is_cancelled(service, gate, small_png) -> None:
    with Client(service(gate)) as leffa:
        job = leffa.submit(small_png, small_png)
        assert gate.entered.wait(10)
        assert job.refresh().state == "running"
        with pytest.raises(errors.JobUnfinished) as unfinished:
            job.image()
        assert unfinished.value.retry_after == 1
        job.cancel()
        with pytest.raises(errors.JobCancelled):
            job.wait(timeout=20)
        assert gate.stopped.is_set()


def test_to_cancel_a_finished_job_changes_nothing(url, small_png) -> None:
    with Client(url) as leffa:
        job = leffa.submit(small_png, small_png)
        job.wait()
        assert job.cancel().state == "succeeded"
        assert job.image()


def test_to_delete_a_running_job_stops_it_first(service, gate, small_png) -> None:
    with Client(service(gate)) as leffa:
        job = leffa.submit(small_png, small_png)
        assert gate.entered.wait(10)
        job.delete()
        assert gate.stopped.is_set()
        assert leffa.history() == []


def test_waiting_ends_in_time_and_the_job_goes_on(service, gate, small_png) -> None:
    with Client(service(gate)) as leffa:
        job = leffa.submit(small_png, small_png)
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            job.wait(timeout=0.5)
        assert 0.4 < time.monotonic() - begun < 5
        gate.open.set()
        assert job.wait(timeout=20).image


def test_an_interruption_cancels_the_job(service, gate, small_png) -> None:
    def interrupt(now: Progress) -> None:
        gate.entered.wait(10)
        raise KeyboardInterrupt

    with Client(service(gate)) as leffa:
        blocker = leffa.submit(small_png, small_png)
        with pytest.raises(KeyboardInterrupt):
            leffa.tryon(small_png, small_png, progress=interrupt)
        newest, oldest = leffa.history()
        assert newest.state == "cancelled"
        assert (oldest.id, oldest.state) == (blocker.id, "running")


def test_a_cancelled_task_cancels_the_job(service, gate, small_png) -> None:
    async def dress(url: str) -> list[str]:
        waiting = asyncio.Event()
        async with AsyncClient(url) as leffa:
            await leffa.submit(small_png, small_png)
            await asyncio.to_thread(gate.entered.wait, 10)
            order = leffa.tryon(small_png, small_png, progress=lambda now: waiting.set())
            task = asyncio.create_task(order)
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return [job.state for job in await leffa.history()]

    assert asyncio.run(dress(service(gate))) == ["cancelled", "running"]


def test_a_batch_is_a_job_a_garment(url, small_png, garment_png) -> None:
    with Client(url) as leffa:
        jobs = leffa.batch(small_png, [small_png, garment_png], priority="batch", output_format="jpeg")
        assert len(jobs) == 2 and jobs[0].facts.batch == jobs[1].facts.batch
        assert [size(job.wait().image) for job in jobs] == [(64, 64)] * 2


def test_everybody_has_a_history_of_their_own(url, small_png) -> None:
    with Client(url) as mine, Client(url, client_id="another-random-word") as other:
        ordered = [mine.submit(small_png, small_png).id for _ in range(3)]
        assert [job.id for job in mine.history()] == ordered[::-1]
        assert [job.id for job in mine.history(limit=2)] == ordered[:0:-1]
        assert other.history() == []
    with Client(url, client_id=mine.client_id) as later:
        assert len(later.history()) == 3


def test_a_long_history_comes_in_pages(url, small_png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leffa.client.calls.LONGEST_PAGE", 2)
    with Client(url) as leffa:
        ordered = [leffa.submit(small_png, small_png).id for _ in range(5)]
        assert [job.id for job in leffa.history(limit=5)] == ordered[::-1]


def test_keys_are_sent(service, small_png) -> None:
    url = service(api_keys=f"shop:{hashlib.sha256(b'secret').hexdigest()}")
    with Client(url, api_key="secret") as shop, Client(url) as nobody, Client(url, api_key="no") as wrong:
        job = shop.submit(small_png, small_png)
        assert job.wait().image
        with pytest.raises(errors.MissingKey):
            nobody.submit(small_png, small_png)
        with pytest.raises(errors.BadKey):
            wrong.job(job.id)


def test_errors_are_the_service_s_own(url, small_png) -> None:
    with Client(url) as leffa:
        with pytest.raises(errors.NotAnImage) as bad:
            leffa.tryon(b"no picture at all", small_png)
        assert bad.value.field == "human_image" and bad.value.fix
        assert bad.value.__notes__[0].startswith("request or job: ")
        with pytest.raises(errors.UnknownParameter) as unknown:
            leffa.tryon(small_png, small_png, colour="red")  # type: ignore[call-arg]
        assert "seed" in unknown.value.allowed
        with pytest.raises(errors.BadParameter) as out:
            leffa.submit(small_png, small_png, guidance_scale=99)
        assert out.value.received == "99"


def test_what_stopped_a_job_is_raised(service, small_png) -> None:
    def nobody_there(request: Any, cancelled: Any) -> None:
        raise errors.NoPerson("Only a dog.", field="human_image")

    with Client(service(nobody_there)) as leffa:
        with pytest.raises(errors.NoPerson, match=r"Only a dog\.") as stopped:
            leffa.tryon(small_png, small_png)
        (job,) = leffa.history()
        assert job.state == "failed" and isinstance(job.facts.error, errors.NoPerson)
        assert f"job: {job.id}" in stopped.value.__notes__


def test_retry_after_is_obeyed(service, small_png) -> None:
    with Client(service(rate_limit="2/2 second")) as leffa:
        begun = time.monotonic()
        for _ in range(3):
            leffa.submit(small_png, small_png)
        assert time.monotonic() - begun >= 1


def test_a_full_line_is_waited_for_or_told(service, gate, small_png) -> None:
    url = service(gate, queue_size=1)
    with Client(url) as patient, Client(url, retries=0) as hasty:
        gate.open.set()
        patient.tryon(small_png, small_png)  # now the service knows how quick it is
        gate.open.clear()
        gate.entered.clear()
        patient.submit(small_png, small_png)
        assert gate.entered.wait(10)
        patient.submit(small_png, small_png)
        with pytest.raises(errors.QueueFull) as full:
            hasty.submit(small_png, small_png)
        assert full.value.retry_after and full.value.retry_after >= 1
        threading.Timer(0.3, gate.open.set).start()
        assert patient.tryon(small_png, small_png, timeout=60).image


def test_models_and_health_are_typed(url) -> None:
    with Client(url) as leffa:
        models = {model.id: model for model in leffa.models()}
        health = leffa.health()
    assert models["mini"].demonstration and models["mini"].defaults["inference_steps"]
    assert models["viton_hd"].state == "absent"
    assert (health.status, health.model) == ("ready", "mini")


def test_health_is_told_while_the_model_loads(tools) -> None:
    loaded = threading.Event()

    def load(name: str) -> Any:
        loaded.wait(20)
        return tools.Puppet()

    with tools.running(load, wait=False) as running, Client(str(running.base_url)) as leffa:
        assert leffa.health().status == "loading"
        loaded.set()


def test_a_check_says_what_is_wrong(client, person_png, garment_png) -> None:
    with Client(str(client.base_url)) as leffa:
        report = leffa.check(person_png, garment_png, garment_type="upper_body")
        assert report.ok and report.person is not None and report.person["found"]
        nobody = leffa.check(person=garment_png)
    assert not nobody.ok
    assert [(found.code, found.severity) for found in nobody.findings] == [("no_person", "error")]


def test_a_mask_is_looked_at_edited_and_used(client, person_png, garment_png) -> None:
    with Client(str(client.base_url)) as leffa:
        mask = leffa.mask(person_png, garment_type="upper_body")
        assert (mask.facts.width, mask.facts.height) == size(person_png)
        assert {"mask", "cloth", "hands"} <= set(mask.facts.layers)
        assert size(mask.layer("cloth")) == size(person_png)
        before = Image.open(io.BytesIO(mask.layer()))
        edited = before.copy()
        edited.paste(255, (0, 0, 40, 40))
        mask.edit(edited)
        assert np.asarray(Image.open(io.BytesIO(mask.layer())))[:40, :40].all()
        job = leffa.submit(person_png, garment_png, mask=mask, inference_steps=1)
        job.wait()
        used = np.asarray(Image.open(io.BytesIO(job.part("mask"))))
        with pytest.raises(errors.MaskWrongSize):
            mask.edit(Image.new("L", (64, 64), 255))
    assert used[:40, :40].all()


def test_findings_are_told(service, small_png) -> None:
    with Client(service()) as leffa:
        result = leffa.tryon(small_png, small_png)
    assert all(isinstance(finding, Finding) for finding in result.job.findings)
