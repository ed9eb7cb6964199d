"""The three models of texts, from cheap to dear.

What belongs here: their names. The setting ``ETHOGRAM_RUNG`` says which model reads every text of a corpus. Measures
that need a vector of every text (clusters, neighbours, communities) take the dearest rung that has one
(`pipeline.language.convergence_sample.find_embedding`) and say which; means and shares put the teacher's sample and
the static vectors together instead (`pipeline.language.prediction_powered`).
"""

STATIC, LIGHT, FULL = "static", "light", "full"
RUNGS = (STATIC, LIGHT, FULL)
