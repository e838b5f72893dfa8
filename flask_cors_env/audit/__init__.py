"""
Every decision as one flat, versioned event, and where it is written.

An event holds nothing of a client that is not escaped and bounded, and a log that fails never fails a
request.
"""
