"""``flask cors``: answers from a shell, with exit statuses fit for a pipeline."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = Path(__file__).parents[1] / "examples" / "shop"
NOBODY = """
from flask import Flask
from flask_cors_env import CORS
def create_app():
    app = Flask("shop")
    CORS(app)
    return app
"""


def flask(*words, folder=SHOP, **environ):
    """What `flask` prints and how it ends; only *environ* is set."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_check_says_that_a_policy_is_valid_and_whose_rules_judged():
    status, out, err = flask("--app", "shop", "cors", "check")
    assert (status, out.splitlines()[1].split()[:4]) == (0, ["default", "/*", "http://localhost:5173", "no"])
    assert out.endswith(" is valid (development, because CORS_ENV=development in .env:1)\n")
    names = "CORS_ENV, CORS_ORIGINS, CORS_ALLOW_HEADERS, CORS_EXPOSE_HEADERS"
    assert err.startswith(f"warning  {names}  in .env")


def test_check_judges_by_another_environments_rules():
    status, out, err = flask("--app", "shop", "cors", "check", "--as", "production")
    assert (status, out) == (1, "")
    assert "[loopback]" in err


def test_check_judges_by_other_rules_an_app_that_does_not_start_under_its_own(tmp_path):
    (tmp_path / "app.py").write_text(NOBODY)
    words, local = ("cors", "check", "--as", "development"), {"CORS_ORIGINS": "http://localhost:3000"}
    assert flask("cors", "check", folder=tmp_path, **local)[0] == 1
    status, out, err = flask(*words, folder=tmp_path, **local)
    assert (status, err) == (0, "")
    assert out.endswith(" is valid (development, because --as=development)\n")
    status, out, err = flask("cors", "check", "--as", "x", folder=tmp_path, **local)
    assert (status, out, "[unknown-environment]" in err) == (1, "", True)


def test_check_says_that_cors_is_switched_off_where_that_allows_nobody():
    environ = {"CORS_ORIGINS": "https://a.example", "CORS_ENABLED": "false"}
    _, out, _ = flask("cors", "check", "--no-app", "--json", folder="/", **environ)
    (warning,) = json.loads(out)["warnings"]
    assert (warning["code"], warning["variable"], warning["message"], warning["remedy"]) == (
        "nobody",
        "CORS_ENABLED",
        "allows nobody: CORS is switched off.",
        "Switch it on; where nobody is meant, write: CORS_ORIGINS=none",
    )


def test_check_works_when_the_factory_raises_its_problems(tmp_path):
    (tmp_path / "app.py").write_text(NOBODY)
    status, out, err = flask("cors", "check", folder=tmp_path, CORS_ORIGINS="https://a.example/")
    assert (status, out) == (1, "")
    assert "1 problem in the CORS configuration (production, because" in err
    assert "Write: https://a.example" in err


def test_check_judges_the_environment_alone_where_it_is_told_to(tmp_path):
    status, out, err = flask("cors", "check", "--no-app", folder=tmp_path, CORS_ORIGINS="https://a.example")
    head, row, blank, last = out.splitlines()
    assert (status, err, blank, head.split()) == (0, "", "", row_of_check("RESOURCE"))
    assert row.split()[:4] == ["default", "/*", "https://a.example", "no"]
    assert last.split(" ", 1)[1] == "is valid (production, because nothing names another)"


def row_of_check(first):
    return [first, "PATHS", "ALLOWS", "CREDENTIALS", "METHODS", "HEADERS"]


@pytest.mark.parametrize(
    "command", ["check", "show", "explain --origin https://a.example /", "probe http://127.0.0.1:1"]
)
def test_a_command_that_judges_does_not_call_valid_what_it_did_not_find(command, tmp_path):
    words = ("cors", *command.split())
    status, out, err = flask(*words, folder=tmp_path, CORS_ORIGINS="https://a.example")
    assert (status, out) == (2, "")
    assert err == (
        "There is no app to judge: no app.py or wsgi.py stands here, and nothing names another\n"
        "Name it: flask --app NAME cors ... To judge the environment alone: --no-app\n"
    )


