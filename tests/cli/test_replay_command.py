"""``flask cors replay``: a gate for a pipeline, and a table for a person."""

import json

import pytest
from apps import APP, EVIL, make, preflight
from click.testing import CliRunner

from flask_cors_env.answers.engine import ENGINES
from flask_cors_env.cli import cors

SETTINGS = {"ORIGINS": f"{APP} https://bi.example.com", "METHODS": "PUT", "ALLOW_HEADERS": "X-Api-Key"}


@pytest.fixture
def log(tmp_path):
    """The log of an app and its traffic: 3 requests of the app's page, 2 of another's, 1 that is denied."""
    return served(tmp_path / "audit.jsonl")


def served(name, environ=None, **settings):
    app, _ = make(environ, **{**SETTINGS, **settings}, AUDIT_SINK=f"file:{name}")
    client = app.test_client()
    for origin in (APP, APP, "https://bi.example.com"):
        preflight(client, origin=origin, headers="x-api-key")
    for origin in (APP, "https://bi.example.com", EVIL):
        client.get("/items", headers={"Origin": origin})
    return name


@pytest.fixture
def replayed(log, tmp_path):
    """A function that replays the log against settings; its exit status and what it prints."""

    def run(*words, **settings):
        file = tmp_path / "new.env"
        file.write_text("".join(f"CORS_{name}={value}\n" for name, value in {**SETTINGS, **settings}.items()))
        return invoke("replay", str(log), "--policy", str(file), *words)

    return run


def invoke(*words):
    done = CliRunner().invoke(cors, words)
    return done.exit_code, done.stdout, done.stderr


def test_a_policy_under_which_nothing_breaks_holds(replayed):
    status, out, err = replayed(METHODS="PUT PATCH")
    assert (status, err) == (0, "")
    assert out.endswith(" by the rules of production: holds (6 same, 0 refused, 0 allowed, 0 undecidable)\n")


def test_what_breaks_is_told_with_the_most_requests_first(replayed):
    status, out, _ = replayed(ALLOW_HEADERS="none", ORIGINS=f"{APP} {EVIL}")
    assert status == 1
    head, *rest = [line.split("  ") for line in out.splitlines()]
    assert head == ["Newly refused: 4 requests"]
    rows = [[cell.strip() for cell in row if cell] for row in rest]
    assert [row[:-1] for row in rows[:4]] == [
        ["REQUESTS", "TODAY", "RESOURCE", "ORIGIN", "REQUEST", "WHY"],
        ["2", "allow", "default", APP, "preflight PUT x-api-key", "header_not_allowed (x-api-key)"],
        [
            "1",
            "allow",
            "default",
            "https://bi.example.com",
            "GET",
            "origin_not_listed",
        ],
        [
            "1",
            "allow",
            "default",
            "https://bi.example.com",
            "preflight PUT x-api-key",
            "origin_not_listed,header_not_allowed (x-api-key)",
        ],
    ]
    assert rows[5] == ["Newly allowed: 1 request"]
    assert rows[7][:-1] == ["1", "deny", "default", EVIL, "GET", "origin_exact"]
    assert out.endswith(": breaks (1 same, 4 refused, 1 allowed, 0 undecidable)\n")


def test_the_same_for_another_program(replayed):
    status, out, _ = replayed("--json", ORIGINS=f"{APP} {EVIL}")
    told = json.loads(out)
    assert status == 1
    assert (told["holds"], told["environment"]) == (False, "production")
    assert told["requests"] == {"same": 3, "refused": 2, "allowed": 1, "undecidable": 0}
    assert [(line["origin"], line["requests"]) for line in told["refused"]] == [
        ("https://bi.example.com", 1),
        ("https://bi.example.com", 1),
    ]
    assert [line["origin"] for line in told["allowed"]] == [EVIL]


def test_whoever_counts_the_answer_is_the_same(log, replayed):
    engines = [["--engine", name] for name in ENGINES] + [["--no-cache"]]
    for words in (["suggest", str(log)], ["blame", APP, str(log)]):
        assert len({invoke(*words, "--json", *engine) for engine in engines}) == 1
    assert len({replayed("--json", *engine, METHODS="none") for engine in engines}) == 1


