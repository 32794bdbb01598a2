"""The simple recurrent network (Elman 1990, Finding structure in time): what was read is one vector, renewed at each place.

    h_t = tanh(W x_t + U h_{t-1} + b)

x_t (D,) input at place t, h_t (H,) hidden state. What h_t knows of x_s has passed t - s times through U and tanh, so that its gradient
shrinks (or grows) by a factor a place: the vanishing gradient (Hochreiter 1991; Bengio, Simard & Frasconi 1994), for which `lstm` and `gru`
are the cure. The cells are torch's; forms and knobs are in recurrent_forms.py.
"""

from torch import nn

from lamina.core.spec import Spec
from lamina.models.recurrent_forms import Config, form

__all__ = ["Config", "rnn"]


def rnn(spec: Spec, config: Config) -> nn.Module:
    """Simple recurrence, in the form that the data ask for."""
    return form("rnn", spec, config)
