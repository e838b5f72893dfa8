"""Env files and policy files: every value knows its line, and nothing but ``CORS_*`` is looked at."""

import os
import threading

import pytest
from flask import Flask

from flask_cors_env import CORS, CORSConfigError
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.files import loaded_by_flask, toml_lines
from flask_cors_env.config.layers import Line
from flask_cors_env.web.state import KEY

APP = "https://app.example.com"
POLICY = f"""\
origins = ["{APP}"]
max_age = "2h"

[resources.api]
path = ["/api/*"]
allow_credentials = true

[resources."/feed/*"]
public = true

[environments.staging]
max_age = 60

[environments.staging.resources.api]
origins = ["https://app.staging.example.com"]
"""


def written(tmp_path, text, name=".env"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def problems(**inputs):
    with pytest.raises(CORSConfigError) as raised:
        build(Inputs(**{"environ": {}, **inputs}))
    return raised.value.problems


def leaf(built, resource, setting):
    return next(leaf for leaf in built.leaves if (leaf.resource, leaf.setting) == (resource, setting))


def test_a_problem_names_the_line_of_the_env_file(tmp_path):
    text = f"# origins\nCORS_ENV=production\n\nCORS_ORIGINS={APP}/\nexport CORS_MAX_AGE=soon\n"
    path = written(tmp_path, text)
    found = problems(env_file=path)
    assert {(p.variable, p.source, p.code) for p in found} == {
        ("CORS_MAX_AGE", f"{path}:5", "not-a-duration"),
        ("CORS_ORIGINS", f"{path}:4", "origin-has-path"),
    }


def test_nothing_of_an_env_file_but_its_cors_lines_is_ever_shown(tmp_path):
    secret = "hunter2"
    text = f"DATABASE_URL=postgres://u:{secret}@h/db\nCORS_ORIGINS=x\nCORS_ORIGNS=y\nPASSWORD={secret}\nX='{secret}\n"
    path = written(tmp_path, text)
    with pytest.raises(CORSConfigError) as raised:
        build(Inputs(environ={"CORS_ENV_FILE": path, "SECRET": secret}))
    assert secret not in str(raised.value)
    assert secret not in repr(raised.value.problems)


SECRET = "postgres://u:hunter2@h/db"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CORS_ORIGINS=${DATABASE_URL}", ("CORS_ORIGINS", "${DATABASE_URL}", None)),
        ("CORS_ORIGINS=https://a.example,${DATABASE_URL}/", None),
        ("X=${DATABASE_URL}\nCORS_Y=${X}\nCORS_ORIGINS=${CORS_Y}", ("CORS_ORIGINS", "${CORS_Y}", None)),
        ("CORS_RESOURCES=${DATABASE_URL}", ("CORS_RESOURCES", "${DATABASE_URL}", None)),
        ("CORS_RESOURCES='{\"${DATABASE_URL}\": {}}'", ("CORS_RESOURCES", '{"${DATABASE_URL}": {}}', None)),
        ("CORS_RESOURCES__A='{\"${DATABASE_URL}\": 1}'", ("CORS_RESOURCES__A", None, None)),
        ("CORS_ORIGNS=${DATABASE_URL}", ("CORS_ORIGNS", None, "Did you mean: CORS_ORIGINS?")),
        ("CORS_ENV_FILE=x\nCORS_CONFIG_FILE=${DATABASE_URL}", ("CORS_CONFIG_FILE", "${DATABASE_URL}", None)),
        ("CORS_MAX_AGE=5${CORS_UNIT}", ("CORS_MAX_AGE", "5w", "Write: 600, 10m, or 2h")),
    ],
)
def test_what_a_line_takes_from_names_that_are_not_ours_is_shown_as_it_is_written(text, found, tmp_path):
    path = written(tmp_path, f"{text}\n")
    environ = {
        "CORS_ENV": "production",
        "DATABASE_URL": SECRET,
        "CORS_UNIT": "w",
        "CORS_IGNORE": "CORS_[YU]*",
    }
    with pytest.raises(CORSConfigError) as raised:
        build(Inputs(environ=environ, env_file=path))
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in repr(raised.value.problems)
    told = [(p.variable, p.value, p.remedy) for p in raised.value.problems]
    assert found is None or found in told


