"""
Answers from the log: what happened, what was lost, and what another policy would have done.

Everything here reads lines and returns values; it decides with the same `decide` that served the requests.
"""