ALLOWS_NOBODY = [
    {},
    {"CORS_ENABLED": "false", "CORS_ORIGINS": "https://a.example"},
    {"CORS_RESOURCES__API__PATH": "/api/*"},
    {
        "CORS_RESOURCES__API__PATH": "/api/*",
        "CORS_RESOURCES__FEED__PATH": "/feed",
        "CORS_RESOURCES__FEED__ORIGINS": "none",
    },
    {"CORS_ORIGINS": "", "CORS_ENV": "staging"},
]


@pytest.mark.parametrize("environ", ALLOWS_NOBODY)
def test_check_warns_of_a_policy_that_allows_nobody_and_strict_fails_on_it(environ):
    words = ("cors", "check", "--no-app", "--json")
    status, out, _ = flask(*words, folder="/", **environ)
    assert (status, [warning["code"] for warning in json.loads(out)["warnings"]]) == (0, ["nobody"])
    assert flask(*words, "--strict", folder="/", **environ)[0] == 1


@pytest.mark.parametrize(
    "environ",
    [
        {"CORS_ORIGINS": "none"},
        {"CORS_RESOURCES__API__PATH": "/api/*", "CORS_RESOURCES__API__ORIGINS": "none"},
        {"CORS_RESOURCES__API__PATH": "/api/*", "CORS_RESOURCES__API__PUBLIC": "true"},
        {"CORS_ORIGINS": "https://a.example"},
        {"CORS_ENV": "development"},
    ],
)
def test_check_is_silent_where_somebody_is_allowed_or_nobody_is_meant(environ):
    status, out, _ = flask("cors", "check", "--no-app", "--json", "--strict", folder="/", **environ)
    assert (status, json.loads(out)["warnings"]) == (0, [])


def test_check_tells_programs_who_is_allowed_what():
    environ = {
        "CORS_ORIGINS": "https://a.example",
        "CORS_RESOURCES__API__PATH": "/api/*",
        "CORS_METHODS": "PUT",
    }
    _, out, _ = flask("cors", "check", "--no-app", "--json", folder="/", **environ)
    assert json.loads(out)["allowed"] == [
        {
            "resource": "api",
            "enabled": True,
            "paths": ["/api/*"],
            "origins": ["https://a.example"],
            "credentials": False,
            "methods": ["PUT"],
            "headers": ["Authorization", "Content-Type"],
        }
    ]


def test_check_tells_the_warnings_beside_the_problems(tmp_path):
    (tmp_path / "app.py").write_text(NOBODY.replace("CORS(app)", 'CORS(app, origins="http://localhost:1")'))
    status, out, _ = flask("cors", "check", "--json", folder=tmp_path, CORS_ORIGINS="https://a.example")
    found = json.loads(out)
    assert (status, [p["code"] for p in found["problems"]]) == (1, ["loopback"])
    assert [w["code"] for w in found["warnings"]] == ["shadowed"]


def test_explain_says_what_is_refused_why_and_what_to_change():
    words = ["--origin", "https://localhost:5173", "--method", "PUT", "--header", "X-Api-Key", "/items/1"]
    status, out, _ = flask("--app", "shop", "cors", "explain", *words)
    assert (status, out) == (
        0,
        (
            "deny  OPTIONS /items/1 for PUT  (origin_not_listed)\n"
            "  No entry lets the origin in.\n"
            "  resource  default\n"
            "  nearest   http://localhost:5173 (differs: scheme)\n"
            "  answer    403, at once\n"
            "  Vary      Origin, Access-Control-Request-Method, Access-Control-Request-Headers\n"
            "  remedy    Add the origin to CORS_ORIGINS in .env:2.\n"
        ),
    )


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--method", "", "'' is no method that a page can send"),
        ("--method", "PU T", "'PU T' is no method that a page can send"),
        ("--header", "X: 1", "'X: 1' is no name of a header that a page can send"),
        ("--origin", "https//a.example", "no origin that a browser sends. Did you mean: https://a.example?"),
        ("--origin", "http:a.example", "no origin that a browser sends. Did you mean: http://a.example?"),
    ],
)
def test_explain_asks_for_what_was_mistyped(option, value, reason):
    words = ["--origin", "https://a.example", option, value, "/"]
    status, out, err = flask("cors", "explain", "--no-app", *words, folder="/")
    assert (status, out) == (2, "")
    assert err.endswith(f"{reason}\n")


