"""Gender performance of agents: scores between masculine- and feminine-coded, and how far they can be trusted.

What belongs here: scorers of texts behind one interface, declared gender, and the measures of the weekly score. The
weekly score itself is a variable of table ``agent_week`` (`pipeline.network.traits`), so that homophily, selection and
influence use it as any other score. A score says how texts are coded by a word list or a model, not what an agent is.
"""
