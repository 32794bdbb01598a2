"""Layers and losses of sequences against torch's own on the same weights, and the compiled loops of word vectors against autograd."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lamina.methods import word_kernels
from lamina.models.transformer import Attention, Block, Config
from lamina.nn import vocabulary_loss as module
from lamina.nn.attention import Additive, Dot
from lamina.nn.positions import angles, sines, turned
from lamina.nn.recurrent import CELLS, Kind, Recurrent, ends_of
from lamina.nn.vocabulary_loss import vocabulary_loss


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# -- recurrent layers --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("both", [False, True])
def test_recurrent_layers_are_torchs_on_packed_rows(kind: Kind, both: bool) -> None:
    """Two layers, rows of three lengths: outputs, ends of each direction and gradients."""
    mine = Recurrent(kind, 5, 4, layers=2, both=both)
    theirs = CELLS[kind](5, 4, 2, batch_first=True, bidirectional=both)
    for i in range(2):
        for tail, layers in (("", mine.forwards), ("_reverse", mine.backwards)):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if len(layers) else ():
                getattr(theirs, f"{name}_l{i}{tail}").data.copy_(getattr(layers[i], f"{name}_l0").data)
    x, lengths = random(3, 7, 5), torch.tensor([7, 2, 4])
    found = mine(x, lengths)
    packed, hidden = theirs(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True)
    held = torch.arange(7) < lengths[:, None]
    torch.testing.assert_close(found[held], expected[held])
    h = hidden[0] if kind == "lstm" else hidden
    ends = torch.cat([h[-2], h[-1]], -1) if both else h[-1]
    torch.testing.assert_close(ends_of(found, lengths, both), ends)
    mine_grad = torch.autograd.grad((found * held[..., None]).square().sum(), list(mine.forwards[0].parameters()))
    first = [getattr(theirs, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    for a, b in zip(mine_grad, torch.autograd.grad(expected.square().sum(), first), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_state_is_carried_as_torch_carries_it() -> None:
    mine = Recurrent("lstm", 5, 4, layers=2)
    x = random(2, 9, 5)
    whole = mine(x)
    first, state = mine.carried(x[:, :4], mine.blank(2, x))
    second, _ = mine.carried(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


# -- attention ---------------------------------------------------------------------------------------


def test_attention_is_torchs_multihead_attention() -> None:
    mine = Attention(Config(width=12, heads=3, dropout=0.0))
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.in_proj_weight.data.copy_(torch.cat([mine.q.weight, mine.kv.weight]))
    theirs.in_proj_bias.data.copy_(torch.cat([mine.q.bias, mine.kv.bias]))
    theirs.out_proj.load_state_dict(mine.out.state_dict())
    x, places, held = random(2, 4, 12), random(2, 6, 12, seed=1), torch.tensor([[True] * 6, [True] * 3 + [False] * 3])
    k, v = mine.keys(places)
    expected, weights = theirs(x, places, places, key_padding_mask=~held)
    torch.testing.assert_close(mine(x, k, v, held[:, None, None], False), expected)
    torch.testing.assert_close(mine.weights(x[:, :1], k, held[:, None, None]), weights[:, 0])


def test_a_block_is_torchs_decoder_layer() -> None:
    mine = Block(Config(width=12, heads=3, dropout=0.0, inner=4), hears=True).eval()
    theirs = nn.TransformerDecoderLayer(12, 3, 48, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    for part, other in ((mine.attention, theirs.self_attn), (mine.look, theirs.multihead_attn)):
        assert part is not None
        other.in_proj_weight.data.copy_(torch.cat([part.q.weight, part.kv.weight]))
        other.in_proj_bias.data.copy_(torch.cat([part.q.bias, part.kv.bias]))
        other.out_proj.load_state_dict(part.out.state_dict())
    theirs.linear1.load_state_dict(mine.inside.state_dict())
    theirs.linear2.load_state_dict(mine.outside.state_dict())
    x, places = random(2, 5, 12), random(2, 6, 12, seed=1)
    assert mine.look is not None
    k, v = mine.look.keys(places)
    held = torch.ones(2, 6, dtype=torch.bool)
    expected = theirs(x, places, nn.Transformer.generate_square_subsequent_mask(5), tgt_is_causal=True)
    torch.testing.assert_close(mine(x, None, {"k0": k, "v0": v, "held": held}, "0"), expected)


def test_dot_and_additive_attention_by_their_formulas() -> None:
    q, s, held = random(1, 1, 4), random(1, 3, 6, seed=1), torch.tensor([[True, True, False]])
    dot, additive = Dot(4, 6), Additive(4, 6, 5)
    by_dot = torch.stack([q[0, 0] @ dot.W.weight.T @ s[0, j] for j in range(2)]).softmax(0)
    by_sum = torch.stack([additive.v(torch.tanh(additive.W(q[0, 0]) + additive.U(s[0, j])))[0] for j in range(2)]).softmax(0)
    for look, expected in ((dot, by_dot), (additive, by_sum)):
        context, weights = look(q, s, held)
        torch.testing.assert_close(weights[0, 0], torch.cat([expected, torch.zeros(1)]))
        torch.testing.assert_close(context[0, 0], expected @ s[0, :2])


def test_sines_by_the_papers_formula() -> None:
    found = sines(torch.arange(7), 6)
    for place in range(7):
        for i in range(3):
            angle = place / 10_000 ** (2 * i / 6)
            assert found[place, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert found[place, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_turned_products_hang_on_the_distance_alone() -> None:
    q, k = random(1, 1, 1, 8), random(1, 1, 1, 8, seed=1)
    at = lambda x, place: turned(x, angles(torch.tensor([place]), 8))  # noqa: E731
    one, other = (at(q, a) * at(k, b) for a, b in ((3, 1), (103, 101)))
    torch.testing.assert_close(one.sum(), other.sum(), rtol=1e-3, atol=1e-4)
    assert not torch.isclose(one.sum(), (at(q, 3) * at(k, 2)).sum(), rtol=1e-3)


# -- the loss over a vocabulary ----------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("at_once", [7, 40, 10_000])
@pytest.mark.parametrize("bias", [True, False])
def test_the_loss_in_parts_is_cross_entropy(smoothing: float, at_once: int, bias: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    features, head, y = random(13, 5).requires_grad_(), nn.Linear(5, 9, bias=bias), torch.arange(13) % 9
    mine = vocabulary_loss(features, head, y, smoothing) * 0.3
    theirs = F.cross_entropy(head(features), y, reduction="sum", label_smoothing=smoothing) * 0.3
    torch.testing.assert_close(mine, theirs)
    parameters = [features, *head.parameters()]
    for a, b in zip(torch.autograd.grad(mine, parameters), torch.autograd.grad(theirs, parameters), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(vocabulary_loss(features, head, y, smoothing) * 0.3, theirs)


def test_a_token_that_is_all_but_impossible_has_a_finite_loss() -> None:
    head = nn.Linear(1, 2)
    nn.init.zeros_(head.bias)
    head.weight.data = torch.tensor([[0.0], [500.0]])
    assert vocabulary_loss(torch.ones(1, 1), head, torch.tensor([0])).item() == pytest.approx(500.0)


def test_negative_control_a_wrong_target_costs_more() -> None:
    head, features = nn.Linear(5, 9), random(4, 5)
    y = head(features).argmax(1)
    assert vocabulary_loss(features, head, (y + 1) % 9) > vocabulary_loss(features, head, y)


# -- word vectors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7])
def test_a_pair_is_moved_as_autograd_would(count: int) -> None:
    """One word shown, one to be told and its negatives: both sides move by rate times the gradient of the log-likelihood, eq. (4)."""
    x, rows, rate = 0.5 * random(10), 0.5 * random(count, 10, seed=1), 0.1
    v, u = x.clone().requires_grad_(), rows.clone().requires_grad_()
    signs = torch.tensor([1.0] + [-1.0] * (count - 1))
    loss = -F.logsigmoid(signs * (u @ v)).sum()
    loss.backward()
    error, moved = np.zeros(10, np.float32), rows.numpy().copy()
    word_kernels._pair(x.numpy(), moved, count, np.float32(rate), error, word_kernels.SIGMOID)
    step = 2 * word_kernels.EDGE / word_kernels.STEPS  # what the table of the sigmoid rounds by, at most a quarter of it
    np.testing.assert_allclose(error, -rate * v.grad.numpy(), atol=rate * step / 4 * count * 2)
    np.testing.assert_allclose(moved, (rows - rate * u.grad).numpy(), atol=rate * step / 4 * 2)
    assert word_kernels._loss(x.numpy(), rows.numpy(), count) == pytest.approx(loss.item(), rel=1e-5)


def fresh(seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).normal(size=(10, 8))).astype(np.float32)


def whole_text(loop: Any, moves: bool, shared: bool = True, seed: int = 1) -> tuple[Any, np.ndarray, np.ndarray]:
    ids = np.random.default_rng(0).integers(2, 12, 5000).astype(np.int32)
    ids[::20] = 0
    inputs, outputs = fresh(1), fresh(2)
    keep, draws = np.ones(10, np.float32), np.arange(10, dtype=np.int32)
    words = word_kernels.Words(inputs, outputs, keep, draws, word_kernels.SIGMOID)
    told = loop(ids, words, word_kernels.How(3, 2, shared, 0.05, 0.01, seed, moves))
    return told, inputs, outputs


@pytest.mark.parametrize("name", ["skipgram", "cbow"])
def test_a_loop_counts_what_it_saw(name: str) -> None:
    (loss, judged, pairs, words), _, _ = whole_text(getattr(word_kernels, name), moves=False)
    assert words == 5000 - 250
    assert judged == pairs
    assert loss / judged == pytest.approx(3 * math.log(2), rel=0.05)  # vectors that know nothing: of each of three as probable as not
    if name == "skipgram":  # sentences of 19 words, reach 1 to 3 evenly: (2 + 4 + 6) / 3 words around each but at the ends
        assert 0.85 * 4 < pairs / words < 4


@pytest.mark.parametrize("name", ["skipgram", "cbow"])
@pytest.mark.parametrize("shared", [True, False])
def test_a_loop_repeats_and_a_judge_moves_nothing(name: str, shared: bool) -> None:
    loop = getattr(word_kernels, name)
    one, two, apart = (whole_text(loop, True, shared, seed) for seed in (1, 1, 2))
    assert one[0] == two[0]
    assert np.array_equal(one[1], two[1])
    assert not np.array_equal(one[1], apart[1])
    _, inputs, outputs = whole_text(loop, False, shared)
    assert np.array_equal(inputs, fresh(1))
    assert np.array_equal(outputs, fresh(2))


@pytest.mark.parametrize("name", ["skipgram", "cbow"])
def test_words_that_are_used_alike_come_near(name: str) -> None:
    """Two topics whose words stand only beside each other: neighbours are of the same topic, and with a rate of zero they are not."""
    chance = np.random.default_rng(0)
    text = [np.r_[chance.integers(0, 6, 12) + 6 * int(chance.integers(2)) + 2, 0] for _ in range(2500)]
    ids = np.concatenate(text).astype(np.int32)
    alike = {}
    for rate in (0.05, 0.0):
        inputs, outputs = ((chance.random((12, 16)).astype(np.float32) - 0.5) / 16 for _ in range(2))
        for seed in range(3):
            words = word_kernels.Words(inputs, outputs, np.ones(12, np.float32), np.arange(12, dtype=np.int32), word_kernels.SIGMOID)
            getattr(word_kernels, name)(ids, words, word_kernels.How(4, 1, True, rate, rate, seed, True))
        unit = inputs / np.linalg.norm(inputs, axis=1, keepdims=True)
        near = unit @ unit.T - 2 * np.eye(12)
        alike[rate] = float((near.argmax(1) // 6 == np.arange(12) // 6).mean())
    assert alike[0.05] == 1.0
    assert alike[0.0] < 1.0
