"""
Migration: from what flask-cors was told to the settings that mean the same, and what they mean differently.

Never silently: where ours lets in more, or less, or something else is answered, a line says so and why. What
has no form here is left out and told, so that the outcome is closed and not guessed.
"""
