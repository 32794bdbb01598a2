"""The gated recurrent unit (Cho et al. 2014): an LSTM with two gates and without a memory of its own.

    r, z = sigmoid(W x_t + U h_{t-1} + b), each with its own    what is looked at, and what is kept
    n    = tanh(W x_t + b + r * (U h_{t-1} + b'))               what could come instead
    h_t  = (1 - z) * n + z * h_{t-1}                            where z is 1, nothing is lost

x_t (D,) input at place t, h_t (H,). Where torch departs from the paper: r is multiplied after U. Forms and knobs are in recurrent_forms.py.
"""

from torch import nn

from lamina.core.spec import Spec
from lamina.models.recurrent_forms import Config, form

__all__ = ["Config", "gru"]


def gru(spec: Spec, config: Config) -> nn.Module:
    """Gated recurrent units, in the form that the data ask for."""
    return form("gru", spec, config)
