"""The names of the four environments, from the most to the least permissive."""

from __future__ import annotations

DEVELOPMENT = "development"
TESTING = "testing"
STAGING = "staging"
PRODUCTION = "production"
ENVIRONMENTS = (DEVELOPMENT, TESTING, STAGING, PRODUCTION)
