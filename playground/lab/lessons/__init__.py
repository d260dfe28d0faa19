"""Lessons at work, in the TRAINING process: what a lesson tells, and how an answer is judged.

`reading` takes a lesson apart as plugins may write it; `facts` gives it the run and what the
learner did; `teacher` answers the screen. What crosses to the screen is
playground.lab.protocol.lessons. A lesson knows neither store nor process: what was answered is kept
by the screen's side.
"""