def test_the_same_holds_for_what_flasks_own_loading_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "DATABASE_URL=postgres://u:hunter2@h/db\nCORS_ORIGINS=${DATABASE_URL}\nCORS_MAXAGE=1\n")
    environ = {"CORS_ENV": "production", "CORS_ORIGINS": SECRET, "CORS_MAXAGE": "1"}
    found = problems(environ=environ, env_lines=loaded_by_flask(environ).lines)
    assert {(p.variable, p.value, p.source) for p in found} == {
        ("CORS_ORIGINS", "${DATABASE_URL}", ".env:2"),
        ("CORS_MAXAGE", None, ".env:3"),
    }


def test_lines_that_flasks_own_loading_dropped_are_problems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "CORS_MAX_AGE=1\nset CORS_ENFORCE=true\nCORS_MAX_AGE=2\n")
    environ = {"CORS_ENV": "production", "CORS_MAX_AGE": "2"}
    found = problems(environ=environ, env_faults=loaded_by_flask(environ).faulty)
    assert [(p.code, p.source) for p in found] == [("line-unreadable", ".env:2"), ("set-twice", ".env:3")]
    assert loaded_by_flask({"CORS_ENV": "production"}).faulty == ()
    assert loaded_by_flask({"CORS_MAX_AGE": "another program's"}).faulty == ()
    assert len(loaded_by_flask({"FLASK_RUN_FROM_CLI": "true"}).faulty) == 2


@pytest.mark.parametrize(
    "arguments", [["-e", "other.env"], ["--env-file", "other.env"], ["--env-file=other.env"]]
)
def test_the_file_that_flask_was_told_of_is_flasks_own(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "CORS_MAX_AGE=7\n", name="other.env")
    environ = {"CORS_ENV": "production", "CORS_MAX_AGE": "7"}
    loaded = loaded_by_flask(environ, ["--app", "shop", *arguments, "run"])
    assert loaded.lines == {"CORS_MAX_AGE": Line("CORS_MAX_AGE", "7", "other.env:1")}
    assert loaded_by_flask(environ).lines == {}
    assert loaded_by_flask({**environ, "FLASK_ENV_FILE": "other.env"}).lines == loaded.lines
    assert build(Inputs(environ=environ, env_lines=loaded.lines)).flasks == {"other.env:1"}


def test_the_file_of_a_folder_above_is_flasks_own(tmp_path, monkeypatch):
    (tmp_path / "a/b").mkdir(parents=True)
    path = written(tmp_path, "CORS_MAX_AGE=7\n")
    monkeypatch.chdir(tmp_path / "a/b")
    loaded = loaded_by_flask({"CORS_MAX_AGE": "7"})
    assert loaded.lines == {"CORS_MAX_AGE": Line("CORS_MAX_AGE", "7", f"{path}:1")}
    assert loaded_by_flask({}).unread == 0


def test_lines_of_toml_are_counted_as_editors_count_them():
    text = (
        "# \u2028 no line end\n"
        'note.one = """\n[resources.api]\nmax_age = 1\n"""\n'
        "resources.api.max_age = 5\n"
        '[resources."/a.b/*"]\r\n'
        "max_age = 6\r\n"
    )
    assert dict(toml_lines(text)) == {
        ("note", "one"): 2,
        ("resources", "api", "max_age"): 6,
        ("resources", "/a.b/*"): 7,
        ("resources", "/a.b/*", "max_age"): 8,
    }


BROKEN_EVERYWHERE = '''\
ignore = ["\'\'\'", 'a = 1']
words = """
max_age = 1 \\"""
path = "/x"""
allowed_origin = "none"
[resources."/a/*"]
orign = "https://b.example"
max_age = "x"
[resources.b-]
path = "/b"
[environments.production]
config_file = "x"
'''


