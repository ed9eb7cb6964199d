"""Influence: whether agents become like those whom they follow.

What belongs here: exposures of agents to their alters' scores, dynamic panel estimators and the contrasts that the
literature uses, placebos, correction for noisy scores, and the rows of ``analysis.estimate`` (family ``influence``).
"""
