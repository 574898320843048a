"""Every error a user can meet, in one tree.

Each class carries a stable ``code``, the HTTP ``status``, a short ``title`` and a ``fix``: what to do about
it. The HTTP answers, the command line and the page of the service's problems take their texts from
here.

LeffaError
├── BadImage: EmptyFile, NotAnImage, TruncatedImage, UnsupportedFormat, ImageTooLarge, TooManyPixels,
│             ImageTooSmall
├── BadMask: EmptyMask, MaskWrongSize
├── BadPerson: NoPerson, PersonTooSmall, PersonCutOff
├── NoGarment
├── BadParameter: MissingField, UnknownParameter, UnknownGarmentType, UnknownModel, UnknownPreset,
│                 UnknownOutputFormat, IdempotencyMismatch, BadWebhook
├── NotAllowed: MissingKey, BadKey
├── BadJob: JobMissing, PartMissing, JobUnfinished, JobCancelled
├── TooMuch: TooManyRequests, TooManyJobs, SlowUpload
├── BadFile: FileMissing, BadFolder, CannotWrite, NoProvenance, ReplayMismatch
├── Unreachable
└── Unavailable: ModelLoading, ModelFailed, UnsupportedWeights, QueueFull, OutOfMemory, EngineFailed,
                 EngineDied, StorageFailed, Stopping, Cancelled
"""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Finding:
    """Something worth telling that did not stop the work, for example ``several_persons``.

    ``code`` is stable snake_case, ``detail`` one sentence of what was seen, ``fix`` what to do if unwanted.
    """

    code: str
    detail: str
    fix: str = ""


class LeffaError(Exception):
    """Base of the tree; on its own it means an error on our side (``internal_error``, 500).

    Arguments: ``detail`` one sentence about this very case (the class's title when left out); ``field`` the
    input at fault; ``allowed`` and ``received`` for bad values; ``fix`` overrides the class's advice;
    ``retry_after`` the seconds after which to try again, where that is known.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"
    default_fix: ClassVar[str] = "Try again; if it happens again, report it with the request id."

    def __init__(
        self,
        detail: str = "",
        *,
        field: str | None = None,
        fix: str | None = None,
        allowed: Any = None,
        received: Any = None,
        retry_after: int | None = None,
    ) -> None:
        self.detail = detail or f"{self.title}."
        self.field = field
        self.fix = self.default_fix if fix is None else fix
        self.allowed = allowed
        self.received = received
        self.retry_after = retry_after
        super().__init__(self.detail)


class BadImage(LeffaError):
    """A picture that cannot be used as it is."""

    code, status, title = "bad_image", 400, "The picture cannot be used"
    default_fix = "Send another picture: JPEG, PNG or WebP."


class EmptyFile(BadImage):
    """A file of no bytes."""

    code, title = "empty_file", "The file is empty"
    default_fix = "Choose the file again; it arrived with no content."


class NotAnImage(BadImage):
    """Bytes that no picture format claims."""

    code, title = "not_an_image", "The file is not a picture"
    default_fix = "Send a JPEG, PNG or WebP picture."


class TruncatedImage(BadImage):
    """A picture whose data ends early or is damaged."""

    code, title = "truncated_image", "The picture is cut short or damaged"
    default_fix = "Save or upload the picture again; part of it is missing."


class UnsupportedFormat(BadImage):
    """A picture in a format that is not read."""

    code, status, title = "unsupported_format", 415, "This picture format is not supported"
    default_fix = "Convert the picture to JPEG, PNG or WebP."


class ImageTooLarge(BadImage):
    """More bytes than the limit."""

    code, status, title = "image_too_large", 413, "The file has too many bytes"
    default_fix = "Send a smaller file, for example saved as JPEG with quality 90."


class TooManyPixels(BadImage):
    """More pixels than the limit, by the header or by what the data holds."""

    code, status, title = "too_many_pixels", 413, "The picture has too many pixels"
    default_fix = "Scale the picture down; 1000 to 2000 pixels on the long side are plenty."


class ImageTooSmall(BadImage):
    """A picture too small, or too narrow, to show anything."""

    code, status, title = "image_too_small", 422, "The picture is too small"
    default_fix = "Send a picture of at least 32 pixels on each side, better 512 or more."


class BadMask(LeffaError):
    """A mask picture that cannot be used."""

    code, status, title = "bad_mask", 422, "The mask cannot be used"
    default_fix = "Send a black and white picture as large as the person photo: white is repainted."


class EmptyMask(BadMask):
    """A mask that marks nothing to repaint."""

    code, title = "empty_mask", "The mask marks nothing"
    default_fix = "Paint white where the garment goes, or leave the mask out."


class MaskWrongSize(BadMask):
    """A mask whose size differs from the person photo's."""

    code, title = "mask_wrong_size", "The mask has another size than the person photo"
    default_fix = "Make the mask exactly as wide and high as the person photo."