def test_every_problem_of_a_policy_file_has_its_line(tmp_path):
    path = written(tmp_path, BROKEN_EVERYWHERE, "cors.toml")
    found = problems(environ={"CORS_ENV": "production", "CORS_CONFIG_FILE": path})
    assert {(problem.code, problem.source.removeprefix(path)) for problem in found} == {
        ("variable-unknown", ":2"),
        ("variable-unknown", ":7"),
        ("not-a-duration", ":8"),
        ("resource-bad-name", ":9"),
        ("variable-unknown", ":12"),
    }


def test_an_env_file_takes_names_from_the_environ_in_use_and_from_no_other(tmp_path, monkeypatch):
    path = written(tmp_path, "CORS_ORIGINS=https://${HOST_OF_APP:-none.example}\n")
    monkeypatch.setenv("HOST_OF_APP", "os.example")
    environ = {"CORS_ENV": "production"}

    def origins(around):
        built = build(Inputs(environ=environ, env_file=path, around=around))
        return built.policy.resources[0].origins.canonical

    assert origins({"HOST_OF_APP": "given.example"}) == ("https://given.example",)
    assert origins(None) == ("https://none.example",)


DOUBLED = "A0=aaaa\n" + "".join(f"A{n + 1}=${{A{n}}}${{A{n}}}\n" for n in range(60))


def test_what_a_line_stands_for_has_an_end(tmp_path):
    path = written(tmp_path, f"{DOUBLED}CORS_ORIGINS=${{A60}}\n")
    (found,) = problems(env_file=path)
    assert (found.code, found.source, found.value) == ("line-unreadable", f"{path}:62", "${A60}")
    assert found.message == "stands for more than 65,536 characters."


def test_of_an_env_file_that_nobody_named_other_lines_are_not_even_worked_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, f"{DOUBLED}CORS_MAX_AGE=${{CORS_MINUTES}}m\n")
    environ = {"CORS_MINUTES": "5", "CORS_MAX_AGE": "5m"}
    assert loaded_by_flask(environ).lines == {"CORS_MAX_AGE": Line("CORS_MAX_AGE", "5m", ".env:62")}


UNREAD = {
    'declare -x CORS_ENFORCE="true"': ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "typeset -x CORS_ENFORCE=true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "set CORS_ENFORCE=true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "set -x CORS_ENFORCE true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "setenv CORS_ENFORCE true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "ENV CORS_ENFORCE=true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "- CORS_ENFORCE=true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    '"CORS_ENFORCE"=true': ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    '$env:CORS_ENFORCE="true"': ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "CORS-ENFORCE=true": ("CORS-ENFORCE", "Write: CORS_ENFORCE=..."),
    "CORS_MAX-AGE=5": ("CORS_MAX-AGE", "Write: CORS_MAX_AGE=..."),
    "cors-enforce: true": ("cors-enforce", "Write: CORS_ENFORCE=..."),
    "CORS_METHODS: GET": ("CORS_METHODS", "Write: CORS_METHODS=..."),
    "CORS_METHODS:GET": ("CORS_METHODS", "Write: CORS_METHODS=..."),
    "CORS_METHODS GET": ("CORS_METHODS", "Put one pair of quotes around the value, or none"),
    "CORS_ORIGINS": ("CORS_ORIGINS", "Write: CORS_ORIGINS=none to mean nothing, or remove the line"),
    "export CORS_ORIGINS": ("CORS_ORIGINS", "Write: CORS_ORIGINS=none to mean nothing, or remove the line"),
    "CORS_ENFORCE": ("CORS_ENFORCE", "Write: CORS_ENFORCE=..., or remove the line"),
    "CORS_RESOURCES__A__MAX_AGE": (
        "CORS_RESOURCES__A__MAX_AGE",
        "Write: CORS_RESOURCES__A__MAX_AGE=..., or remove the line",
    ),
    "CORS\u2013ENFORCE=true": ("CORS-ENFORCE", "Write: CORS_ENFORCE=..."),
    "CORS\uff3fENFORCE=true": ("CORS_ENFORCE", "Write the name anew"),
    "CORS\ufe0f_ENFORCE=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    "C\u034fORS_ENFORCE=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    "CORS_ENFORCE\u200b=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    "A=1\u2028CORS_ENFORCE=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    "A=1\x85CORS_ENFORCE=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    "# a comment\u2028CORS_ENFORCE=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    "A=1 CORS_ENFORCE=true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "export A=1 CORS_ENFORCE=true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "A=1; CORS_ENFORCE=true": ("CORS_ENFORCE", "Write: CORS_ENFORCE=... without anything before it"),
    "\u200bCORS_ENFORCE=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    "CORS\u200b_ENFORCE=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    "\ufeffCORS_ENFORCE=true": ("CORS_ENFORCE", "Remove it, or write the line anew"),
    'CORS_ORIGINS="https://a.example': ("CORS_ORIGINS", "Put one pair of quotes around the value, or none"),
}


