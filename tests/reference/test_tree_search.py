"""The search tree against plain recursion: the same visits as the formulas written down, proofs as exhaustive search finds them."""

import math
from typing import Any

import numpy as np
import pytest

from lamina.envs.games import tree
from lamina.envs.games.game import GOING, Game, seen
from lamina.envs.games.opening import load
from lamina.envs.games.search import Search, softmax, uniform
from lamina.envs.games.solved import Solved, solve
from lamina.envs.games.tree import UNKNOWN, Constants


@pytest.fixture(scope="module")
def game() -> Game:
    return load("tictactoe")


@pytest.fixture(scope="module")
def every(game: Game) -> Solved:
    found = solve(game)
    assert found is not None
    return found


def odd_judge(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opinions that hang on the position in a way of no sense, but always in the same one."""
    weights = np.random.default_rng(5).normal(size=(x[0].size, 10)).astype(np.float32)
    said = np.tanh(x.reshape(len(x), -1).astype(np.float32) @ weights)
    return said[:, :9], 0.5 * said[:, 9]


class Node:
    """A position of the plain search, as one would write it with objects."""

    def __init__(self, game: Game, board: np.ndarray, player: int, outcome: int, allowed: np.ndarray) -> None:
        self.game, self.board, self.player, self.children = game, board, player, dict[int, Node]()
        self.proven = UNKNOWN if outcome == GOING else outcome * player
        if self.proven == UNKNOWN:
            logits, value = odd_judge(seen(board[None], np.array([player])))
            self.prior, self.value = softmax(logits / np.float32(Constants().softness), allowed[None])[0], float(value[0])
        self.moves = [a for a in range(9) if allowed[a]]
        self.visits, self.total = dict.fromkeys(self.moves, 0), dict.fromkeys(self.moves, 0.0)


def simulate(node: Node, how: Constants) -> float:
    """One simulation from a node of unknown worth; what it is worth to who is to move there."""
    visited = sum(node.visits.values())
    c = how.first + math.log((1 + visited + how.base) / how.base)
    untried = (node.value + sum(node.total.values())) / (1 + visited) - how.urgency

    def score(a: int) -> float:
        n = node.visits[a]
        q = untried if n == 0 else node.total[a] / n
        return q + c * float(node.prior[a]) * math.sqrt(max(1, visited)) / (1 + n)

    a = max((m for m in node.moves if m not in node.children or node.children[m].proven == UNKNOWN), key=score)
    if a not in node.children:
        board = node.board[None].copy()
        allowed, outcome = node.game.step(board, np.array([a]), np.array([node.player]))
        child = node.children[a] = Node(node.game, board[0], -node.player, int(outcome[0]), allowed[0])
        v = child.value if child.proven == UNKNOWN else child.proven
    else:
        v = simulate(node.children[a], how)
    node.visits[a] += 1
    node.total[a] -= v
    known = [-node.children[m].proven for m in node.moves if m in node.children and node.children[m].proven != UNKNOWN]
    if 1 in known or len(known) == len(node.moves):
        node.proven = max(known)
    return max([-v, *known])  # who has a certain draw does not lose


def plain_visits(game: Game, board: np.ndarray, player: int, allowed: np.ndarray, simulations: int) -> tuple[list[int], int]:
    root = Node(game, board, player, GOING, allowed)
    for _ in range(simulations):
        if root.proven == UNKNOWN:
            simulate(root, Constants())
    return [root.visits.get(a, 0) for a in range(9)], root.proven


@pytest.mark.parametrize("simulations", [1, 7, 60])
def test_visits_are_those_of_the_formulas(game: Game, every: Solved, simulations: int) -> None:
    """On positions from the empty board to nearly full ones, one tree beside many others."""
    some = every.some(np.arange(0, len(every), 199))
    trees = planted(game, some, odd_judge, simulations)
    for i in range(len(some)):
        visits, proven = plain_visits(game, some.boards[i], int(some.players[i]), some.allowed[i], simulations)
        assert trees.visits[i, 0].tolist() == visits
        assert trees.proven[i, 0] == proven


def planted(game: Game, some: Solved, judge: Any, simulations: int) -> tree.Tree:
    """The trees of a search, for a look inside."""
    kept: list[tree.Tree] = []
    search = Search(game, judge)
    simulate_once = search._simulate
    search._simulate = lambda trees, active: (kept.append(trees), simulate_once(trees, active))[1]  # type: ignore[method-assign]
    search(some.boards, some.players, some.allowed, simulations)
    return kept[-1]


def test_a_long_search_proves_what_exhaustive_search_knows(game: Game, every: Solved) -> None:
    some = every.some(np.arange(0, len(every), 37))
    found = Search(game, uniform(9))(some.boards, some.players, some.allowed, 2500)
    assert found.proven.mean() > 0.95
    assert np.array_equal(found.values[found.proven], some.values[found.proven])
    assert some.right(found.moves)[found.proven].all()


@pytest.mark.parametrize("simulations", [5, 30, 200])
def test_what_is_proven_is_true(game: Game, every: Solved, simulations: int) -> None:
    found = Search(game, odd_judge)(every.boards, every.players, every.allowed, simulations)
    assert np.array_equal(found.values[found.proven], every.values[found.proven])


def test_a_perfect_judge_needs_no_search(game: Game, every: Solved) -> None:
    place = {seen(b[None], np.array([p])).tobytes(): i for i, (b, p) in enumerate(zip(every.boards, every.players, strict=True))}

    def perfect(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = [place[one.tobytes()] for one in x]
        return np.where(every.optimal[rows], 4, -4).astype(np.float32), every.values[rows].astype(np.float32)

    found = Search(game, perfect)(every.boards, every.players, every.allowed, 4)
    assert every.right(found.moves).mean() > 0.999


def test_negative_control_a_judge_that_is_upside_down_plays_worse(game: Game, every: Solved) -> None:
    """The test above sees what the judge says: turned about, it misleads."""
    upside = {one.tobytes(): -float(v) for one, v in zip(seen(every.boards, every.players), every.values, strict=True)}
    found = Search(game, lambda x: (np.zeros((len(x), 9), np.float32), np.array([upside[one.tobytes()] for one in x], np.float32)))(
        every.boards, every.players, every.allowed, 20)
    bare = Search(game, uniform(9))(every.boards, every.players, every.allowed, 20)
    assert every.right(found.moves).mean() < every.right(bare.moves).mean() - 0.03


def test_compiled_loops_are_the_plain_ones(game: Game, every: Solved) -> None:
    """numba changes no bit of what the loops compute in float32 and int32."""
    pytest.importorskip("numba")
    some = every.some(np.arange(0, len(every), 701))
    compiled = planted(game, some, odd_judge, 12)
    loops = {name: getattr(tree, name) for name in ("best", "descend", "grow", "judge", "back_up", "_prove")}
    try:
        for name, loop in loops.items():
            setattr(tree, name, loop.py_func)
        plain = planted(game, some, odd_judge, 12)
    finally:
        for name, loop in loops.items():
            setattr(tree, name, loop)
    for name in ("child", "visits", "proven", "board"):
        assert np.array_equal(getattr(compiled, name), getattr(plain, name)), name
    np.testing.assert_allclose(compiled.total, plain.total, rtol=1e-5, atol=1e-6)


def test_tictactoe_is_solved(every: Solved) -> None:
    """4,520 positions with a move to make, as counted elsewhere (Henry Bottomley 2001; OEIS-like tables); a draw from the start."""
    assert len(every) == 4520
    assert every.values[0] == 0
    assert every.optimal[0].all()  # every first move draws
    corner = next(i for i, board in enumerate(every.boards) if board.sum() == 1 and board[0, 0] == 1 and np.abs(board).sum() == 1)
    assert np.flatnonzero(every.optimal[corner]).tolist() == [4]  # only the centre holds against a corner


def test_the_improved_policy_is_the_papers(game: Game) -> None:
    """Danihelka et al. 2022, by hand on one tree: log prior + (c_visit + max N) c_scale Q, with v_mix (eq. 33) for what was not tried."""
    made = tree.planted(1, 2, 3, 9)
    made.visits[0, 0], made.total[0, 0], made.value[0, 0] = [3, 1, 0], [1.5, -0.5, 0.0], 0.2
    prior = np.array([[0.5, 0.3, 0.2]], np.float32)
    q0, q1 = 1.5 / 3, -0.5 / 1
    mixed = (0.2 + 4 * (0.5 * q0 + 0.3 * q1) / (0.5 + 0.3)) / (1 + 4)
    logits = np.log(prior[0]) + (tree.VISITS + 3) * tree.SCALE * (np.array([q0, q1, mixed]) + 1) / 2
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(tree.improved(made, prior)[0], expected, rtol=1e-5)


def test_the_improved_policy_betters_the_prior(game: Game, every: Solved) -> None:
    """The chance that it gives to optimal moves is more than the network's alone, whatever the network."""
    found = Search(game, odd_judge)(every.boards, every.players, every.allowed, 30)
    prior = Search(game, odd_judge).priors(every.boards, every.players, every.allowed)
    assert np.allclose(found.improved.sum(1), 1, atol=1e-5)
    assert (found.improved[~every.allowed] == 0).all()
    assert np.where(every.optimal, found.improved, 0).sum() > 1.15 * np.where(every.optimal, prior, 0).sum()
