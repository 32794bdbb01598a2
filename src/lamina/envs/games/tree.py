"""The search tree of AlphaZero (Silver et al. 2018, A general reinforcement learning algorithm that masters chess, shogi and Go
through self-play), of many games at once, as arrays.

A simulation goes down each tree from its root by PUCT until it leaves it (`descend`), the position that it comes to is put into the
tree (`grow`), and what it is worth goes up again (`back_up`). The rules of the game and the network are not known here.
Departures: a move that was never tried is worth what its parent is (first-play urgency), not 0; priors are softer than the policy;
what is proven is known for ever (Winands, Bjornsson & Saito 2008, Monte-Carlo tree search solver): a player with a winning move has
won, a move whose worth is known is not searched again, and who has a certain draw is never said to be worse off (Cazenave & Saffidine
2010, Score bounded Monte-Carlo tree search).

    G  games    N  nodes of a tree    A  moves    C  cells    D  depth, at most N
    N(s, a)  visits    W(s, a)  total    Q(s, a) = W / N    P(s, a)  prior    all values are those of who is to move at s
"""

from typing import Any, NamedTuple

import numpy as np

from lamina.envs.games.machine_code import jit

UNKNOWN = 2  # in place of a proven value
VISITS, SCALE = 50, 0.4  # c_visit and c_scale of `improved`


class Tree(NamedTuple):
    """Trees side by side. A child is -1 where there is none yet; an illegal move has the prior -1."""

    child: Any  # (G, N, A) int32
    visits: Any  # (G, N, A) int32
    total: Any  # (G, N, A) float32
    prior: Any  # (G, N, A) float32
    value: Any  # (G, N) float32: the network's
    proven: Any  # (G, N) int8: -1, 0, 1 or UNKNOWN
    floor: Any  # (G, N) int8: the most that a move is proven to be worth, -1 where nothing is proven
    board: Any  # (G, N, C) int8
    player: Any  # (G, N) int8
    used: Any  # (G,) int32: nodes so far
    node: Any  # (G, D) int32: the nodes of the present way down
    move: Any  # (G, D) int32: the moves of the present way down
    depth: Any  # (G,) int32: how many they are


class Constants(NamedTuple):
    """`first` and `base`: c_init and c_base of the paper, whose c_init of 1.25 is for values from 0 to 1 and would be 2.5 here;
    `urgency`: how much less than its parent a move is worth that was never tried; `softness`: what the network's logits are divided by, so
    that what it is wrongly sure of is tried all the same (Leela Zero's policy temperature)."""

    first: float = 1.5
    base: float = 19652.0
    urgency: float = 0.0
    softness: float = 2.0


def planted(games: int, nodes: int, moves: int, cells: int) -> Tree:
    """Trees without a node."""
    edges = (games, nodes, moves)
    return Tree(
        child=np.full(edges, -1, np.int32), visits=np.zeros(edges, np.int32), total=np.zeros(edges, np.float32),
        prior=np.full(edges, -1, np.float32), value=np.zeros((games, nodes), np.float32), proven=np.full((games, nodes), UNKNOWN, np.int8),
        floor=np.full((games, nodes), -1, np.int8), board=np.zeros((games, nodes, cells), np.int8),
        player=np.zeros((games, nodes), np.int8), used=np.zeros(games, np.int32),
        node=np.zeros((games, nodes), np.int32), move=np.zeros((games, nodes), np.int32), depth=np.zeros(games, np.int32),
    )  # fmt: skip


@jit
def best(tree: Any, g: int, s: int, how: Any) -> int:
    """The move with the most Q + U at node s, of those whose worth is not proven: the paper's PUCT."""
    visits, total = 0, np.float32(0)
    for a in range(tree.prior.shape[2]):
        visits += tree.visits[g, s, a]
        total += tree.total[g, s, a]
    c = how.first + np.log((1 + visits + how.base) / how.base)
    root = c * np.sqrt(max(visits, 1))
    untried = (tree.value[g, s] + total) / (1 + visits) - how.urgency
    chosen, most = -1, -1e9
    for a in range(tree.prior.shape[2]):
        n, below = tree.visits[g, s, a], tree.child[g, s, a]
        if tree.prior[g, s, a] < 0 or (below >= 0 and tree.proven[g, below] != UNKNOWN):
            continue
        q = untried if n == 0 else tree.total[g, s, a] / n
        score = q + root * tree.prior[g, s, a] / (1 + n)
        if score > most:
            chosen, most = a, score
    return chosen


@jit
def descend(tree: Any, active: Any, how: Any) -> None:
    """From the root of each active tree, where it is not proven, down to a move that leads out of it."""
    for g in range(len(active)):
        if not active[g]:
            continue
        s, d = 0, 0
        while True:
            a = best(tree, g, s, how)
            tree.node[g, d], tree.move[g, d] = s, a
            d += 1
            s = tree.child[g, s, a]
            if s < 0:
                break
        tree.depth[g] = d