@pytest.mark.parametrize("line", UNREAD)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_line_that_sets_nothing_of_the_name_on_it_is_a_problem(line, end, tmp_path):
    path = written(tmp_path, name=".env", text=f"# first\n\nCORS_MAX_AGE=5\n{line}{end}")
    (problem,) = problems(environ={"CORS_ENV_FILE": path})
    assert (problem.code, problem.source) == ("line-unreadable", f"{path}:4")
    assert (problem.variable, problem.remedy) == UNREAD[line]


@pytest.mark.parametrize(
    "text",
    [
        "# set CORS_ENFORCE=true\n",
        "export CORS_MAX_AGE=5\n",
        'NOTE="first\nCORS_X is written here\nlast"\n',
        "OTHER=CORS_ORIGINS\n",
        "OTHER='env CORS_ORIGINS=x flask run'\n",
        "OTHER=1 # once CORS_ORIGINS=x\n",
        "URL=https://a.example/?CORS_ORIGINS=x&b=CORS_MAX_AGE\n",
        "NOTE=\u00e9t\u00e9 \u2013 caf\u00e9\u200b\n",
        "MY_CORS_ORIGINS=x\n",
        "my-cors-proxy=x\n",
        "see docs/cors-setup.md\n",
        "set OTHER=1 # CORS_ORIGINS\n",
        "URL=${CORS_MAX_AGE}\n",
        "\ufeffCORS_MAX_AGE=5\n",
        "'CORS_MAX_AGE'=5\n",
        "cors_max_age = 5\n",
    ],
)
def test_a_line_that_is_read_or_none_of_ours_is_no_problem(text, tmp_path):
    path = written(tmp_path, name=".env", text=text)
    assert build(Inputs(environ={"CORS_ENV": "production"}, env_file=path)).warnings == ()


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_told_by_its_encoding(coding, tmp_path):
    path = tmp_path / "cors.env"
    path.write_bytes("A=1\nCORS_ENFORCE=true\n".encode(coding))
    (problem,) = problems(environ={}, env_file=path)
    assert (problem.code, problem.variable, problem.source) == (
        "line-unreadable",
        "CORS_ENFORCE",
        f"{path}:2",
    )
    assert ("UTF-16" in problem.message, problem.remedy) == (True, "Save the file in UTF-8")
    path.write_bytes("A=1\n".encode(coding))
    assert [p.code for p in problems(environ={}, env_file=path)] == ["file-unreadable"]


@pytest.mark.parametrize("option", ["env_file", "config_file"])
def test_a_file_in_latin_1_is_told_by_line_and_byte(option, tmp_path):
    path = tmp_path / "cors"
    path.write_bytes("# caf\u00e9\n".encode("latin-1"))
    (problem,) = problems(environ={}, **{option: path})
    assert (problem.code, problem.remedy) == ("file-unreadable", "Save the file in UTF-8")
    assert problem.message == "is not in UTF-8: line 1 has the byte 0xe9, as Latin-1 or Windows-1252 would."