class BadPerson(LeffaError):
    """A person photo whose content does not allow a try-on."""

    code, status, title = "bad_person", 422, "The person photo does not allow a try-on"
    default_fix = "Use a photo of one person, seen from the front, whole upper body in the picture."


class NoPerson(BadPerson):
    """Nobody was found in the photo."""

    code, title = "no_person", "No person was found in the photo"


class PersonTooSmall(BadPerson):
    """The person fills too little of the photo."""

    code, title = "person_too_small", "The person is too small in the photo"
    default_fix = "Crop the photo around the person."


class PersonCutOff(BadPerson):
    """The part of the body that the garment covers is outside the photo."""

    code, title = "person_cut_off", "The part of the body where the garment goes is not in the photo"
    default_fix = "Use a photo that shows that part of the body, or choose another garment type."


class NoGarment(LeffaError):
    """No garment was found in the garment picture."""

    code, status, title = "no_garment", 422, "No garment was found in the garment picture"
    default_fix = "Use a picture of one garment, laid flat or hung, on a plain background."


class BadParameter(LeffaError):
    """A number, switch or name outside what is allowed."""

    code, status, title = "parameter_out_of_range", 422, "A parameter is out of range"
    default_fix = "Use a value that is allowed, or leave the parameter out for the default."


class MissingField(BadParameter):
    """A required field was not sent."""

    code, title = "missing_field", "A required field is missing"
    default_fix = "Send the field; both human_image and garment_image are needed."


class UnknownParameter(BadParameter):
    """A field of a name that does not exist."""

    code, title = "unknown_parameter", "There is no field of this name"
    default_fix = "Check the spelling, or leave the field out."


class UnknownGarmentType(BadParameter):
    """A garment type that does not exist."""

    code, title = "unknown_garment_type", "There is no such garment type"
    default_fix = "Use upper_body, lower_body or dresses."


class UnknownModel(BadParameter):
    """A model that does not exist or is not there."""

    code, title = "unknown_model", "There is no such model"
    default_fix = "Use a model of the list, or leave the field out for the default model."


class UnknownPreset(BadParameter):
    """A preset that does not exist."""

    code, title = "unknown_preset", "There is no such preset"
    default_fix = "Use exact, fast or turbo."


class UnknownOutputFormat(BadParameter):
    """An output format that is not written."""

    code, title = "unknown_output_format", "There is no such output format"
    default_fix = "Use png, jpeg or webp."


class IdempotencyMismatch(BadParameter):
    """An idempotency key that was used for another request."""

    code, title = "idempotency_mismatch", "This Idempotency-Key belongs to another request"
    default_fix = "Use a new key for a new request, and repeat a request unchanged."


class BadWebhook(BadParameter):
    """A webhook address that is not called."""

    code, title = "webhook_refused", "This webhook address is not called"
    default_fix = "Use an https address that the whole internet can reach."


class NotAllowed(LeffaError):
    """A caller without the right."""

    code, status, title = "not_allowed", 401, "This needs an API key"
    default_fix = "Send the header `Authorization: Bearer KEY`."


class MissingKey(NotAllowed):
    """No API key where one is needed."""

    code = "key_required"


class BadKey(NotAllowed):
    """An API key that the service does not know."""

    code, title = "invalid_key", "This API key is not known"
    default_fix = "Check the key, or ask whoever runs the service for a new one."


class BadJob(LeffaError):
    """A job that cannot be answered from."""

    code, status, title = "bad_job", 409, "The job has no answer"
    default_fix = "Send the request again as a new job."


class JobMissing(BadJob):
    """No such job, for this caller."""

    code, status, title = "job_not_found", 404, "There is no such job"
    default_fix = "Check the id and the API key; jobs are deleted after the time that the service is set to."


class PartMissing(BadJob):
    """A job without such a picture."""

    code, status, title = "part_not_found", 404, "The job has no such picture"
    default_fix = "See the links of GET /jobs/{id} for the pictures there are."


class JobUnfinished(BadJob):
    """A result that is not there yet."""

    code, title = "job_not_finished", "The job is not finished"
    default_fix = "Wait for it: GET /jobs/{id}/events tells when, or try again after Retry-After."


class JobCancelled(BadJob):
    """A result of a job that was stopped."""

    code, title = "job_cancelled", "The job was cancelled"


class TooMuch(LeffaError):
    """More than one client may have."""

    code, status, title = "too_much", 429, "That is more than one client may have"
    default_fix = "Send it again after the seconds named in Retry-After."


class TooManyRequests(TooMuch):
    """Requests faster than allowed."""

    code, title = "rate_limited", "Too many requests in a short time"


class TooManyJobs(TooMuch):
    """More jobs of one client in line than allowed."""

    code, title = "too_many_jobs", "Too many jobs of this client are waiting"


