"""The built page: served by the service itself where no nginx is, with the API below /api as well."""

from pathlib import Path

import pytest


@pytest.fixture
def page(tmp_path) -> Path:
    """A folder as `npm run build` leaves it."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Leffa</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index.js").write_text("export {};")
    return tmp_path


def test_the_page_is_at_the_root_and_the_api_stays_where_it_is(tools, page) -> None:
    with tools.running(lambda name: tools.Puppet(), page=page) as client:
        assert "<title>Leffa</title>" in client.get("/").text
        assert client.get("/assets/index.js").status_code == 200
        assert client.get("/health").json()["status"] == "ready"


def test_every_call_is_below_api_too(tools, page) -> None:
    with tools.running(lambda name: tools.Puppet(), page=page) as client:
        assert client.get("/api/health").json()["status"] == "ready"
        refused = client.post("/api/tryon")
        assert (refused.status_code, refused.json()["code"]) == (422, "missing_field")
        missing = client.get("/api/jobs/unknown")
        assert (missing.status_code, missing.json()["code"]) == (404, "job_not_found")


def test_without_a_built_page_the_root_leads_to_the_documentation(tools, tmp_path) -> None:
    with tools.running(lambda name: tools.Puppet(), page=tmp_path) as client:
        assert client.get("/").headers["location"] == "/docs"