@jit
def grow(tree: Any, games: Any, boards: Any, players: Any, proven: Any) -> None:
    """Put a new position (B, C) at the end of the way down into the trees of `games` (B,); a root, where there is none."""
    for i in range(len(games)):
        g = games[i]
        s = tree.used[g]
        tree.used[g] = s + 1
        tree.board[g, s] = boards[i]
        tree.player[g, s] = players[i]
        tree.proven[g, s] = proven[i]
        if s > 0:
            d = tree.depth[g] - 1
            tree.child[g, tree.node[g, d], tree.move[g, d]] = s


@jit
def judge(tree: Any, games: Any, priors: Any, values: Any) -> None:
    """Write what the network says (B, A), (B,) into the newest node of the trees of `games`."""
    for i in range(len(games)):
        s = tree.used[games[i]] - 1
        tree.prior[games[i], s] = priors[i]
        tree.value[games[i], s] = values[i]


@jit
def back_up(tree: Any, active: Any) -> None:
    """Carry the value of the position at the end of each way up to the root, turned about at each move; and what is proven."""
    for g in range(len(active)):
        if not active[g]:
            continue
        d = tree.depth[g] - 1
        s = tree.child[g, tree.node[g, d], tree.move[g, d]]
        v = tree.value[g, s] if tree.proven[g, s] == UNKNOWN else np.float32(tree.proven[g, s])
        news = tree.proven[g, s] != UNKNOWN
        while d >= 0:
            v = -v
            s, a = tree.node[g, d], tree.move[g, d]
            tree.visits[g, s, a] += 1
            tree.total[g, s, a] += v
            if news:
                _prove(tree, g, s)
                news = tree.proven[g, s] != UNKNOWN
            v = max(v, np.float32(tree.floor[g, s]))
            d -= 1


@jit
def _prove(tree: Any, g: int, s: int) -> None:
    """What node s is worth at least, and for certain: 1 where a move wins, else the best of all moves where all are known."""
    most, known = -1, True
    for a in range(tree.prior.shape[2]):
        if tree.prior[g, s, a] < 0:
            continue
        below = tree.child[g, s, a]
        if below < 0 or tree.proven[g, below] == UNKNOWN:
            known = False
        else:
            most = max(most, -tree.proven[g, below])
    tree.floor[g, s] = most
    if known or most == 1:
        tree.proven[g, s] = most


def sensible(tree: Tree) -> np.ndarray:
    """Which moves at the roots (G, A) are not known to be worse than another; illegal ones may be among them."""
    visits, mine = tree.visits[:, 0], _proven_moves(tree)
    untold = np.where(mine == UNKNOWN, visits, 0)
    most = untold.argmax(1)[:, None]
    hope = np.take_along_axis(tree.total[:, 0], most, 1) / np.maximum(np.take_along_axis(untold, most, 1), 1)  # (G, 1): Q of it
    floor = tree.floor[:, :1]
    settled = (tree.proven[:, :1] != UNKNOWN) | ((floor == 0) & (hope < 0))  # a certain draw is better than what looks like a loss
    return np.where(settled, mine == floor, mine != -1)


def counts(tree: Tree) -> np.ndarray:
    """How often each move was tried at the roots (G, A), without those that are known to be worse than another."""
    visits = tree.visits[:, 0].astype(np.float32)
    kept = visits * sensible(tree)
    return np.where(kept.sum(1, keepdims=True) > 0, kept, visits)


def _proven_moves(tree: Tree) -> np.ndarray:
    """What is proven of each move at the roots (G, A), UNKNOWN where nothing is."""
    child = tree.child[:, 0]
    theirs = np.where(child >= 0, np.take_along_axis(tree.proven, np.maximum(child, 0), 1), UNKNOWN)
    return np.where(theirs == UNKNOWN, UNKNOWN, -theirs)


def improved(tree: Tree, prior: np.ndarray) -> np.ndarray:
    """The network's policy, better by what the search found out (G, A): softmax(log prior + sigma(Q)) with Q completed where a move was
    not tried (Danihelka, Guez, Schrittwieser & Silver 2022, Policy improvement by planning with Gumbel, eq. 8 to 11). `prior` (G, A) is
    that of the roots without noise, -1 for illegal moves."""
    visits, mine = tree.visits[:, 0], _proven_moves(tree)
    q = np.where(mine == UNKNOWN, tree.total[:, 0] / np.maximum(visits, 1), mine)
    tried, chance = visits > 0, np.maximum(prior, 0)
    mass, count = np.where(tried, chance, 0).sum(1, keepdims=True), visits.sum(1, keepdims=True)
    mean = (np.where(tried, chance, 0) * q).sum(1, keepdims=True) / np.maximum(mass, 1e-9)
    mixed = (tree.value[:, :1] + count * mean) / (1 + count)
    completed = np.where(tried, q, mixed)
    sigma = (VISITS + visits.max(1, keepdims=True)) * SCALE * (completed + 1) / 2
    logits = np.where(prior >= 0, np.log(np.maximum(chance, 1e-9)) + sigma, -np.inf)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def values(tree: Any) -> np.ndarray:
    """What the roots are worth (G,): proven, or the mean of all simulations."""
    visits, total = tree.visits[:, 0].sum(1), tree.total[:, 0].sum(1)
    mean = (tree.value[:, 0] + total) / (1 + visits)
    return np.where(tree.proven[:, 0] == UNKNOWN, mean, tree.proven[:, 0]).astype(np.float32)
