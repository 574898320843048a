"""What an operator sees: metrics, one log line a request with its ids, traces, and no secrets or pictures."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

METRIC = re.compile(r"leffa_\w+")
EXPECTED = {
    "leffa_requests_total",
    "leffa_request_seconds_bucket",
    "leffa_jobs_total",
    "leffa_images_total",
    "leffa_queue_wait_seconds_bucket",
    "leffa_stage_seconds_bucket",
    "leffa_step_seconds_bucket",
    "leffa_queue_depth",
    "leffa_ready",
    "leffa_memory_bytes",
}


@pytest.fixture(scope="module")
def spans():
    """Everything traced in this module."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


def test_metrics_count_what_happened(client, send, person_png, garment_png) -> None:
    assert send(client, person_png, garment_png, inference_steps=2).status_code == 200
    text = client.get("/metrics").text
    assert {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[0] != "#"} >= EXPECTED
    assert re.search(r'leffa_jobs_total\{model="mini",outcome="succeeded",task="tryon"\} [1-9]', text)
    assert re.search(r'leffa_requests_total\{method="POST",route="/tryon",status="200"\} [1-9]', text)
    assert "leffa_ready 1.0" in text


def test_an_id_makes_no_label_of_its_own(puppet_client) -> None:
    puppet_client.get("/jobs/an-id-of-nobody")
    puppet_client.get("/an/address/of/nothing")
    text = puppet_client.get("/metrics").text
    assert "an-id-of-nobody" not in text and "/an/address" not in text
    assert 'route="/jobs/{job_id}"' in text


def test_a_method_of_nobody_makes_no_label_of_its_own(puppet_client) -> None:
    puppet_client.request("GUESSED", "/health/live")
    text = puppet_client.get("/metrics").text
    assert "GUESSED" not in text and 'method="other"' in text


def test_an_unexpected_error_counts_as_one_and_can_be_read_by_other_pages(tools, monkeypatch) -> None:
    page = "https://shop.example"
    with tools.running(lambda name: tools.Puppet(), cors_origins=page) as client:
        monkeypatch.setattr(client.app.state.desk, "get", lambda job, reader: 1 / 0)
        answer = client.get("/jobs/any", headers={"Origin": page})
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert answer.headers["access-control-allow-origin"] == page
        counted = 'leffa_requests_total{method="GET",route="/jobs/{job_id}",status="500"} 1.0'
        assert counted in client.get("/metrics").text


def test_a_request_is_one_line_with_its_id(puppet_client, send, small_png, caplog) -> None:
    with caplog.at_level(logging.INFO, "leffa.requests"):
        logging.getLogger().setLevel(logging.INFO)
        answer = send(puppet_client, small_png, small_png, headers={"X-Request-ID": "order-67"})
        logging.getLogger().setLevel(logging.ERROR)
    assert answer.status_code == 200
    lines = [record.msg for record in caplog.records if "order-67" in str(record.msg)]
    assert len(lines) == 1
    assert (lines[0]["path"], lines[0]["status"]) == ("/tryon", 200)


def test_a_request_is_a_span(spans, tools) -> None:
    with tools.running(lambda name: tools.Puppet()) as client:
        spans.clear()
        client.get("/models")
    (span,) = [span for span in spans.get_finished_spans() if span.name == "GET /models"]
    assert span.attributes["http.response.status_code"] == 200


def test_settings_are_logged_without_secrets() -> None:
    code = (
        "from leffa.settings import Settings\n"
        "from leffa.service.logs import log_settings, set_up_logs\n"
        "settings = Settings(_env_file=None)\n"
        "set_up_logs(settings); log_settings(settings)\n"
    )
    secrets = {"LEFFA_WEBHOOK_SECRET": "whsec_c2VjcmV0", "LEFFA_DATABASE_URL": "postgresql://u:hidden@h/d"}
    environment = {**os.environ, **secrets, "LEFFA_LOG_FORMAT": "json"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    line = json.loads(told.stderr)
    assert line["event"] == "settings" and line["queue_size"] == "64"
    assert "c2VjcmV0" not in told.stderr and "hidden" not in told.stderr
    assert line["webhook_secret"] == "**********"


def test_the_dashboard_shows_only_metrics_that_exist(client) -> None:
    folder = Path(__file__).parents[2] / "model" / "deploy" / "monitoring"
    panels = json.loads((folder / "dashboard.json").read_text())["panels"]
    shown = {
        name for panel in panels for target in panel["targets"] for name in METRIC.findall(target["expr"])
    }
    declared = set(re.findall(r"# TYPE (\w+)", client.get("/metrics").text))
    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in shown} <= {
        name.removesuffix("_total") for name in declared
    }
    assert len(shown) >= 10