def test_explain_follows_an_allowed_preflight_with_the_request_itself():
    words = ["--origin", "http://localhost:5173", "--method", "PUT", "--json", "/items/1"]
    status, out, _ = flask("--app", "shop", "cors", "explain", *words)
    steps = json.loads(out)
    assert status == 0
    assert [step["cors.request.kind"] for step in steps] == ["preflight", "actual"]
    assert [step["cors.decision"] for step in steps] == ["allow", "allow"]
    assert ["Access-Control-Allow-Origin", "http://localhost:5173"] in steps[1]["fields"]


@pytest.mark.parametrize(
    "path", ["http://[/x", "http://h:99999/x", "http://a..b/x", "http:///x", "ftp://h/x", "/\udcff"]
)
def test_explain_refuses_a_path_that_no_page_could_ask_for(path):
    status, out, err = flask("--app", "shop", "cors", "explain", "--origin", "https://a.example", path)
    assert (status, out) == (2, "")
    reason = f"{path!a} is no path, and no URL that a page could ask for"
    assert err.endswith(f"Error: Invalid value for 'PATH': {reason}\n")


@pytest.mark.parametrize("path", ["//api/items", "/api/items?next=http://b.example", "/api/%69tems#top"])
def test_explain_reads_a_path_as_browsers_and_routers_do(path):
    resource = {"CORS_RESOURCES__API__PATH": "/api/items", "CORS_ORIGINS": "https://a.example"}
    words = ["--no-app", "--json", "--origin", "https://a.example", path]
    status, out, _ = flask("cors", "explain", *words, folder="/", **resource)
    assert (status, json.loads(out)[0]["cors.resource"]) == (0, "api")


def test_show_tells_each_value_its_source_and_what_it_hides(tmp_path):
    (tmp_path / "cors.toml").write_text('origins = ["https://a.example"]\nmax_age = 5\n')
    environ = {"CORS_ENV": "production", "CORS_CONFIG_FILE": "cors.toml", "CORS_MAX_AGE": "10m"}
    status, out, err = flask("cors", "show", "--no-app", folder=tmp_path, **environ)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "environment  production, because CORS_ENV=production"
    rows = [line.split() for line in lines[3:]]
    assert rows[0] == ["RESOURCE", "SETTING", "VALUE", "FROM", "HIDES"]
    assert "default origins https://a.example origins in cors.toml:1".split() in rows
    assert (
        "default max_age 600 CORS_MAX_AGE in the process environment max_age in cors.toml:2".split() in rows
    )


def test_show_marks_what_no_wsgi_server_would_see():
    _, out, _ = flask("--app", "shop", "cors", "show", "--json", CORS_METHODS="PUT")
    found = {v["setting"]: v for v in json.loads(out)["values"]}
    assert (found["ORIGINS"]["from"], found["ORIGINS"]["seen_by_wsgi_servers"]) == (
        "CORS_ORIGINS in .env:2",
        False,
    )
    assert (found["METHODS"]["value"], found["METHODS"]["seen_by_wsgi_servers"]) == ("PUT", True)
    _, out, _ = flask("--app", "shop", "cors", "show")
    assert "CORS_ORIGINS in .env:2 (not seen by a WSGI server)" in out


def test_check_tells_patterns_without_a_route_and_routes_without_a_resource():
    resource = {"CORS_RESOURCES__API__PATH": "/api/*,/items", "CORS_ORIGINS": "https://a.example"}
    status, _, err = flask("--app", "shop", "cors", "check", **resource)
    assert status == 0
    assert [line for line in err.splitlines() if line.startswith("note")] == [
        "note  /api/* of api covers no route",
        "note  no resource covers /crash (crash)",
        "note  no resource covers /items/<int:item> (rename)",
    ]


