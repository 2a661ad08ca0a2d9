"""The method of the paper, step by step: how players, critic, memory and environment make an episode.

Read `baseline.py`, `single.py` and `swarm.py` first: they are the paper's three rows. `stage.py` is the ground
that they stand on: the environment, the judge and the conversation of one episode.
"""
