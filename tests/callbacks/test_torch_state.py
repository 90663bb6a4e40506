"""The state of a PyTorch training: names and digests as the converter's, strict restores, nothing left out silently."""

import random

import numpy as np
import pytest

import candle_spec
from candle_spec.callbacks._states.structure import capture
from candle_spec.callbacks._states.torch_state import TorchState, leaf_of
from candle_spec.callbacks.pytorch import restore
from candle_spec.checkpoint.contents import Contents, Framework
from candle_spec.errors import InvalidInputError, UnsupportedFormatError
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.validation import validate

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.framework


class Net(torch.nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.embed = torch.nn.Embedding(6, width)
        self.norm = torch.nn.BatchNorm1d(width)
        self.out = torch.nn.Linear(width, 6, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x):
        return self.out(self.norm(self.embed(x)))


def trained(width: int = 4, seed: int = 0):
    torch.manual_seed(seed)
    model = Net(width)
    model.norm.bias.requires_grad = False
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    train(model, optimizer, schedule)
    return model, optimizer, schedule


def train(model, optimizer, schedule):
    optimizer.zero_grad()
    model(torch.randint(0, 6, (8,))).square().sum().backward()
    optimizer.step()
    schedule.step()


def saved(folder, state, **extra):
    with Series.create_or_open(folder) as series:
        snapshot = state.capture(extra)
        path = series.save(TrainingState(1, snapshot.contents, stable=snapshot.stable)).path
    return candle_spec.load(path)


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.values(), second.values(), strict=True))


