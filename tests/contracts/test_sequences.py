"""What every model that says or writes tokens promises: a new one is tested with no line changed here."""

from typing import Any

import pytest
import torch

from lamina.core import rng
from lamina.core.config import config_of
from lamina.core.errors import UsageError
from lamina.core.speaker import Speaker, State, Writer, rows
from lamina.core.spec import BEGIN, END, FILL, Classes, Next, Spec, Text, Tokens
from lamina.methods.teacher_forcing import TeacherForcing, loss_of, shifted
from lamina.models import MODELS
from lamina.nn.beam_search import Search, search

TOKENS = Tokens(unit="character", names=("<fill>", "<unknown>", "<begin>", "<end>", *"abcdefgh"), length=20)
SPECS = {"translate": Spec(input=TOKENS, target=TOKENS), "write": Spec(input=TOKENS, target=Next(size=TOKENS.size))}
SMALL = {"embedding": 8, "hidden": 8, "width": 8, "heads": 2, "layers": 2, "dropout": 0.0}
WAYS = {"seq2seq": [{"attention": kind} for kind in ("luong", "bahdanau", "none")] + [{"cell": "gru"}, {"cell": "rnn"}]}


def built(name: str, kind: str, **words: Any) -> Any:
    config = config_of(MODELS[name])
    small = {k: v for k, v in SMALL.items() if k in config.model_fields and isinstance(config.model_fields[k].default, int | float)}
    rng.reseed(0, 0, "weights")
    return MODELS[name](SPECS[kind], config(**small, **words)).eval()


def those(kind: str, interface: Any) -> list[Any]:
    found = []
    for name in MODELS:
        try:
            if isinstance(built(name, kind), interface):
                found += [pytest.param(name, words, id=f"{name}-{'-'.join(words.values())}") for words in WAYS.get(name, [{}])]
        except UsageError:
            continue
    return found


SPEAKERS, WRITERS = those("translate", Speaker), those("write", Writer)
each_speaker = pytest.mark.parametrize(("name", "words"), SPEAKERS)
each_writer = pytest.mark.parametrize(("name", "words"), WRITERS)
X = torch.tensor([[4, 5, 6, 7, 8], [9, 10, 4, FILL, FILL], [11, FILL, FILL, FILL, FILL]], dtype=torch.int32)
Y = torch.tensor([[5, 6, 7, END], [8, END, FILL, FILL], [4, 9, END, FILL]], dtype=torch.int32)


def test_there_are_some() -> None:
    assert {p.values[0] for p in SPEAKERS} >= {"seq2seq", "transformer"}
    assert {p.values[0] for p in WRITERS} >= {"rnn", "lstm", "gru", "transformer"}


@each_speaker
def test_what_is_said_step_by_step_is_what_is_learned_at_once(name: str, words: dict[str, Any]) -> None:
    """The kept keys, values and states give the same logits as the whole answer does."""
    model = built(name, "translate", **words)
    said = shifted(Y)
    with torch.no_grad():
        whole = model(X, said)
        memory, state = model.hear(X)
        for t in range(said.shape[1]):
            logits, state = model.decode_step(memory, state, said[:, t])
            held = Y[:, t] != FILL
            torch.testing.assert_close(logits[held], whole[held, t], rtol=1e-4, atol=1e-5)


@each_speaker
def test_filling_changes_nothing(name: str, words: dict[str, Any]) -> None:
    """A pair alone and the same pair beside longer ones: the same logits."""
    model = built(name, "translate", **words)
    with torch.no_grad():
        together, alone = model(X, shifted(Y)), model(X[1:2, :3], shifted(Y[1:2, :2]))
    torch.testing.assert_close(together[1:2, :2], alone, rtol=1e-4, atol=1e-5)


@each_speaker
def test_nothing_leaks_from_what_is_still_to_be_said(name: str, words: dict[str, Any]) -> None:
    model, other = built(name, "translate", **words), Y.clone()
    other[0, 2] = 11
    with torch.no_grad():
        before, after = model(X, shifted(Y)), model(X, shifted(other))
    assert torch.equal(before[0, :3], after[0, :3])
    assert not torch.equal(before[0, 3], after[0, 3])  # so that the equality above says something


@each_speaker
def test_attention_sums_to_one_over_what_was_heard(name: str, words: dict[str, Any]) -> None:
    model = built(name, "translate", **words)
    with torch.no_grad():
        memory, state = model.hear(X)
        _, state = model.decode_step(memory, state, torch.full((3,), BEGIN))
    if words.get("attention") == "none":
        assert "attention" not in state
        return
    torch.testing.assert_close(state["attention"].sum(1), torch.ones(3))
    assert state["attention"][X == FILL].abs().max() == 0


@each_speaker
def test_one_pair_is_learned_by_heart_and_said_again(name: str, words: dict[str, Any]) -> None:
    model = built(name, "translate", **words)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        total, count = loss_of(model.train(), X, shifted(Y), Y)
        optimizer.zero_grad()
        (total / count).backward()
        optimizer.step()
    assert (total / count).item() < 0.1
    for beam in (1, 3):
        assert [one.tokens for one in search(model.eval(), X, Search(beam, 10))] == [[5, 6, 7], [8], [4, 9]]


