"""Skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado & Dean 2013, Distributed representations of words and phrases).

    maximize log sigmoid(u_o . v_w) + sum over k negatives n of log sigmoid(-u_n . v_w)                         eq. (4)

for each word o and each word w around it, w within a window whose reach is drawn anew for each o; frequent words are passed over with
probability 1 - sqrt(t / f) - t / f, as word2vec.c has it; negatives are drawn by the frequency of words to the power 3/4. Where we
depart: the pairs of a window share their negatives (`shared`), so that they are fetched once.
"""

from lamina.methods.word2vec import Config, Way

__all__ = ["SKIPGRAM", "Config"]

SKIPGRAM = Way("skipgram", learning_rate=0.025)
