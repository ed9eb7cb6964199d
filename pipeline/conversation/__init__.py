"""What goes on between two agents that answer each other: sanctions, stance, deliberation, attribution of states.

What belongs here: corpus analogues of rows 9, 12, 14, 17, 30 and 36 of METHODS 6, family ``conversation``. They are not
the measures of the papers named there, which are about games, trials with human subjects and training; the dictionary
says ``analogue`` of each. A reply here is a message whose parent is in the corpus and by another known author. What is
said is told by the lexicon cards and reply classes; all results on observed corpora are associations.
"""
