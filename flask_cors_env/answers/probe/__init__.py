"""
A running server, compared with a policy: the same requests are decided here and sent there.

What counts is what a browser concludes of the two answers, not their bytes. Preflights have no side effects
and need no credentials, so they are what is sent.
"""
