"""The command line. What takes time to import is imported by the command that needs it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from leffa.cli.console import console, plain_errors, progress_bar
from leffa.cli.figures import compare, evaluate, score
from leffa.cli.pictures import pose, tryon
from leffa.cli.train import train
from leffa.cli.weights import weights
from leffa.errors import BadParameter

if TYPE_CHECKING:
    from leffa.doctor import ModelPlan, Report, WeightsFile
    from leffa.service.schemas import ModelInfo

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(tryon)
app.command()(pose)
app.command()(evaluate)
app.command()(score)
app.command()(compare)
app.add_typer(weights, name="weights", help="Get, convert and check the official weights.")
app.add_typer(train, name="train", help="Train a model.")


@app.callback()
def prepare() -> None:
    """Virtual try-on: a photo of a person, a picture of a garment, and the person wears it."""
    from leffa.settings import let_threads_sleep

    let_threads_sleep()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="port to listen on")] = None,
) -> None:
    """Start the web service."""
    from leffa.service.app import create_app
    from leffa.service.logs import log_settings, set_up_logs
    from leffa.service.server import make_server
    from leffa.service.traces import set_up_traces
    from leffa.settings import read_settings

    with plain_errors():
        settings = read_settings()
        set_up_logs(settings)
        if settings.traces:
            set_up_traces()
        service = create_app(settings)
    log_settings(settings)
    port = settings.port if port is None else port
    make_server(service, settings, host or settings.host, port).run()


@app.command()
def key(name: Annotated[str, typer.Argument(help="who gets it: letters, digits, - and _")]) -> None:
    """Make an API key: the key for its user, and the entry for LEFFA_API_KEYS."""
    import hashlib
    import secrets

    with plain_errors():
        if not name.replace("-", "").replace("_", "").isalnum():
            raise BadParameter(f"{name!r} is not a name.", fix="Use letters, digits, - and _.")
    made = f"leffa_{secrets.token_urlsafe(32)}"
    print(f"key    {made}")
    print(f"entry  {name}:{hashlib.sha256(made.encode()).hexdigest()}")


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Tell what is installed, what the machine has and what would be used."""
    from leffa.doctor import examine
    from leffa.settings import read_settings

    with plain_errors():
        report = examine(read_settings())
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        _print_report(report)
    raise typer.Exit(0 if report.ready else 1)


def _print_report(report: "Report") -> None:
    use = f"model {report.model} on {report.device} in {report.dtype}"
    rows = {
        "python": report.python,
        **report.versions,
        "cores": report.cores,
        "memory": f"{report.memory_gb} GB",
        "gpu": report.gpu or "none",
        "devices": ", ".join(report.devices),
        "embedded weights": _list_weights(report.embedded) or "none",
        f"official weights in {report.model_path}": _list_weights(report.official) or "none",
        **{plan.id: _describe_plan(plan) for plan in report.models},
        "would use": use if report.ready else "nothing: see above",
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        console.print(f"{name:<{width}}  {escape(str(value))}", highlight=False, soft_wrap=True)


def _describe_plan(plan: "ModelPlan") -> str:
    if plan.state == "refused":
        return plan.reason
    if plan.state == "absent":
        return f"not here: {plan.command}"
    if plan.device is None:
        return "the device or precision that is set is not there"
    size = f", {plan.memory_gb} GB" if plan.memory_gb else ""
    lacking = f"; lacks {', '.join(plan.missing)}: {plan.command}" if plan.missing else ""
    return f"{plan.device}, {plan.dtype}, {plan.memory}{size}{lacking}"


def _list_weights(files: "list[WeightsFile]") -> str:
    return ", ".join(f"{file.name} ({file.size / 1024**2:.1f} MB)" for file in files if file.size)


@app.command()
def models(
    as_json: Annotated[bool, typer.Option("--json", help="as GET /models answers it")] = False,
) -> None:
    """List every model: whether it is here, where it would run, and which parts exclude commerce."""
    from leffa.engine.pool import open_pool
    from leffa.service.listing import list_models
    from leffa.settings import read_settings

    with plain_errors():
        settings = read_settings()
        pool = open_pool(settings)
        pool.survey()
    listed = list_models(list(pool.statuses.values()), pool.shelf.default, settings)
    if as_json:
        print(json.dumps([model.model_dump() for model in listed], indent=2))
    else:
        for model in listed:
            _print_model(model)


def _print_model(model: "ModelInfo") -> None:
    lacking = (
        f"lacks {', '.join(model.missing)}: {model.command}"
        if model.present
        else f"not here: {model.command}"
    )
    size = f", {model.memory_bytes / 1024**3:.1f} GB" if model.memory_bytes else ""
    terms = ", ".join(entry.name for entry in model.licences if entry.non_commercial)
    rows = {
        "answers": f"{model.task}{', by default' if model.default else ''}",
        "first for": ", ".join(model.first_choice_for),
        "weights": lacking if model.missing else f"{model.weights}, here",
        "runs on": f"{model.device} in {model.dtype}, {model.memory}{size}" if model.device else "",
        "terms": f"not for commerce: {terms}" if terms else "free for commerce",
        "refused": "by the settings, for its terms" if model.refused else "",
    }
    console.print(f"[bold]{model.id}[/]")
    for name, text in rows.items():
        if text:
            console.print(f"  {name:<9}  {escape(text)}", highlight=False, soft_wrap=True)


@app.command()
def synth(
    out: Annotated[Path, typer.Option(help="folder to write the pairs to")],
    count: Annotated[int, typer.Option(min=1, help="number of pairs")] = 64,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="same seed, same pairs")] = 0,
    size: Annotated[str, typer.Option(help="width x height in pixels")] = "192x256",
    kind: Annotated[
        str, typer.Option(help="usual, or harder: clutter, crossed, side, occluded, photographed")
    ] = "usual",
) -> None:
    """Make synthetic people in two garments each, with exact ground truth."""
    with plain_errors():
        width, height = _parse_size(size)
        from leffa.synth.pairs import write_pairs

        with progress_bar() as report:
            write_pairs(
                count, seed, out, height, width, lambda done, total: report("pairs", done, total), kind
            )
    console.print(f"{count} pairs in {escape(str(out))}", soft_wrap=True, highlight=False)


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (
        width.isdecimal() and height.isdecimal() and 64 <= int(width) <= 2048 and 64 <= int(height) <= 2048
    ):
        raise BadParameter(
            f"{text!r} is not a size.", field="size", fix="Write it as 192x256, 64 to 2048 each."
        )
    return int(width), int(height)