def test_one_name_with_two_values_is_a_problem_and_with_one_value_is_none(tmp_path):
    text = "CORS_MAX_AGE=5\nCORS_ORIGINS={}\nCORS_MAX_AGE={}\n"
    path = written(tmp_path, name=".env", text=text.format("https://a.example", 5))
    build(Inputs(environ={"CORS_ENV": "production"}, env_file=path))
    for other in ("6", "", "none"):
        path = written(tmp_path, name=".env", text=text.format("https://a.example", other))
        (problem,) = problems(environ={"CORS_ENV": "production"}, env_file=path)
        assert (problem.code, problem.source, problem.message) == (
            "set-twice",
            f"{path}:3",
            "is set on line 1 too, to another value.",
        )


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("cors.toml", "max_age = 5\norigins = [\n", "Invalid value (at end of document)"),
        (
            "cors.toml",
            "max_age = 2h\n",
            "Expected newline or end of document after a statement (at line 1, column 12)",
        ),
        ("cors.toml", "a = 1\na = 2\n", "Cannot overwrite a value (at line 2, column 6)"),
        ("cors.json", '{"a": 1,\n "b": }', "Expecting value: line 2 column 7 (char 15)"),
        ("cors.JSON", "origins = 1", "Expecting value: line 1 column 1 (char 0)"),
        ("cors.json", "[" * 100_000, "it is nested too deeply"),
    ],
)
def test_a_policy_file_that_does_not_parse_tells_the_parsers_reason(name, text, reason, tmp_path):
    path = written(tmp_path, name=name, text=text)
    (problem,) = problems(environ={}, config_file=path)
    kind = "TOML" if name.endswith("toml") else "JSON"
    assert (problem.code, problem.message) == ("file-malformed", f"is no {kind}: {reason}.")


def test_json_is_json_whatever_the_case_of_its_name(tmp_path):
    path = written(tmp_path, name="CORS.JSON", text='{"max_age": 77}')
    assert (
        build(Inputs(environ={"CORS_ENV": "production"}, config_file=path)).policy.resources[0].max_age == 77
    )


@pytest.mark.parametrize("option", ["env_file", "config_file"])
def test_a_source_of_more_than_a_mebibyte_is_problems(option, tmp_path):
    path = written(tmp_path, name="large", text="#" * ((1 << 20) - 1) + "\n")
    build(Inputs(environ={"CORS_ENV": "production"}, **{option: path}))
    path = written(tmp_path, name="large", text="#" * (1 << 20) + "\n")
    for source in (path, "/dev/zero"):
        assert [p.code for p in problems(environ={}, **{option: source})] == ["source-too-large"]


def test_a_pipe_without_text_is_a_problem_and_no_policy():
    reader, writer = os.pipe()
    os.close(writer)
    (problem,) = problems(environ={"CORS_ENV_FILE": f"/dev/fd/{reader}"})
    os.close(reader)
    assert problem.code == "source-empty"


def test_a_pipe_is_waited_for_as_long_as_the_limit_says(tmp_path, monkeypatch):
    monkeypatch.setattr("flask_cors_env.config.texts.PATIENCE", 0.5)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert [p.code for p in problems(environ={}, env_file=fifo)] == ["source-empty"]
    reader, writer = os.pipe()
    os.write(writer, b"CORS_MAX_AGE=5\n")
    (problem,) = problems(environ={}, env_file=f"/dev/fd/{reader}")
    assert (problem.code, "did not end" in problem.message) == ("file-unreadable", True)
    os.close(reader)
    os.close(writer)