def test_the_digests_are_those_of_the_same_state_saved_by_torch_and_converted(tmp_path):
    model, optimizer, schedule = trained()
    ours = saved(tmp_path / "ckpts", TorchState(model, optimizer, schedule), epoch=1).document["weights"]
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    weights = candle_spec.convert(tmp_path / "weights.pt", tmp_path / "a").document["weights"]
    assert ours["content_digest"] == weights["content_digest"]
    parts = {"model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict()}
    torch.save({**parts, "scheduler_state_dict": schedule.state_dict(), "epoch": 1}, tmp_path / "all.pt")
    whole = candle_spec.convert(tmp_path / "all.pt", tmp_path / "b").document["weights"]
    assert ours["content_digest"] == whole["content_digest"]
    ids = [group["id"] for group in whole["groups"]]
    assert ids == ["model", "optimizer"]
    mine = [(t["name"], t["digest"]) for t in ours["tensors"] if t["group"] in ids]
    assert mine == [(t["name"], t["digest"]) for t in whole["tensors"]]


def test_ties_are_aliases_and_frozen_parameters_are_stable(tmp_path):
    snapshot = TorchState(*trained()).capture({})
    aliases = {t.name: t.alias_of for t in snapshot.contents.tensors if t.alias_of}
    assert aliases == {"out.weight": ("model", "embed.weight")}
    assert snapshot.stable == {("model", "norm.bias")}


def test_everything_comes_back_and_training_goes_on_as_it_would_have(tmp_path):
    model, optimizer, schedule = trained()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    ema = torch.optim.swa_utils.AveragedModel(model)
    own = np.random.default_rng(5)
    state = TorchState(model, optimizer, schedule, scaler, ema, generators={"mine": own})
    checkpoint = saved(tmp_path / "ckpts", state, note={1: (2, float("inf"))})
    train(model, optimizer, schedule)
    expected = (model.state_dict(), random.random(), np.random.rand(), torch.rand(3), own.random())
    fresh_model, fresh_optimizer, fresh_schedule = trained(seed=9)
    scaler2, ema2 = torch.amp.GradScaler("cpu"), torch.optim.swa_utils.AveragedModel(fresh_model)
    own2 = np.random.default_rng(6)
    fresh = TorchState(fresh_model, fresh_optimizer, fresh_schedule, scaler2, ema2, generators={"mine": own2})
    restored = fresh.restore(checkpoint)
    assert [part.name for part in restored.parts if part.restored] == [
        "model", "ema", "optimizer", "scheduler", "scaler", "rng",
    ]  # fmt: skip
    assert restored.extra["note"] == {1: (2, float("inf"))}
    assert scaler2.get_scale() == 8.0
    assert equal(ema.state_dict(), ema2.state_dict())
    train(fresh_model, fresh_optimizer, fresh_schedule)
    assert equal(expected[0], fresh_model.state_dict())
    assert (random.random(), np.random.rand()) == expected[1:3]
    assert torch.equal(torch.rand(3), expected[3])
    assert own2.random() == expected[4]
    assert fresh_model.out.weight is fresh_model.embed.weight


def test_the_grade_says_what_was_not_given(tmp_path):
    model, optimizer, schedule = trained()
    loader = torch.utils.data.DataLoader(torch.arange(4), generator=torch.Generator(), shuffle=True)
    whole = saved(tmp_path / "a", TorchState(model, optimizer, schedule, data=loader)).document["training_state"]
    assert whole["resume_grade"] == "exactly-resumable"
    less = saved(tmp_path / "b", TorchState(model, optimizer)).document["training_state"]
    assert less["resume_grade"] == "fine-tunable"
    assert less["parts"]["sampler"]["status"] == "absent"
    assert "was not given" in less["parts"]["scheduler"]["reason"]
    none = saved(tmp_path / "c", TorchState(model)).document["training_state"]
    assert none["resume_grade"] == "inference-only"


def test_a_loaders_generator_is_restored(tmp_path):
    def loader():
        return torch.utils.data.DataLoader(torch.arange(32), generator=torch.Generator().manual_seed(3), shuffle=True)

    first, second = loader(), loader()
    model = Net()
    list(first)
    checkpoint = saved(tmp_path / "ckpts", TorchState(model, data=first))
    expected = [int(n) for n in first]
    TorchState(model, data=second).restore(checkpoint)
    assert [int(n) for n in second] == expected


def test_another_model_is_refused_and_left_as_it_was(tmp_path):
    checkpoint = saved(tmp_path / "ckpts", TorchState(*trained()))
    other, optimizer, _ = trained(width=5)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(InvalidInputError, match=r"another model: embed.weight is \(6, 4\), the model has \(6, 5\)"):
        TorchState(other, optimizer).restore(checkpoint)
    assert equal(before, other.state_dict())
    with pytest.raises(InvalidInputError, match="only the checkpoint has"):
        TorchState(torch.nn.Linear(2, 2)).restore(checkpoint)
    with pytest.raises(InvalidInputError, match=r"the model has torch\.float64"):
        TorchState(Net().double()).restore(checkpoint)


def test_another_optimizer_is_refused_before_anything_changes(tmp_path):
    model, optimizer, _ = trained()
    checkpoint = saved(tmp_path / "ckpts", TorchState(model, optimizer))
    other = Net()
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(InvalidInputError, match=r"another optimizer: groups of \[2\] parameters, here \[3\]"):
        TorchState(other, torch.optim.Adam(other.parameters())).restore(checkpoint)
    assert equal(before, other.state_dict())


def test_weights_alone_leave_the_rest_and_say_so(tmp_path):
    model, optimizer, schedule = trained()
    checkpoint = saved(tmp_path / "ckpts", TorchState(model, optimizer, schedule))
    other, optimizer2, _ = trained(seed=4)
    before = optimizer2.state_dict()["state"][0]["exp_avg"].clone()
    restored = restore(checkpoint, other)
    assert equal(model.state_dict(), other.state_dict())
    assert torch.equal(before, optimizer2.state_dict()["state"][0]["exp_avg"])
    assert "not restored: sampler (only the weights were asked for)" in restored.text()


def test_weights_from_a_converted_file(tmp_path):
    model, *_ = trained()
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    other = Net()
    restore(candle_spec.convert(tmp_path / "weights.pt", tmp_path / "a"), other)
    assert equal(model.state_dict(), other.state_dict())


def test_a_tie_that_the_model_has_not_is_named(tmp_path):
    checkpoint = saved(tmp_path / "ckpts", TorchState(trained()[0]))
    other = Net()
    other.out.weight = torch.nn.Parameter(torch.zeros(6, 4))
    assert "out.weight was tied to embed.weight" in TorchState(other).restore(checkpoint).text()


def test_several_models_and_optimizers(tmp_path):
    models = {"g": Net(), "d": Net()}
    optimizers = {name: torch.optim.SGD(model.parameters(), momentum=0.9) for name, model in models.items()}
    checkpoint = saved(tmp_path / "ckpts", TorchState(models, optimizers))
    assert {"model.model_g", "model.model_d"} <= set(checkpoint.groups)
    fresh = {"g": Net(), "d": Net()}
    restored = TorchState(fresh, {}).restore(checkpoint)
    assert all(equal(models[name].state_dict(), fresh[name].state_dict()) for name in models)
    assert [part.name for part in restored.parts] == ["model", "model", "rng"]


def test_wrappers_leave_no_trace_in_names():
    plain = TorchState(Net()).capture({}).contents.tensors
    wrapped = TorchState(torch.nn.DataParallel(Net())).capture({}).contents.tensors
    assert [t.name for t in plain] == [t.name for t in wrapped]


def channels(dtype, floats=False, shape=(3, 5)):
    zeros = torch.rand(shape[0]) if floats else torch.arange(shape[0])
    return torch.quantize_per_channel(torch.randn(*shape), torch.rand(shape[0]) + 0.01, zeros, 0, dtype)


KINDS = {
    "complex128": lambda: torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128),
    "complex64_strided": lambda: torch.arange(6.0).to(torch.complex64).reshape(2, 3).T,
    "conjugate": lambda: torch.tensor([1 + 2j, -0.0 + 1j]).conj(),
    "complex32": lambda: torch.tensor([1 + 2j]).to(torch.complex32),
    "float8": lambda: torch.tensor([1.0, -2.0]).to(torch.float8_e4m3fn),
    "bfloat16_strided": lambda: torch.arange(6.0).to(torch.bfloat16).reshape(2, 3).T,
    "negative_view": lambda: torch.imag(torch.tensor([1 + 2j, 3 - 1j]).conj()),
    "expanded": lambda: torch.arange(3.0).expand(2, 3),
    "empty": lambda: torch.zeros(0, 3),
    "boolean": lambda: torch.tensor([True, False]),
    "quantised": lambda: torch.quantize_per_tensor(torch.randn(3, 2), 0.1, 3, torch.qint8),
    "quantised_channels": lambda: torch.quantize_per_channel(
        torch.randn(3, 2), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0, 1, 2]), 0, torch.qint8
    ),
    "sparse": lambda: torch.tensor([[0.0, 1.0], [2.0, 0.0]]).to_sparse(),
    "sparse_csr": lambda: torch.tensor([[0.0, 1.0], [2.0, 0.0]]).to_sparse_csr(),
    "sparse_csc": lambda: torch.tensor([[0.0, 1.0], [2.0, 0.0]]).to_sparse_csc(),
    "sparse_bsr": lambda: torch.eye(4).to_sparse_bsr((2, 2)),
    "sparse_bsc": lambda: torch.eye(4).to_sparse_bsc((2, 1)),
    "sparse_hybrid": lambda: torch.arange(12.0).reshape(2, 3, 2).to_sparse(1),
    "sparse_not_coalesced": lambda: torch.sparse_coo_tensor([[1, 1, 0]], torch.ones(3), (3,)),
    "sparse_pairs": lambda: torch.tensor([[0, 1 + 2j], [3j, 0]], dtype=torch.complex128).to_sparse(),
    "sparse_csr_pairs": lambda: torch.tensor([[0, 1 + 2j], [3j, 0]], dtype=torch.complex128).to_sparse_csr(),
    "sparse_small_indices": lambda: torch.sparse_csr_tensor(
        torch.tensor([0, 1, 2], dtype=torch.int32), torch.tensor([1, 0], dtype=torch.int32), torch.ones(2), (2, 2)
    ),
    "quantised_float_zero_points": lambda: channels(torch.quint8, floats=True),
    "quantised_wide": lambda: torch.quantize_per_tensor(torch.randn(3, 2), 0.1, 3, torch.qint32),
    "four_bits": lambda: channels(torch.quint4x2, floats=True),
    "four_bits_of_one_scale": lambda: torch.quantize_per_tensor(torch.randn(3, 5), 0.1, 3, torch.quint4x2),
    "two_bits": lambda: channels(torch.quint2x4, floats=True),
    "float4": lambda: torch.arange(6, dtype=torch.uint8).reshape(2, 3).view(torch.float4_e2m1fn_x2),
    "float4_strided": lambda: torch.arange(6, dtype=torch.uint8).view(torch.float4_e2m1fn_x2).reshape(2, 3).T,
    "complex32_strided": lambda: torch.arange(6.0).reshape(2, 3).T.to(torch.complex32),
    "complex128_conjugate": lambda: torch.tensor([1 + 2j, -0.0 + 1j], dtype=torch.complex128).conj(),
}
BYTES = {torch.float4_e2m1fn_x2: torch.uint8, torch.complex32: torch.int32}