DOUBTS = [
    (
        {"CORS_ENV": "development", "KUBERNETES_SERVICE_HOST": "1"},
        "development on a deployment platform (KUBERNETES_SERVICE_HOST is set)",
    ),
    ({"APP_ENV": "preview"}, "APP_ENV names none that is known here; set CORS_ENV"),
]


@pytest.mark.parametrize(("environ", "doubt"), DOUBTS)
def test_check_warns_of_an_environment_that_is_in_doubt(environ, doubt):
    environ = {"CORS_ORIGINS": "https://a.example", **environ}
    status, _, err = flask("cors", "check", "--no-app", folder="/", **environ)
    assert (status, err) == (0, f"warning  {doubt}\n")
    status, out, _ = flask("cors", "check", "--no-app", "--json", folder="/", **environ)
    (warning,) = json.loads(out)["warnings"]
    assert (status, warning["code"], warning["message"]) == (0, "environment-doubtful", f"{doubt}.")


def test_check_tells_the_notes_that_its_json_has():
    environ = {"CORS_ALLOWED_ORIGINS": "https://a.example", "CORS_METHODS": ""}
    status, _, err = flask("cors", "check", "--no-app", folder="/", **environ)
    assert (status, [line for line in err.splitlines() if line.startswith("note  ")]) == (
        0,
        [
            f"note  {'CORS_ALLOWED_ORIGINS  in the process environment':<74} [alias]",
            f"note  {'CORS_METHODS  in the process environment':<74} [blank]",
        ],
    )


def test_check_says_nothing_of_routes_without_an_app(tmp_path):
    resource = {"CORS_RESOURCES__API__PATH": "/api/*", "CORS_ORIGINS": "https://a.example"}
    status, _, err = flask("cors", "check", "--no-app", folder=tmp_path, **resource)
    assert (status, err) == (0, "")


def test_check_prints_json_for_a_program():
    status, out, _ = flask("cors", "check", "--no-app", "--json", CORS_ORIGINS="x", folder="/")
    assert (status, json.loads(out)["problems"][0]["code"]) == (1, "origin-has-no-scheme")
    status, out, _ = flask(
        "cors", "check", "--no-app", "--json", CORS_ORIGINS="https://a.example", folder="/"
    )
    assert (status, json.loads(out)["valid"]) == (0, True)


def test_an_app_that_fails_for_a_reason_of_its_own_is_not_taken_for_none(tmp_path):
    (tmp_path / "app.py").write_text("def create_app():\n    raise KeyError('DATABASE_URL')\n")
    status, out, err = flask("cors", "check", folder=tmp_path)
    assert (status, out) == (2, "")
    assert err.startswith("The app cannot be loaded: KeyError: 'DATABASE_URL'\nNot read: its config")


@pytest.mark.parametrize(("code", "shown"), [("0", "0"), ("'no database'", "no database")])
def test_an_app_that_exits_has_not_been_judged(code, shown, tmp_path):
    (tmp_path / "app.py").write_text(f"import sys\ndef create_app():\n    sys.exit({code})\n")
    status, out, err = flask("cors", "check", folder=tmp_path, CORS_ORIGINS="x")
    assert (status, out) == (2, "")
    assert err.startswith(f"The app cannot be loaded: SystemExit: {shown}\nNot read: its config")


WITHOUT = """
from flask import Flask
from flask_cors_env import CORS, cross_origin
cors = CORS()
app = Flask("shop")
@app.get("/items")
def items(): return ""
@app.get("/open")
@cross_origin(origins="https://a.example")
def opened(): return ""
"""
FORGOTTEN = WITHOUT.replace("@cross_origin", "# cross_origin")
ASKED = {
    "check": (),
    "show": (),
    "explain": ("--origin", "https://a.example", "/items"),
}