def test_a_fifo_is_read_when_its_writer_comes(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writing = threading.Timer(0.2, lambda: fifo.write_text("CORS_MAX_AGE=77\n"))
    writing.start()
    assert build(Inputs(environ={"CORS_ENV": "production"}, env_file=fifo)).policy.resources[0].max_age == 77
    writing.join()


def test_a_pipe_called_env_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo(".env")
    assert loaded_by_flask({}) == ({}, 0, ())


@pytest.mark.parametrize(("lines", "told"), [(1, "1 CORS_ line"), (2, "2 CORS_ lines")])
def test_an_env_file_that_nobody_read_is_mentioned(lines, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "X=1\n" + "CORS_MAX_AGE=5\n" * lines)
    app = Flask("shop")
    monkeypatch.delenv("CORS_MAX_AGE", raising=False)
    CORS(app)
    notes = [
        (note.code, note.variable, note.source, note.message, note.remedy)
        for note in app.extensions[KEY].built.notes
    ]
    assert notes == [
        (
            "env-file-unread",
            ".env",
            "the working directory",
            f"has {told} that nobody read.",
            "To read it: CORS_ENV_FILE=.env",
        )
    ]
    monkeypatch.setenv("CORS_ENV_FILE", ".env")
    CORS(other := Flask("other"))
    assert other.extensions[KEY].built.notes == ()


def test_a_line_that_python_dotenv_drops_is_a_problem(tmp_path):
    path = written(tmp_path, 'CORS_ORIGINS="["https://a.example"]"\n')
    (found,) = problems(env_file=path)
    assert (found.code, found.variable, found.source) == ("line-unreadable", "CORS_ORIGINS", f"{path}:1")


def test_the_process_environment_is_stronger_than_the_env_file_and_the_hidden_value_is_remembered(tmp_path):
    path = written(tmp_path, f"CORS_ORIGINS={APP}\nCORS_MAX_AGE=60\n")
    built = build(Inputs(environ={"CORS_ENV": "production", "CORS_ENV_FILE": path, "CORS_MAX_AGE": "5"}))
    assert built.policy.resources[0].max_age == 5
    assert leaf(built, "default", "MAX_AGE").source == "CORS_MAX_AGE in the process environment"
    assert leaf(built, "default", "MAX_AGE").hides == (f"CORS_MAX_AGE in {path}:2",)


def test_the_env_file_may_name_the_environment(tmp_path):
    path = written(tmp_path, "CORS_ENV=staging\n")
    assert (
        str(build(Inputs(environ={}, env_file=path)).environment)
        == f"staging, because CORS_ENV=staging in {path}:1"
    )


def test_what_flasks_own_loading_set_is_told_by_its_line():
    inputs = Inputs(
        environ={"CORS_ENV": "production", "CORS_ORIGINS": "x", "CORS_MAX_AGE": "soon"},
        env_lines={
            "CORS_ORIGINS": Line("CORS_ORIGINS", "x", ".env:14"),
            "CORS_MAX_AGE": Line("CORS_MAX_AGE", "60", ".env:15"),
        },
    )
    with pytest.raises(CORSConfigError) as raised:
        build(inputs)
    assert {p.variable: p.source for p in raised.value.problems} == {
        "CORS_ORIGINS": ".env:14",
        "CORS_MAX_AGE": "the process environment",
    }


@pytest.mark.parametrize("option", ["env_file", "config_file"])
def test_a_file_that_is_named_and_missing_is_a_problem(option, tmp_path):
    missing = str(tmp_path / "no.such")
    (found,) = problems(**{option: missing})
    assert (found.code, found.value, found.source) == ("file-missing", missing[:80], "the arguments")
    variable = f"CORS_{option.upper()}"
    (found,) = problems(environ={variable: missing})
    assert (found.code, found.variable, found.source) == ("file-missing", variable, "the process environment")


def test_a_policy_file_and_the_overlay_of_its_environment(tmp_path):
    path = written(tmp_path, POLICY, "cors.toml")
    production = build(Inputs(environ={"CORS_ENV": "production"}, config_file=path))
    assert [(r.name, r.max_age, r.origins.any) for r in production.policy.resources] == [
        ("api", 7200, False),
        ("feed", 7200, True),
    ]
    assert leaf(production, "api", "MAX_AGE").source == f"max_age in {path}:2"
    staging = build(Inputs(environ={"CORS_ENV": "staging"}, config_file=path))
    assert [p.text for p in staging.policy.resources[0].origins] == ["https://app.staging.example.com"]
    assert leaf(staging, "api", "ORIGINS").source == f'resources["api"].origins in {path}:15'
    assert leaf(staging, "api", "MAX_AGE").hides == (f"max_age in {path}:2",)


def test_json_says_the_same_as_toml(tmp_path):
    import json
    import tomllib

    toml = written(tmp_path, POLICY, "cors.toml")
    other = written(tmp_path, json.dumps(tomllib.loads(POLICY)), "cors.json")
    ids = {
        build(Inputs(environ={"CORS_ENV": "staging"}, config_file=path)).policy.id for path in (toml, other)
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("cors.toml", "origins = [", "file-malformed"),
        ("cors.json", "{", "file-malformed"),
        ("cors.json", "[]", "wrong-type"),
        ("cors.toml", "orgins = []", "variable-unknown"),
        ("cors.toml", "config_file = 'x'", "variable-unknown"),
        ("cors.toml", "environments = 1", "wrong-type"),
        ("cors.toml", "[environments.prod]", "unknown-environment"),
        ("cors.toml", "resources = 1", "wrong-type"),
        ("cors.toml", "[resources.api]\npath = 1", "wrong-type"),
        ("cors.toml", "[resources.api]\norigins = ['none']\npath = '/x'", "none-among-values"),
    ],
)
def test_a_policy_file_that_cannot_be_used_is_one_problem(name, text, code, tmp_path):
    found = problems(environ={"CORS_ENV": "production"}, config_file=written(tmp_path, text, name))
    assert [problem.code for problem in found] == [code]


