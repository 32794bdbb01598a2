"""Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000).

    i, f, o = sigmoid(W x_t + U h_{t-1} + b), each with its own    what is let in, kept, and shown
    g       = tanh(W x_t + U h_{t-1} + b)                          what could be let in
    c_t     = f * c_{t-1} + i * g                                  the memory: where f is 1, nothing of it is lost, nor of its gradient
    h_t     = o * tanh(c_t)                                        what is shown of it

x_t (D,) input at place t, h_t and c_t (H,). The bias of f begins at 1 (Jozefowicz, Zaremba & Sutskever 2015). `bilstm` reads in both
directions (Schuster & Paliwal 1997; Graves & Schmidhuber 2005). The cells are torch's; forms and knobs are in recurrent_forms.py.
"""

from torch import nn

from lamina.core.spec import Spec
from lamina.models.recurrent_forms import Config, form

__all__ = ["Config", "bilstm", "lstm"]


def lstm(spec: Spec, config: Config) -> nn.Module:
    """Long short-term memory, in the form that the data ask for."""
    return form("lstm", spec, config)


def bilstm(spec: Spec, config: Config) -> nn.Module:
    """The same in both directions."""
    return form("lstm", spec, config.model_copy(update={"both": True}))
