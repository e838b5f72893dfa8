"""
Settings with their sources become one valid policy, or every problem at once.

The only room that reads environment variables and files.
"""