@pytest.mark.parametrize(
    ("name", "text", "place", "value"),
    [
        ("cors.toml", "# cut\n[[environments.production]]\norigins = []\n", ":2", "[{'origins': []}]"),
        ("cors.toml", "[environments]\nproduction = 'none'\n", ":2", "none"),
        ("cors.json", '{"environments": {"production": null}}', "", "None"),
        ("cors.json", '{"environments": {"production": []}}', "", "[]"),
    ],
)
def test_an_overlay_that_is_no_table_is_refused_where_it_stands(name, text, place, value, tmp_path):
    path = written(tmp_path, text, name)
    (found,) = problems(config_file=path)
    assert (found.code, found.variable, found.source, found.value, found.remedy) == (
        "wrong-type",
        "environments.production",
        f"{path}{place}",
        value,
        "Write one table for each environment: [environments.production], or none",
    )


def test_a_name_that_is_twice_in_an_object_of_a_policy_file_is_problems(tmp_path):
    path = written(tmp_path, '{"resources": {"api": {"path": "/*"}, "api": {"path": "/x"}}}', "cors.json")
    (found,) = problems(config_file=path)
    assert (found.code, found.source, found.value) == ("json-duplicate-name", path, "api")


def test_an_argument_that_hides_an_operators_value_is_told():
    inputs = {
        "environ": {"CORS_ENV": "production", "CORS_ORIGINS": APP},
        "arguments": (("CORS()", {"origins": "https://other.example"}),),
    }
    (warning,) = build(Inputs(**inputs)).warnings
    assert (warning.code, warning.variable) == ("shadowed", "CORS_ORIGINS")
    inputs["environ"]["CORS_ENV"] = "development"
    (note,) = build(Inputs(**inputs)).notes
    assert note.message == "has no effect: origins in CORS() is stronger."


def test_origins_of_the_app_that_no_resource_inherits_are_warned_of():
    environ = {
        "CORS_ENV": "production",
        "CORS_ORIGINS": APP,
        "CORS_RESOURCES__API__PATH": "/api/*",
        "CORS_RESOURCES__API__ORIGINS": APP,
    }
    (warning,) = build(Inputs(environ=environ)).warnings
    assert (warning.code, warning.variable) == ("unused-top-level", "CORS_ORIGINS")