def test_only_the_part_of_the_log_that_is_asked_about_counts(replayed):
    assert replayed("--since", "1h", METHODS="none")[0] == 1
    status, _, err = replayed("--until", "2020-01-01")
    assert (status, "the log holds no decision" in err) == (2, True)


def test_what_cannot_be_decided_fails_and_says_why(replayed):
    rest = {"RESOURCES__API__PATH": "/items", "RESOURCES__API__ORIGINS": APP}
    status, out, _ = replayed(**rest)
    assert status == 1
    assert "Undecidable: 3 requests" in out
    assert (
        "  path: The policies differ in paths, and the log does not tell this one: CORS_AUDIT_PATH=on" in out
    )
    assert out.endswith(": breaks (1 same, 2 refused, 0 allowed, 3 undecidable)\n")


def test_with_paths_in_the_log_it_can_be(tmp_path):
    log = served(tmp_path / "paths.jsonl", AUDIT_PATH="on")
    (tmp_path / "cors.toml").write_text(
        f'[resources.api]\npath = ["/items"]\norigins = ["{APP}", "https://bi.example.com"]\n'
        'methods = ["PUT"]\nallow_headers = ["X-Api-Key"]\n'
    )
    status, out, _ = invoke("replay", str(log), "--policy", str(tmp_path / "cors.toml"))
    assert (status, out.rpartition(": ")[2]) == (
        0,
        "holds (6 same, 0 refused, 0 allowed, 0 undecidable)\n",
    )


def test_a_policy_that_cannot_be_used_names_its_problems(replayed):
    status, out, err = replayed(ORIGINS="http://a.example *")
    assert (status, out) == (2, "")
    assert "[wildcard]" in err
    assert "[http]" in err


def test_the_environment_is_the_logs_or_the_one_named(replayed):
    assert replayed(ORIGINS="http://a.example")[0] == 2
    assert replayed("--env", "dev", ORIGINS="http://a.example")[0] == 1
    assert "Write: development, testing" in replayed("--env", "nowhere")[2]


def test_a_log_of_several_environments_leaves_the_choice(log, replayed, tmp_path):
    other = served(tmp_path / "staging.jsonl", ENV="staging")
    log.write_text(log.read_text() + other.read_text())
    assert "the log does not tell of one environment; name it with --env" in replayed()[2]
    assert replayed("--env", "production")[0] == 0


def test_a_log_of_several_apps_leaves_the_choice(log, replayed, tmp_path):
    other = served(tmp_path / "other.jsonl", {"OTEL_SERVICE_NAME": "blog"}, METHODS="PATCH", ORIGINS=EVIL)
    log.write_text(log.read_text() + other.read_text())
    status, _, err = replayed()
    assert (status, "the log is of several services: blog, shop; name one with --service" in err) == (2, True)
    assert replayed("--service", "shop")[0] == 0
    assert replayed("--service", "blog")[0] == 1


def test_a_log_that_proves_nothing_holds_nothing(tmp_path):
    (tmp_path / "empty.jsonl").write_text('{"cors.schema":1,"event":"cors.audit.gap"}')
    (tmp_path / "new.env").write_text("")
    status, _, err = invoke("replay", str(tmp_path / "empty.jsonl"), "--policy", str(tmp_path / "new.env"))
    assert (status, "the log holds no decision, so it proves nothing" in err) == (2, True)


def test_what_the_log_lacks_is_said_beside_the_answer(log, replayed):
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:3] + lines[4:]))
    status, _, err = replayed()
    assert (status, err) == (0, "records that are missing or told lost: 1; see flask cors verify\n")


def test_nothing_from_a_client_reaches_the_terminal_raw(tmp_path):
    app, _ = make(**SETTINGS | {"ORIGINS": "none"}, AUDIT_SINK=f"file:{tmp_path / 'evil.jsonl'}")
    app.test_client().options(
        "/items", headers={"Origin": "https://a\x1b[2J", "Access-Control-Request-Method": "GET"}
    )
    (tmp_path / "new.env").write_text("CORS_RESOURCES__A__PATH=/*\nCORS_RESOURCES__A__PUBLIC=true\n")
    _, out, _ = invoke("replay", str(tmp_path / "evil.jsonl"), "--policy", str(tmp_path / "new.env"))
    assert "https://a\\x1b[2J  preflight GET  origin_any" in out
    assert out.isascii()
    assert out.replace("\n", "").isprintable()
