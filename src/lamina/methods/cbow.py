"""Continuous bag of words (Mikolov, Chen, Corrado & Dean 2013, Efficient estimation of word representations in vector space).

    maximize log sigmoid(u_o . h) + sum over k negatives n of log sigmoid(-u_n . h),    h the mean of v_w over the words w around o

with window, subsampling and negatives as in skipgram.py. Each word around o takes the whole change of h, as in word2vec.c.
"""

from lamina.methods.word2vec import Config, Way

__all__ = ["CBOW", "Config"]

CBOW = Way("cbow", learning_rate=0.05)
