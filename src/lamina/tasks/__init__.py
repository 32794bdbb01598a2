"""The questions that data can answer, one declarative file each."""

from lamina.core.registry import Registry

TASKS = Registry("task", {
    "classify": "lamina.tasks.classify:Classify",
    "forecast": "lamina.tasks.forecast:Ahead",  # before regress: both say numbers
    "regress": "lamina.tasks.regress:Regress",
    "detect": "lamina.tasks.detect:Detect",
    "segment": "lamina.tasks.segment:Segment",
    "caption": "lamina.tasks.caption:Describe",
    "translate": "lamina.tasks.translate:Translate",
    "tag": "lamina.tasks.tag:Tag",
    "embed": "lamina.tasks.embed:Embed",
    "write": "lamina.tasks.write:Write",
    "play": "lamina.tasks.play:Play",
    "game": "lamina.tasks.game:Match",
    "generate": "lamina.tasks.generate:Generate",
})  # fmt: skip
