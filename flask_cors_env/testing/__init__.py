"""
What users test their own policies with: the verdict of a browser on a page's request, in one line.

`Page` asks the questions and `Verdict` tells the whole story. Only `plugin` knows pytest, and `browser`, the
model that judges, knows nothing of this package.
"""

from __future__ import annotations

from flask_cors_env.testing.page import Page
from flask_cors_env.testing.verdict import Exchange, Verdict

__all__ = ["Exchange", "Page", "Verdict"]
