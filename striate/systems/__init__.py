"""Whole systems, from data to an answer: what a training on some data needs, and the comparisons of the lectures.

`data.load` makes any data set, folder or file ready for training; `choosing` decides how a folder is trained on;
`auto_mpg`, `brain`, `nova`, `fashion` and `dna` compare networks and settings as the lectures propose.
"""