@pytest.mark.parametrize(
    ("name", "value", "outcome"),
    [
        ("ALLOW_ALL_ORIGINS", "true", "replaced"),
        ("ORIGIN_ALLOW_ALL", "1", "replaced"),
        ("ALLOWED_ORIGIN_REGEXES", "x", "replaced"),
        ("ORIGIN_REGEX_WHITELIST", "x", "replaced"),
        ("ORIGINS_REGEXES", "x", "replaced"),
        ("ALLOWED_ORIGINS_REGEXES", "x", "replaced"),
        ("ALLOW_ORIGIN_REGEX", "x", "replaced"),
        ("HEADERS_REGEXES", "x", "replaced"),
        ("URLS_REGEX", "x", "replaced"),
        ("ORIGINS_FILE", "x", "replaced"),
        ("VARY_HEADER", "false", "vary-required"),
        ("VARY_HEADER", "true", None),
        ("SEND_WILDCARD", "true", None),
        ("ALWAYS_SEND", "false", None),
        ("AUTOMATIC_OPTIONS", "true", None),
        ("INTERCEPT_EXCEPTIONS", "false", None),
        ("ALLOW_PRIVATE_NETWORK", "true", None),
    ],
)
def test_another_packages_setting_is_refused_with_its_replacement_or_noted(name, value, outcome):
    environ = {"CORS_ENV": "production", f"CORS_{name}": value}
    if outcome is not None:
        (found,) = problems(environ=environ)
        assert (found.code, found.variable) == (outcome, f"CORS_{name}")
    else:
        assert [note.code for note in build(Inputs(environ=environ)).notes] == ["without-effect"]
        argument = (("CORS()", {name.lower(): value}),)
        assert [n.code for n in build(Inputs(environ={}, arguments=argument)).notes] == ["without-effect"]


def test_djangos_switch_at_false_says_nothing():
    built = build(Inputs(environ={"CORS_ENV": "production", "CORS_ALLOW_ALL_ORIGINS": "False"}))
    assert (built.warnings, built.notes) == ((), ())


def test_an_alias_is_noted_and_may_not_contradict_its_canonical_name():
    environ = {"CORS_ENV": "production", "CORS_ALLOWED_ORIGINS": APP}
    (note,) = build(Inputs(environ=environ)).notes
    assert (note.code, note.message) == ("alias", "is another name of CORS_ORIGINS.")
    (found,) = problems(environ={**environ, "CORS_ORIGINS": "https://other.example"})
    assert (found.code, found.message) == (
        "set-twice",
        "is set beside CORS_ALLOWED_ORIGINS, to another value.",
    )


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"CORS_ENV": "production"}, "error"),
        ({"CORS_ENV": "development"}, "warning"),
        ({"CORS_ENV": "production", "CORS_STRICT": "no"}, "warning"),
        ({"CORS_ENV": "development", "CORS_STRICT": "yes"}, "error"),
        ({"CORS_ENV": "production", "CORS_IGNORE": "CORS_ANYWHERE_*"}, None),
    ],
)
def test_an_unknown_name_is_an_error_a_warning_or_passed_over(settings, level):
    environ = {**settings, "CORS_ANYWHERE_PORT_NUMBER": "1"}
    if level == "error":
        assert [p.code for p in problems(environ=environ)] == ["variable-unknown"]
    else:
        codes = [p.code for p in build(Inputs(environ=environ)).warnings]
        assert codes == (["variable-unknown"] if level == "warning" else [])


@pytest.mark.parametrize(
    "name",
    [
        "CORS_SERVICE_HOST",
        "CORS_PROXY_SERVICE_PORT",
        "CORS_PORT",
        "CORS_X_PORT_80_TCP_ADDR",
        "CORS_SERVICE_PORT_HTTP",
    ],
)
def test_what_kubernetes_sets_for_a_service_is_passed_over(name):
    built = build(Inputs(environ={"CORS_ENV": "production", name: "tcp://10.0.0.1:80"}))
    assert (built.warnings, built.notes) == ((), ())


def test_a_blank_value_is_not_set_and_never_reopens_what_a_weaker_source_closed():
    (note,) = build(Inputs(environ={"CORS_ENV": "production", "CORS_ORIGINS": " "})).notes
    assert note.code == "blank"
    config = {"CORS_ORIGINS": APP}
    (found,) = problems(environ={"CORS_ENV": "production", "CORS_ORIGINS": '""'}, config=config)
    assert (found.code, found.remedy) == ("blank-over-value", "Write: none, or remove the variable")


@pytest.mark.parametrize("name", ["a\0b", "a\udfffb", "x" * 300])
@pytest.mark.parametrize("option", ["CORS_ENV_FILE", "CORS_CONFIG_FILE"])
def test_a_name_that_no_file_can_have_is_a_problem(option, name):
    (problem,) = problems(environ={option: name})
    assert (problem.code, problem.variable) == ("file-unreadable", option)
