"""What a pre-flight check answers; `dataclasses.asdict` makes it ready for JSON."""

from dataclasses import dataclass
from typing import Literal

from leffa.errors import Finding, LeffaError

Severity = Literal["error", "warning", "info"]
Field = Literal["human_image", "garment_image"]
Box = tuple[int, int, int, int]  # x, y, width, height in pixels


@dataclass(frozen=True)
class CheckFinding:
    """One thing seen. error: a try-on is refused; warning: the result will suffer; info: good to know."""

    code: str
    severity: Severity
    field: Field
    detail: str
    fix: str


@dataclass(frozen=True)
class PersonReport:
    """The person of the photo.

    count: how many people were told apart. box: of the one who is dressed. parts_seen: whether head, elbows,
    hips, knees and feet lie inside the picture; empty where nobody is.
    """

    found: bool
    count: int
    box: Box | None
    parts_seen: dict[str, bool]


@dataclass(frozen=True)
class GarmentReport:
    """The garment: worn by somebody or alone; garment_type: what it looks like, None where that is unsure."""

    worn: bool
    garment_type: str | None
    box: Box | None


@dataclass(frozen=True)
class Report:
    """All findings; ok: no error among them. person, garment: None for a picture that was not sent."""

    ok: bool
    findings: list[CheckFinding]
    person: PersonReport | None
    garment: GarmentReport | None


def refusal(error: LeffaError, field: Field) -> CheckFinding:
    """The error that a try-on raises, as a finding."""
    return CheckFinding(error.code, "error", field, error.detail, error.fix)


def warning(finding: Finding, field: Field) -> CheckFinding:
    """What a try-on would tell with its result, as a finding."""
    return CheckFinding(finding.code, "warning", field, finding.detail, finding.fix)
