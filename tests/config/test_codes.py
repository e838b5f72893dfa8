"""Every code that a problem can have is in the catalogue, and every one of the catalogue can be had."""

import ast
from pathlib import Path

from flask_cors_env.config.codes import CODES
from flask_cors_env.config.rules import RULES

PACKAGE = Path(__file__).parents[2] / "flask_cors_env"
MAKERS = {
    "Fault",
    "HostError",
    "OriginError",
    "PathError",
    "Contradiction",
    "Problem",
    "SourceError",
    "_replace",
}


def constants(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from constants(node.body)
        yield from constants(node.orelse)


def codes_of(tree):
    for node in ast.walk(tree):
        name = getattr(getattr(node, "func", None), "id", getattr(getattr(node, "func", None), "attr", ""))
        if isinstance(node, ast.Call) and name in MAKERS:
            yield from constants(node.args[0]) if node.args else ()
            for keyword in node.keywords:
                yield from constants(keyword.value) if keyword.arg == "code" else ()
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
            yield from constants(node.value)


def test_the_catalogue_holds_the_codes_that_are_used_and_no_others():
    trees = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")]
    used = {code for tree in trees for code in codes_of(tree)}
    assert used | {rule.id for rule in RULES if rule.message} == set(CODES)
