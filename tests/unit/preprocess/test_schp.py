"""The network loads published weights as they are, refuses all others, and computes what the paper says."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from leffa.errors import UnsupportedWeights
from leffa.preprocess.schp import AugmentCE2P, Bottleneck, Norm, PyramidPooling, load_network

State = dict[str, Tensor]


def drawn(name: str, shape: torch.Size) -> Tensor:
    """Convolutions that keep the spread of what they read; normalisations that change nothing."""
    if len(shape) == 4:
        return (torch.rand(shape) - 0.5) * (12 / shape[1:].numel()) ** 0.5
    return torch.ones(shape) if name.endswith(("weight", "running_var")) else torch.zeros(shape)


@pytest.fixture(scope="module")
def weights() -> State:
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = AugmentCE2P(18).state_dict()
    return {name: drawn(name, tensor.shape) for name, tensor in shapes.items()}


@pytest.fixture
def state(weights: State) -> State:
    return dict(weights)


def noisy(module: torch.nn.Module) -> torch.nn.Module:
    """With normalisations that do something."""
    torch.manual_seed(1)
    for norm in module.modules():
        if isinstance(norm, Norm):
            torch.nn.init.normal_(norm.weight, 1, 0.5)
            torch.nn.init.normal_(norm.bias)
            norm.get_buffer("running_mean").normal_()
            norm.get_buffer("running_var").uniform_(0.5, 2)
    return module.eval()


def normed(x: Tensor, norm: Norm) -> Tensor:
    weight, bias, mean, variance = (
        tensor[:, None, None]
        for tensor in (
            norm.weight,
            norm.bias,
            norm.get_buffer("running_mean"),
            norm.get_buffer("running_var"),
        )
    )
    return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(97, 97), (40, 33)])
def test_scores_have_a_quarter_of_the_size_rounded_up(weights: State, height: int, width: int) -> None:
    scores = load_network(weights)(torch.rand(1, 3, height, width))
    assert scores.shape == (1, 18, -(-height // 4), -(-width // 4))
    assert scores.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_a_bottleneck_is_three_normed_convolutions_and_a_shortcut(stride: int, dilation: int) -> None:
    block = noisy(Bottleneck(8, 4, stride, dilation))
    x = torch.rand(2, 8, 11, 13)
    inner = normed(F.conv2d(x, block.conv1.weight), block.bn1).clamp(min=0)
    inner = F.conv2d(inner, block.conv2.weight, stride=stride, padding=dilation, dilation=dilation)
    inner = normed(inner, block.bn2).clamp(min=0)
    inner = normed(F.conv2d(inner, block.conv3.weight), block.bn3)
    shortcut = normed(F.conv2d(x, block.downsample[0].weight, stride=stride), block.downsample[1])
    assert torch.allclose(block(x), (inner + shortcut).clamp(min=0), atol=1e-5)


@torch.no_grad()
def test_pyramid_pooling_sees_the_mean_of_the_whole_first() -> None:
    pooling = noisy(PyramidPooling(4, 2))
    x = torch.rand(1, 4, 12, 18)
    mean = x.mean((2, 3), keepdim=True)
    seen = normed(F.conv2d(mean, pooling.stages[0][1].weight), pooling.stages[0][2])
    assert torch.allclose(pooling.stages[0](x), torch.where(seen > 0, seen, seen * 0.01), atol=1e-6)
    assert pooling(x).shape == (1, 2, 12, 18)


def test_published_files_load_as_they_are(state: State) -> None:
    """They wrap the weights, prefix their names, and hold branches that give no scores."""
    expected = dict(state)
    state["decoder.conv4.weight"], state["edge.conv5.bias"] = torch.rand(18, 256, 1, 1), torch.rand(2)
    state["bn1.num_batches_tracked"] = torch.tensor(7)
    published = {"epoch": 150, "state_dict": {f"module.{name}": state[name] for name in state}}
    loaded = load_network(published).state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)


def test_weights_of_half_the_precision_are_used_at_full_precision(state: State) -> None:
    halved = {name: torch.ones(1, dtype=torch.half).expand(of.shape) for name, of in state.items()}
    assert {tensor.dtype for tensor in load_network(halved).state_dict().values()} == {torch.float32}


def test_negative_scales_count_by_their_size_unless_upstream_is_wanted(state: State) -> None:
    state["bn1.weight"] = torch.linspace(-1, 1, 64)
    assert torch.equal(load_network(state).bn1.weight, state["bn1.weight"].abs())
    assert torch.equal(load_network(state, exact=True).bn1.weight, state["bn1.weight"])


def without(name: str) -> Callable[[State], object]:
    return lambda state: state.pop(name)


def adding(**tensors: Tensor) -> Callable[[State], object]:
    return lambda state: state.update({name.replace("_of_", "."): value for name, value in tensors.items()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("layer3.7.conv2.weight"), r"1 missing \(layer3.7.conv2.weight\)"),
        (adding(stranger_of_weight=torch.rand(3)), r"1 unexpected \(stranger.weight\)"),
        (adding(conv1_of_weight=torch.rand(64, 4, 3, 3)), r"1 of another shape \(conv1.weight "),
        (adding(fushion_of_3_of_bias=torch.rand(19)), r"1 of another shape \(fushion.3.weight "),
        (without("fushion.3.bias"), r"no fushion.3.bias"),
        (
            lambda state: [state.pop(name) for name in list(state) if "layer" in name],
            r"\d+ missing .*, \.\.\.\)",
        ),
    ],
)
def test_other_weights_are_refused_with_what_is_wrong(
    state: State, change: Callable[[State], object], words: str
) -> None:
    change(state)
    with pytest.raises(UnsupportedWeights, match=words):
        load_network(state)