def values(tensor):
    """Return all values of a tensor of any kind as a dense tensor that torch can compare."""
    if tensor.is_quantized:
        return tensor.dequantize()
    dense = tensor if tensor.layout == torch.strided else tensor.to_dense()
    return dense.resolve_conj().contiguous().view(BYTES.get(dense.dtype, dense.dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_tensor_has_the_digest_of_the_converter(kind, tmp_path):
    value = {"model_state_dict": {"w": KINDS[kind]()}}
    torch.save(value, tmp_path / "native.pt")
    converted = candle_spec.convert(tmp_path / "native.pt", tmp_path / "a").document["weights"]
    captured = capture(value, leaf_of)
    contents = Contents(Framework("pytorch"), captured.groups, captured.tensors, captured.state)
    with Series.create_or_open(tmp_path / "ckpts") as series:
        ours = series.save(TrainingState(1, contents))
    assert ours.manifest["weights"]["state_digest"] == converted["state_digest"]
    back = candle_spec.load(ours.path).tensor("model", "w", framework="torch")
    tensor = value["model_state_dict"]["w"]
    assert (back.dtype, back.layout, back.shape) == (tensor.dtype, tensor.layout, tensor.shape)
    if tensor.layout == torch.sparse_coo:
        assert back.is_coalesced() == tensor.is_coalesced()
    if tensor.is_quantized:
        assert back.qscheme() == tensor.qscheme()
    assert torch.equal(values(back), values(tensor))
    assert validate(ours.path).errors == []


@pytest.mark.parametrize("value", [object(), len, torch.float32, {"deep": [lambda: 1]}])
def test_what_only_a_pickle_could_hold_is_refused_with_its_place(value):
    with pytest.raises(UnsupportedFormatError, match=r"notes.*nothing is pickled"):
        TorchState(Net()).capture({"notes": value})


def test_a_tensor_without_values_is_refused():
    with pytest.raises(UnsupportedFormatError, match="meta"):
        TorchState(torch.nn.Linear(2, 2, device="meta")).capture({})