class SlowUpload(TooMuch):
    """A request that does not arrive in time."""

    code, status, title = "upload_timeout", 408, "The request took too long to arrive"
    default_fix = "Send smaller files, or use a faster connection."


class BadFile(LeffaError):
    """A file or folder named on the command line that cannot be used."""

    code, status, title = "bad_file", 400, "The file cannot be used"
    default_fix = "Check the path."


class FileMissing(BadFile):
    """No such file."""

    code, title = "file_missing", "There is no such file"


class BadFolder(BadFile):
    """A folder that does not hold what is expected of it."""

    code, title = "bad_folder", "The folder does not hold what is expected"


class CannotWrite(BadFile):
    """The result cannot be written where it was asked for."""

    code, title = "cannot_write", "The result cannot be written there"
    default_fix = "Choose a folder that exists and that you may write to."


class NoProvenance(BadFile):
    """A picture that does not say how it was made."""

    code, title = "no_provenance", "The picture does not say how it was made"
    default_fix = "Use the PNG as leffa wrote it; other programs may drop its text chunks."


class ReplayMismatch(BadFile):
    """Inputs, weights or versions differ from those that made the picture."""

    code, title = "replay_mismatch", "This would not make the same picture again"
    default_fix = "Use the same two pictures, the same weights and the same versions."


class Unreachable(LeffaError):
    """No answer of the service: what its client meets, and the service never sends."""

    code, status, title = "service_unreachable", 503, "The service does not answer"
    default_fix = "Check the address and the network, and whether the service runs."


class Unavailable(LeffaError):
    """The service cannot do it now."""

    code, status, title = "unavailable", 503, "Not available now"
    default_fix = "Try again in a moment."


class ModelLoading(Unavailable):
    """The model is still being loaded."""

    code, title = "model_loading", "The model is still loading"
    default_fix = "Wait until GET /health answers 200, then send the request again."


class ModelFailed(Unavailable):
    """The model could not be loaded."""

    code, title = "model_failed", "The model could not be loaded"
    default_fix = "See GET /health for the reason, and run `leffa doctor` on the server."


class UnsupportedWeights(Unavailable):
    """Weights that are missing, damaged or of another layout."""

    code, title = "unsupported_weights", "The weights are missing or cannot be used"
    default_fix = "Run `leffa doctor` to see which weights are there."


class QueueFull(Unavailable):
    """Too many requests are waiting."""

    code, title = "queue_full", "Too many requests are waiting"
    default_fix = "Send the request again after the seconds named in Retry-After."


class OutOfMemory(Unavailable):
    """Not enough memory for this request."""

    code, title = "out_of_memory", "There was not enough memory for this request"
    default_fix = "Send a smaller photo or ask for fewer pictures."


class EngineFailed(Unavailable):
    """The process that makes the pictures ended or hung, again and again."""

    code, title = "engine_failed", "The engine failed at this request"
    default_fix = "Try another picture; if others fail too, see the log of the service."


class EngineDied(EngineFailed):
    """The engine's process ended during the work, which can be done again."""

    code, title = "engine_died", "The engine's process ended during the work"


class StorageFailed(Unavailable):
    """Jobs cannot be written or read: a full disk, a folder without rights, a locked database."""

    code, title = "storage_unavailable", "The service cannot store jobs now"
    default_fix = "Try again later; whoever runs the service has to look at its disk and database."


class Stopping(Unavailable):
    """The service is about to end."""

    code, title = "stopping", "The service is stopping"
    default_fix = "Send the request again in a moment."


class Cancelled(Unavailable):
    """The work was stopped before its end, usually because the client went away."""

    # 499 is never sent: by then nobody listens. It only keeps logs and counters apart from real failures.
    code, status, title = "cancelled", 499, "The request was cancelled"
    default_fix = "Send the request again."


def describe(error: LeffaError) -> dict[str, Any]:
    """The error as JSON values, enough to make it again with :func:`again`."""
    members = {name: getattr(error, name) for name in ("code", "detail", "fix")}
    optional = {name: getattr(error, name) for name in ("field", "allowed", "received", "retry_after")}
    return members | {name: value for name, value in optional.items() if value is not None}


def again(members: dict[str, Any]) -> LeffaError:
    """The error that :func:`describe` described."""
    kind = catalogue().get(members["code"], LeffaError)
    return kind(**{name: value for name, value in members.items() if name != "code"})


def catalogue() -> dict[str, type[LeffaError]]:
    """Every error class by its code, parents first."""
    found: dict[str, type[LeffaError]] = {}
    waiting: list[type[LeffaError]] = [LeffaError]
    while waiting:
        error = waiting.pop(0)
        found[error.code] = error
        waiting.extend(error.__subclasses__())
    return found