@pytest.mark.parametrize("command", ASKED)
def test_an_app_that_nothing_governs_is_not_taken_for_a_governed_one(command, tmp_path):
    (tmp_path / "app.py").write_text(FORGOTTEN)
    words = ("cors", command, *ASKED[command])
    status, out, err = flask(*words, folder=tmp_path, CORS_ORIGINS="https://a.example")
    assert (status, out) == (2, "")
    assert err == (
        'The app "shop" has no CORS: nothing calls CORS(app) or init_app(app), no view has @cross_origin, '
        "so it sends no field\n"
        "Call it where the app is made. To judge the environment alone: --no-app\n"
    )
    assert flask(*words, "--no-app", folder=tmp_path, CORS_ORIGINS="https://a.example")[0] == 0


@pytest.mark.parametrize(
    ("path", "verdict", "resource"), [("/items", "deny", None), ("/open", "allow", "view:opened")]
)
def test_of_an_app_with_decorators_alone_only_their_views_are_governed(path, verdict, resource, tmp_path):
    (tmp_path / "app.py").write_text(WITHOUT)
    words = ["--origin", "https://a.example", "--json", path]
    status, out, _ = flask("cors", "explain", *words, folder=tmp_path, CORS_ENV="development")
    (step,) = json.loads(out)
    assert (status, step["cors.decision"], step["cors.resource"]) == (0, verdict, resource)


@pytest.mark.parametrize("command", ASKED)
def test_what_cannot_be_judged_is_told_to_programs_too(command, tmp_path):
    words = ("cors", command, "--json", *ASKED[command])

    def told(app, **environ):
        (tmp_path / "app.py").write_text(app)
        status, out, err = flask(*words, folder=tmp_path, **environ)
        found = json.loads(out)
        return status, err, found["valid"], [problem["code"] for problem in found["problems"]]

    assert told(NOBODY, CORS_ORIGINS="x") == (1, "", False, ["origin-has-no-scheme"])
    assert told(FORGOTTEN) == (2, "", False, ["app-has-no-cors"])
    assert told("import nowhere") == (2, "", False, ["app-unreadable"])


def test_env_prints_a_file_to_start_from_and_schema_one_to_check_against():
    root = SHOP.parents[1]
    assert flask("cors", "env")[1] == (root / ".env.example").read_text()
    assert json.loads(flask("cors", "env", "--json")[1])[0]["variable"] == "CORS_ENV"
    schema = json.loads(flask("cors", "schema")[1])
    assert schema["properties"]["resources"]["additionalProperties"]["properties"].keys() >= {
        "path",
        "public",
    }
    assert "cors.schema" in flask("cors", "schema", "--events")[1]
    assert json.loads(flask("cors", "schema", "--json")[1]) == schema


def record(number, **fields):
    event = {"cors.schema": 1, "event": "cors.decision", "log.record.uid": f"0123456789ab-{number}", **fields}
    return json.dumps(event) + "\n"


def test_verify_tells_told_losses_from_holes(tmp_path):
    gap = {"event": "cors.audit.gap", "cors.audit.lost": 2}
    (tmp_path / "one.jsonl").write_text(record(1) + record(4) + record(5, **gap))
    status, out, err = flask("cors", "verify", "one.jsonl", folder=tmp_path)
    assert (status, err) == (0, "")
    assert out.endswith("\nwhole: every record is there, or told lost (not: unaltered)\n")
    (tmp_path / "two.jsonl").write_text(record(6) + record(9))
    status, out, _ = flask("cors", "verify", "--json", "one.jsonl", "two.jsonl", folder=tmp_path)
    (writer,) = json.loads(out)["writers"]
    assert (status, writer["told"], writer["missing"], writer["holes"]) == (1, 2, 2, [[7, 8]])


def test_a_log_that_is_not_there_is_a_mistake_of_the_command(tmp_path):
    status, out, err = flask("cors", "verify", "gone.jsonl", folder=tmp_path)
    assert (status, out) == (2, "")
    assert err.endswith("Error: gone.jsonl is no file, and no pattern that names one\n")


