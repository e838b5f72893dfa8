"""The catalogue of differences: every one of it is met, and none stands there in vain."""

import ast
from pathlib import Path

from flask_cors_env.answers.migrate.differences import Difference, Effect, Line

PACKAGE = Path(__file__).parents[3] / "flask_cors_env"


def test_every_difference_is_told_somewhere():
    trees = [ast.parse(path.read_text()) for path in (PACKAGE / "answers" / "migrate").glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    told = {node.attr for node in nodes if getattr(node.value, "id", "") == "Difference"}
    assert told >= {difference.name for difference in Difference}


def test_codes_are_unique_and_named_after_their_difference():
    assert [d.code for d in Difference] == [d.name.lower().replace("_", "-") for d in Difference]
    assert {d.effect for d in Difference} == set(Effect)


def test_sentences_end_in_a_stop_and_reasons_do_not():
    assert all(d.what.endswith(".") and not d.why.endswith(".") for d in Difference)


def test_a_value_is_fit_to_be_shown():
    line = Line.of(Difference.ORIGIN_NEVER, "CORS(app) origins", "a\nb" + "c" * 99)
    assert line.value == r"a\nb" + "c" * 73 + "..."
