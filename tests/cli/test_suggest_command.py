"""``flask cors suggest``: a policy to paste, and what it does without, as comments."""

import json
from pathlib import Path

import pytest
from apps import APP, EVIL, make, preflight
from click.testing import CliRunner

from flask_cors_env.cli import cors

BI = "https://bi.example.com"
SETTINGS = {"ORIGINS": f"{APP} {BI}", "METHODS": "PUT PATCH", "ALLOW_HEADERS": "X-Api-Key"}


def invoke(*words):
    done = CliRunner().invoke(cors, words)
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def log(tmp_path):
    name = tmp_path / "audit.jsonl"
    app, _ = make(**SETTINGS, AUDIT_SINK=f"file:{name}")
    client = app.test_client()
    for origin in (APP, EVIL):
        preflight(client, origin=origin, headers="x-api-key")
        client.get("/items", headers={"Origin": origin})
    return str(name)


def test_the_policy_can_be_written_to_a_file_and_replayed(log, tmp_path):
    for form in ("env", "toml"):
        status, out, err = invoke("suggest", log, "--format", form)
        assert (status, err) == (0, "")
        (tmp_path / f"new.{form}").write_text(out)
        status, out, _ = invoke("replay", log, "--policy", str(tmp_path / f"new.{form}"))
        assert (status, out.partition(": ")[2]) == (
            0,
            "holds (4 same, 0 refused, 0 allowed, 0 undecidable)\n",
        )


def test_what_it_does_without_and_its_proof_stand_beneath_it(log):
    _, out, _ = invoke("suggest", log)
    policy = json.loads(invoke("suggest", log, "--json")[1])["policy"]
    assert out == (
        f"CORS_ORIGINS={APP}\n"
        "CORS_METHODS=PUT\n"
        "CORS_ALLOW_HEADERS=X-Api-Key\n"
        "CORS_MAX_AGE=7200\n"
        "\n"
        f"# dropped: default ORIGINS {BI}: not used\n"
        "# dropped: default METHODS PATCH: not used\n"
        f"# {policy} by the rules of production: 2 requests kept, 0 lost, "
        "0 let in that are refused\n"
    )


def test_the_same_for_another_program(log):
    status, out, _ = invoke("suggest", log, "--json")
    told = json.loads(out)
    assert (status, told["proved"], told["environment"]) == (0, True, "production")
    assert told["variables"]["CORS_METHODS"] == "PUT"
    assert told["file"]["methods"] == ["PUT"]
    assert told["dropped"][0] == {"resource": "default", "setting": "ORIGINS", "text": BI, "requests": 0}
    replayed = {"same": 4, "refused": 0, "allowed": 0, "undecidable": 0}
    assert told["requests"] == {"kept": 2, "lost": 0, **replayed}


def test_where_the_policy_changed_within_the_log_replay_finds_what_is_said(tmp_path):
    name, env = tmp_path / "audit.jsonl", tmp_path / "cors.env"
    env.write_text(f"CORS_ORIGINS={APP},{BI}\n")
    app, cors_of = make(ENV="production", ENV_FILE=str(env), AUDIT_SINK=f"file:{name}", AUDIT_FORMAT="json")
    client, partner = app.test_client(), "https://partner.example"
    for origin in (APP, BI, partner):
        client.get("/items", headers={"Origin": origin})
    env.write_text(f"CORS_ORIGINS={APP},{partner}\n")
    cors_of.reload(app)
    for origin in (APP, partner):
        client.get("/items", headers={"Origin": origin})
    status, out, _ = invoke("suggest", str(name))
    assert (
        status,
        "# the policy changed within the log: replay of this finds 1 request newly allowed and 1 newly "
        "refused, as today's policy does\n" in out,
    ) == (0, True)
    (tmp_path / "next.env").write_text(out)
    found = json.loads(invoke("replay", str(name), "--policy", str(tmp_path / "next.env"), "--json")[1])
    told = json.loads(invoke("suggest", str(name), "--json")[1])["requests"]
    assert {outcome: told[outcome] for outcome in found["requests"]} == found["requests"]


def test_what_cannot_be_kept_fails_and_is_named(tmp_path):
    name = tmp_path / "audit.jsonl"
    app, _ = make(ENV="development", ORIGINS="*", AUDIT_SINK=f"file:{name}", AUDIT_FORMAT="json")
    for origin in (APP, "https://od d"):
        app.test_client().get("/items", headers={"Origin": origin})
    status, out, _ = invoke("suggest", str(name))
    assert status == 1
    assert "# not kept: default https://od d GET: 1 request (unnameable)\n" in out
    assert out.endswith(": 1 request kept, 1 lost, 0 let in that are refused\n")


def test_a_log_without_its_policy_is_not_enough(log, tmp_path):
    lines = Path(log).read_text().splitlines(keepends=True)
    (tmp_path / "late.jsonl").write_text("".join(lines[1:]))
    status, _, err = invoke("suggest", str(tmp_path / "late.jsonl"), "--env", "production")
    assert (status, "the policy that holds last is not in the log" in err) == (2, True)


def test_another_environments_rules_may_not_permit_it(tmp_path):
    name = tmp_path / "audit.jsonl"
    app, _ = make(
        ENV="development", ORIGINS="http://localhost:5173", AUDIT_SINK=f"file:{name}", AUDIT_FORMAT="json"
    )
    app.test_client().get("/items", headers={"Origin": "http://localhost:5173"})
    assert invoke("suggest", str(name))[0] == 0
    status, _, err = invoke("suggest", str(name), "--env", "production")
    assert (status, "[loopback]" in err) == (2, True)