TWO = """
from flask import Flask
from flask_cors_env import CORS, cross_origin
app = Flask("shop")
CORS(app)
@app.get("/two")
@cross_origin(origins="https://a.example")
def read(): return ""
@app.delete("/two")
@cross_origin(origins=["https://a.example", "https://b.example"])
def erase(): return ""
"""


def test_explain_says_that_views_of_one_url_differ(tmp_path):
    asked = ("cors", "explain", "--origin", "https://a.example", "--method", "DELETE", "/two")
    (tmp_path / "app.py").write_text(TWO)
    _, out, _ = flask(*asked, folder=tmp_path)
    assert "GET, HEAD of this URL have different policies; so browsers cache nothing of this" in out
    (tmp_path / "app.py").write_text(TWO.replace(', "https://b.example"', ""))
    _, out, _ = flask(*asked, folder=tmp_path)
    assert "different policies" not in out
    assert "Access-Control-Max-Age" in out


PEER = """
from flask import Flask
from flask_cors import CORS, cross_origin
app = Flask("shop")
CORS(app, resources={"/api/*": {"origins": ["https://app.example.com", r"https://.*\\.example\\.com"]}})
@app.get("/api/items")
def items(): return ""
"""


def test_migrate_writes_an_env_file_that_check_takes_and_a_line_for_each_difference(tmp_path):
    (tmp_path / "app.py").write_text(PEER)
    status, out, err = flask("cors", "migrate", folder=tmp_path)
    assert (status, err) == (0, "")
    settings, _, lines = out.partition("\n\n")
    assert settings.splitlines() == [
        "CORS_RESOURCES__API__PATH=/api/*",
        "CORS_RESOURCES__API__ORIGINS=https://app.example.com,https://*.example.com",
        "CORS_RESOURCES__API__METHODS=DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT",
        "CORS_RESOURCES__API__ALLOW_HEADERS=*,Authorization",
        "CORS_RESOURCES__API__MAX_AGE=5",
    ]
    assert all(line.startswith("# ") for line in lines.splitlines())
    assert (
        '# narrower    CORS(app) /api/* origins "https://.*\\.example\\.com": A pattern stands for' in lines
    )
    (tmp_path / "cors.env").write_text(out)
    status, _, err = flask(
        "cors", "check", "--no-app", folder=tmp_path, CORS_ENV_FILE="cors.env", CORS_ENV="development"
    )
    assert (status, err) == (0, "")


def test_migrate_writes_a_policy_file_that_check_takes(tmp_path):
    (tmp_path / "app.py").write_text(PEER)
    status, out, _ = flask("cors", "migrate", "--format", "toml", folder=tmp_path)
    (tmp_path / "cors.toml").write_text(out)
    assert (status, out.splitlines()[:2]) == (0, ["[resources.api]", 'path = ["/api/*"]'])
    status, _, err = flask(
        "cors", "check", "--no-app", folder=tmp_path, CORS_CONFIG_FILE="cors.toml", CORS_ENV="development"
    )
    assert (status, err) == (0, "")


def test_migrate_exits_1_where_a_hand_is_needed(tmp_path):
    (tmp_path / "app.py").write_text(PEER.replace("https://.*", "https://app-.*"))
    status, out, _ = flask("cors", "migrate", "--json", folder=tmp_path)
    found = json.loads(out)
    assert (status, found["complete"]) == (1, False)
    assert found["variables"]["CORS_RESOURCES__API__ORIGINS"] == "https://app.example.com"
    assert found["file"]["resources"]["api"]["origins"] == ["https://app.example.com"]
    first = found["differences"][0]
    assert (first["code"], first["effect"]) == ("origin-by-hand", "by hand")
    assert (first["place"], first["value"]) == ("CORS(app) /api/* origins", r"https://app-.*\.example\.com")


