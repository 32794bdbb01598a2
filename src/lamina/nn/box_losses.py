"""What anchors have to learn, and how far they are from it: the losses of networks that find objects.

Smooth L1 (Girshick 2015, Fast R-CNN, section 2.3), hard negative mining (Liu et al. 2016, SSD, section 2.2), and the focal loss
(Lin, Goyal, Girshick, He & Dollar 2017). Of no anchor and no object each is zero, and can be differentiated.

    B  pictures    M  anchors    K  classes    labels  0 no object, 1 + the object's class, UNKNOWN not to be asked
"""

import torch
import torch.nn.functional as F

from lamina.core.detector import Truth
from lamina.nn.matching import UNSURE, Rule, ignoring, match

UNKNOWN = -1
NEGATIVES = 3  # without an object, for each with one


def assigned(truth: Truth, anchors: torch.Tensor, rule: Rule) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (M,) of anchors (M, 4) in one picture, and the object's box beside each (M, 4); beside none, itself."""
    real = truth.weight > 0
    objects, classes = truth.boxes[real].to(anchors.dtype), truth.classes[real]
    matched = ignoring(match(objects, anchors, rule), anchors, truth.boxes[~real])
    has = matched >= 0
    labels = has.long().masked_fill(matched == UNSURE, UNKNOWN)
    labels[has] += classes[matched[has]]
    boxes = anchors.clone()
    boxes[has] = objects[matched[has]]
    return labels, boxes


def assigned_everywhere(truth: Truth, pictures: int, anchors: torch.Tensor, rule: Rule) -> tuple[torch.Tensor, torch.Tensor]:
    """The same of all pictures, which have the same anchors: (B, M), (B, M, 4)."""
    labels, boxes = zip(*(assigned(truth.of_picture(n), anchors, rule) for n in range(pictures)), strict=True)
    return torch.stack(labels), torch.stack(boxes)


def smooth_l1(codes: torch.Tensor, targets: torch.Tensor, beta: float = 1.0) -> torch.Tensor:
    """Half the square near zero, the distance from `beta` on; the sum over all."""
    return F.smooth_l1_loss(codes, targets, reduction="sum", beta=beta)


def mined(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy over (B, M, 1 + K), the first for no object, a sum over the anchors with objects and the hardest without.

    labels (B, M). A picture without objects shows as many hard anchors as one with a single object.
    """
    positive = labels > 0
    wanted = NEGATIVES * positive.sum(1, keepdim=True).clamp(min=1)  # (B, 1)
    hardest = _hardness(logits.detach()).masked_fill(labels != 0, -torch.inf).topk(min(int(wanted.max()), labels.shape[1]), 1).indices
    within = torch.arange(hardest.shape[1], device=labels.device) < wanted
    negative = torch.zeros_like(positive).scatter(1, hardest, within) & (labels == 0)
    chosen = positive | negative
    return F.cross_entropy(logits[chosen], labels[chosen], reduction="sum")


def _hardness(logits: torch.Tensor) -> torch.Tensor:
    """-log p of no object, (B, M, 1 + K) -> (B, M). A product sums over so few classes in a tenth of the time that a softmax takes."""
    largest = logits.amax(2, keepdim=True)
    above = (logits - largest).exp_()
    return (above @ above.new_ones(above.shape[2])).log_() + (largest - logits[..., :1]).squeeze(2)


def focal(logits: torch.Tensor, labels: torch.Tensor, alpha: float = 0.25, gamma: float = 2.0) -> torch.Tensor:
    """-alpha_t (1 - p_t)^gamma log p_t of each class by itself, a sum over all anchors that may be asked: (B, M, K), (B, M)."""
    known = labels != UNKNOWN
    logits, labels = logits[known], labels[known]
    target = F.one_hot(labels, logits.shape[1] + 1)[:, 1:].to(logits.dtype)
    p_t = torch.sigmoid(logits * (2 * target - 1))
    alpha_t = alpha * target + (1 - alpha) * (1 - target)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (alpha_t * (1 - p_t) ** gamma * cross_entropy).sum()  # eq. (5)
