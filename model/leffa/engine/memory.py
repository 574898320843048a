"""Where the models go: device, precision and room, asked of torch only when it is loaded anyway."""

from dataclasses import dataclass
from typing import Literal

from leffa.engine.shelf import Known
from leffa.errors import OutOfMemory

GIGABYTE = 1024**3
OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True)
class Placement:
    """Where a model runs and in which precision, as torch names them; `size` bytes of its networks there.

    beside: bytes on the device for its preprocessors, as far as no other model brought them along already.
    networks: "resident" on the device, or "offloaded": in the host's memory, on the device one at a time.
    """

    device: str
    dtype: str
    networks: Literal["resident", "offloaded"] = "resident"
    size: int = 0
    beside: int = 0

    @property
    def home(self) -> str:
        """The device whose memory holds the networks between requests."""
        return self.device if self.networks == "resident" else "cpu"


class Memory:
    """The memory of one device and of the host; `device` and `dtype` as the settings name them."""

    def __init__(self, device: str, dtype: str) -> None:
        self._device, self._dtype = device, dtype
        self._kept: set[str] = set()

    def place(self, known: Known) -> Placement:
        """Where a model would run, were it loaded now. Raises BadParameter for a device that is not there."""
        from leffa.device import AUTO, pick_device, plan

        if known.weights == "embedded":
            return Placement(pick_device("cpu" if self._device == AUTO else self._device), "float32")
        beside = sum(size for name, size in known.preprocessors.items() if name not in self._kept)
        chosen = plan(self._device, self._dtype, known.size, beside)
        return Placement(
            device=chosen.device,
            dtype=str(chosen.dtype).removeprefix("torch."),
            networks="resident" if chosen.resident else "offloaded",
            size=known.size * chosen.dtype.itemsize // 2,
            beside=beside,
        )

    def sees_gpu(self) -> bool:
        """Whether torch can use a device besides the processor."""
        from leffa.device import available_devices

        return available_devices() != ["cpu"]

    def keep(self, known: Known) -> None:
        """Take down that the model's preprocessors are loaded: all models share them, and they never go."""
        self._kept.update(known.preprocessors)

    def has_room(self, placement: Placement) -> bool:
        """Whether the networks fit in beside what is there, with room left for a request's pictures."""
        from leffa.device import RESERVE, free_bytes

        needed = placement.size + placement.beside + RESERVE
        return placement.size == 0 or needed <= free_bytes(placement.home)

    def require(self, placement: Placement) -> None:
        """Raises OutOfMemory where the host cannot hold the networks: Linux would end the whole process."""
        from leffa.device import free_bytes

        free = free_bytes("cpu")
        needed = placement.size + (placement.beside if placement.device == "cpu" else 0)
        if placement.home == "cpu" and needed > free:
            raise OutOfMemory(
                f"The networks take {needed / GIGABYTE:.1f} GB in {placement.dtype}, "
                f"{free / GIGABYTE:.1f} GB are free.",
                fix="Free some memory; on a CPU, LEFFA_DTYPE=bfloat16 takes half of float32.",
            )

    def used(self) -> dict[str, int]:
        """Bytes that this process takes, of the host and of GPUs."""
        from leffa.device import used_bytes

        return used_bytes()

    def release(self) -> None:
        """Give back what dropped models held."""
        from leffa.device import give_back

        give_back()


def as_out_of_memory(error: BaseException) -> OutOfMemory | None:
    """The error as OutOfMemory where it means that, else None. It is a new one: tracebacks keep tensors."""
    if isinstance(error, OutOfMemory):
        return OutOfMemory(error.detail, fix=error.fix)
    # Both torch's CPU allocator and CUDA raise RuntimeErrors that only their text tells apart.
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY_WORDS):
        return OutOfMemory()
    return None