def test_migrate_compares_what_browsers_conclude(tmp_path):
    (tmp_path / "app.py").write_text(PEER)
    status, out, err = flask("cors", "migrate", "--compare", folder=tmp_path)
    assert (status, err) == (0, "")
    first, *_, last = out.splitlines()
    assert first.startswith(
        "origin-prefix: 8 requests, such as GET /api/items from https://app.example.com.unl"
    )
    assert last == "72 requests for 2 routes: 8 with another conclusion, 8 of them with a comment"
    status, out, _ = flask("cors", "migrate", "--compare", "--json", folder=tmp_path)
    found = json.loads(out)
    assert (status, found["foreseen"], found["asked"], found["left_out"]) == (0, True, 72, [])
    assert found["changes"][0] == {
        "origin": "https://app.example.com.unlisted.example",
        "method": "GET",
        "path": "/api/items",
        "headers": [],
        "credentials": "omit",
        "before": [],
        "after": None,
        "codes": ["origin-prefix"],
    }


ODD = """
from werkzeug.routing import BaseConverter
class Odd(BaseConverter):
    regex = "x{9}"
app.url_map.converters["odd"] = Odd
app.add_url_rule("/<odd:name>", "odd", lambda name: name)
"""


def test_migrate_does_not_pass_what_it_could_not_ask(tmp_path):
    (tmp_path / "app.py").write_text(PEER + ODD)
    status, out, _ = flask("cors", "migrate", "--compare", folder=tmp_path)
    assert status == 1
    assert "not asked: /<odd:name>, since no path of it is known" in out.splitlines()


def test_migrate_says_that_flask_cors_is_not_used(tmp_path):
    status, out, err = flask("--app", "shop", "cors", "migrate")
    assert (status, out) == (2, "")
    assert err == "The app does not use flask-cors: it has no CORS(...), and no view with @cross_origin\n"
    status, out, err = flask("cors", "migrate", folder=tmp_path)
    assert (status, out, err) == (2, "", "There is no app to read; name it with --app\n")


def test_migrate_needs_the_app(tmp_path):
    (tmp_path / "app.py").write_text("import nowhere")
    status, out, err = flask("cors", "migrate", folder=tmp_path)
    assert (status, out) == (2, "")
    assert err.startswith("The app cannot be loaded: ")
    assert "--no-app" not in err
    (tmp_path / "app.py").write_text(NOBODY)
    status, out, err = flask("cors", "migrate", folder=tmp_path, CORS_ORIGINS="https://a.example/")
    assert (status, out) == (2, "")
    assert "[origin-has-path]" in err


def test_report_tells_what_a_real_app_logged(tmp_path):
    origins = {"CORS_ORIGINS": "https://app.example.com https://*.b.example", "CORS_ENV": "production"}
    script = NOBODY + (
        "client = create_app().test_client()\n"
        "client.get('/', headers={'Origin': 'https://app.example.com'})\n"
        "client.get('/', headers={'Origin': 'http://app.example.com'})\n"
    )
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **origins}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environ)
    (tmp_path / "audit.jsonl").write_bytes(done.stderr)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    status, out, err = flask("cors", "report", "--json", "*.jsonl", folder=tmp_path, **cache)
    told = json.loads(out)
    assert (status, err, told["decisions"]) == (0, "", {"allow": 1, "deny": 1, "skip": 0})
    (near,) = told["near_misses"]
    assert (near["origin"], near["near"], near["difference"], near["variable"]) == (
        "http://app.example.com", "https://app.example.com", "scheme", None,
    )  # fmt: skip
    assert [(e["entry"], e["requests"], e["stands"]) for e in told["entries"]] == [
        ("https://*.b.example", 0, True), ("https://app.example.com", 1, True),
    ]  # fmt: skip
    assert told["integrity"]["whole"] is True


@pytest.mark.parametrize("words", [["--since", "yesterday"], ["--engine", "abacus"]])
def test_report_refuses_what_it_cannot_read(words, tmp_path):
    (tmp_path / "audit.jsonl").write_text("")
    status, out, err = flask("cors", "report", "audit.jsonl", *words, folder=tmp_path)
    assert (status, out) == (2, "")
    assert "Invalid value for" in err


def test_report_reads_standard_input_and_a_log_without_a_record(tmp_path):
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "cors", "report", "-"],
        cwd=tmp_path, env=environ, input="starting\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = "Error: nothing in the log is a record: 1 line of others"
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (2, "", said)
