"""What is wrong with found objects, in the kinds that a person can do something about (after Hoiem et al. 2012; Bolya et al. 2020, TIDE).

Of the answers that are sure enough, each that found no object of its class is one of: a `duplicate` of an object that a surer one
found; `confused`, well on an object of another class; `badly placed`, on an object of its class but too little; `false`, on
nothing. An object that nobody found is `missed`, unless a confused or badly placed answer is on it. Crowds are no error.

    D  answers of a picture, the best first    G  its objects
"""

from dataclasses import dataclass

import numpy as np

from lamina.metrics.box_matching import Array, overlaps

KINDS = ("missed", "false", "confused", "duplicate", "badly placed")
WELL, BARELY = 0.5, 0.1  # overlaps
UNJUDGED = -2  # in the place of a partner: an answer past the number that is judged


@dataclass(frozen=True)
class Scene:
    """A picture's answers and objects, in the photo's own pixels.

    boxes (D, 4), scores (D,), classes (D,); objects (G, 4), true_classes (G,), crowd (G,) bool; partner (D,): the object that each found,
    -1 for none.
    """

    boxes: Array
    scores: Array
    classes: Array
    objects: Array
    true_classes: Array
    crowd: Array
    partner: Array


def errors_of(scene: Scene, threshold: float) -> dict[str, int]:
    """How many errors of each kind, and `found`: the objects that were found by answers of at least this score."""
    sure = (scene.scores >= threshold) & (scene.partner != UNJUDGED)
    partner = scene.partner[sure]
    overlap = overlaps(scene.boxes[sure], scene.objects, scene.crowd) * ~scene.crowd  # (D, G)
    same = scene.classes[sure][:, None] == scene.true_classes[None]
    lost = partner < 0
    duplicate = lost & (overlap * same >= WELL).any(1)
    confused = lost & ~duplicate & (overlap * ~same >= WELL).any(1)
    placed = lost & ~duplicate & ~confused & (overlap * same >= BARELY).any(1)
    explained = np.zeros(len(scene.objects), bool)
    explained[np.concatenate([_on(overlap * ~same, confused), _on(overlap * same, placed)])] = True
    found = np.zeros(len(scene.objects), bool)
    found[partner[~lost]] = True
    counts = (~(found | explained | scene.crowd), lost & ~duplicate & ~confused & ~placed, confused, duplicate, placed)
    kinds = {kind: int(one.sum()) for kind, one in zip(KINDS, counts, strict=True)}
    return kinds | {"found": int((found & ~scene.crowd).sum())}


def _on(overlap: Array, answers: Array) -> Array:
    """The object that each of these answers is most on; (D, G) and (D,) bool -> places."""
    return overlap[answers].argmax(1) if overlap.shape[1] else np.zeros(0, int)
