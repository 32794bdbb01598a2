"""How a gradient moves a weight: optimizers, schedules and the learner that applies them."""

from lamina.core.registry import Registry

OPTIMIZERS = Registry("optimizer", {
    "sgd": "torch.optim:SGD",
    "momentum": "lamina.optim.momentum:momentum",
    "nesterov": "lamina.optim.momentum:nesterov",
    "adagrad": "torch.optim:Adagrad",
    "adadelta": "torch.optim:Adadelta",
    "rmsprop": "torch.optim:RMSprop",
    "adam": "torch.optim:Adam",
    "adamw": "torch.optim:AdamW",
    "nadam": "torch.optim:NAdam",
    "lion": "lamina.optim.lion:Lion",
    "muon": "lamina.optim.muon:Muon",
})  # fmt: skip

SCHEDULES = Registry("schedule", {
    "constant": "lamina.optim.schedules:constant",
    "linear": "lamina.optim.schedules:linear",
    "step": "lamina.optim.schedules:step",
    "cosine": "lamina.optim.schedules:cosine",
    "one_cycle": "lamina.optim.schedules:one_cycle",
    "plateau": "lamina.optim.schedules:constant",
})  # fmt: skip
