"""Why tied agents are alike: an exact account of what changed, effects in one unit, and counterfactual shares.

What belongs here: what sets selection and influence side by side. `accounting` splits the change of homophily by ties
and scores, exactly and without a model; `scale` brings effects of either kind to the same unit; `coalitions` and
`forward` simulate the fitted process with parts of it switched off. The models themselves are fitted elsewhere.
"""