class Chain:
    """A speaker whose next token hangs on the last one alone, by a table of logits (V, V)."""

    def __init__(self, table: torch.Tensor) -> None:
        self.table, self.calls = table, 0

    def hear(self, x: torch.Tensor) -> tuple[State, State]:
        return {"memory": x}, {"state": torch.zeros(len(x), 1)}

    def decode_step(self, memory: State, state: State, token: torch.Tensor) -> tuple[torch.Tensor, State]:
        self.calls += len(token)
        return self.table[token.long()], state


def every_answer(table: torch.Tensor, most: int) -> list[tuple[float, list[int]]]:
    """(log-probability, tokens) of every answer with an end of at most `most` tokens and the end."""
    log_p, found = table.log_softmax(-1), []
    open_ones: list[tuple[float, list[int]]] = [(0.0, [])]
    for _ in range(most):
        longer = []
        for score, tokens in open_ones:
            last = tokens[-1] if tokens else BEGIN
            found.append((score + log_p[last, END].item(), tokens))
            longer += [(score + log_p[last, t].item(), [*tokens, t]) for t in range(END + 1, len(table))]
        open_ones = longer
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_as_wide_as_all_answers_finds_the_best(seed: int) -> None:
    """Against every answer of up to four tokens, by log-probability alone."""
    table = 2 * torch.randn(7, 7, generator=torch.Generator().manual_seed(seed))
    table[:, END] += 1
    table[3 * torch.arange(7) % 7, END] -= 1
    best = max(every_answer(table, 4))
    found = search(Chain(table), torch.zeros(2, 1), Search(beam=60, most=4, alpha=0.0))  # type: ignore[arg-type]
    assert [one.tokens for one in found] == [best[1]] * 2
    assert found[0].log_probability == pytest.approx(best[0], abs=1e-4)


def test_a_beam_of_one_takes_the_most_probable_token_each_time() -> None:
    table = torch.randn(9, 9, generator=torch.Generator().manual_seed(3))
    tokens, last = [], BEGIN
    allowed = table.clone()
    allowed[:, [FILL, 1, BEGIN]] = -torch.inf
    while len(tokens) < 12 and (last := int(allowed[last].argmax())) != END:
        tokens.append(last)
    assert search(Chain(table), torch.zeros(1, 1), Search(beam=1, most=12))[0].tokens == tokens  # type: ignore[arg-type]


def test_an_answer_that_is_settled_is_not_computed_further() -> None:
    """Two answers, one of which ends at once: the loop pays for one only."""
    table = torch.full((6, 6), -9.0)
    table[BEGIN, END] = 9.0
    model = Chain(table)
    search(model, torch.zeros(5, 1), Search(beam=1, most=50))  # type: ignore[arg-type]
    assert model.calls == 5


@each_writer
def test_a_text_read_in_parts_is_read_as_a_whole(name: str, words: dict[str, Any]) -> None:
    model = built(name, "write", **words)
    text = torch.randint(4, 12, (2, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole, _ = model.read(text, {})
        state: State = {}
        parts = []
        for a, b in ((0, 5), (5, 6), (6, 12)):
            features, state = model.read(text[:, a:b], state)
            parts.append(features)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-5)


@each_writer
def test_what_follows_is_not_seen(name: str, words: dict[str, Any]) -> None:
    model = built(name, "write", **words)
    text = torch.randint(4, 12, (1, 10), generator=torch.Generator().manual_seed(0))
    other = text.clone()
    other[0, 6] = 4 + (other[0, 6] - 3) % 8
    with torch.no_grad():
        one, two = model.read(text, {})[0], model.read(other, {})[0]
    assert torch.equal(one[:, :6], two[:, :6])
    assert not torch.equal(one[:, 6], two[:, 6])


@each_writer
def test_a_gradient_reaches_every_parameter_of_a_writer(name: str, words: dict[str, Any]) -> None:
    model = built(name, "write", **words).train()
    features, _ = model.read(X[:1].long(), {})
    model.head(features).square().sum().backward()
    assert {n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()} == set()


@each_speaker
def test_a_gradient_reaches_every_parameter_of_a_speaker(name: str, words: dict[str, Any]) -> None:
    model = built(name, "translate", **words).train()
    total, _ = loss_of(model, X, shifted(Y), Y)
    total.backward()
    dead = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()}
    assert all(n.endswith(("k.bias", "start.bias")) for n in dead), dead


def test_rows_of_a_state_are_taken_together() -> None:
    state = {"a": torch.arange(6).view(3, 2), "b": torch.arange(3)}
    found = rows(state, torch.tensor([2, 0, 0]))
    assert found["a"].tolist() == [[4, 5], [0, 1], [0, 1]]
    assert found["b"].tolist() == [2, 0, 0]


@pytest.mark.parametrize("model", ["bag", "mlp"])
def test_a_model_that_says_nothing_is_refused(model: str) -> None:
    spec = Spec(input=Text(words=("a", "b"), length=5), target=Classes(names=("p", "q")))
    with pytest.raises(UsageError):
        TeacherForcing.wrap(MODELS["bag"](spec, config_of(MODELS["bag"])()), SPECS["translate"])
