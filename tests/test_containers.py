"""
The container example, as its carriers deliver it: every one of them makes the same policy, and the image's
entrypoint serves it under gunicorn, or serves nothing.

The readers below do to a value what docker 28, compose 2, kubectl 1.32 and systemd 252 do to it. `sh`,
python-dotenv and Flask are themselves.
"""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from flask import Flask
from webdriver import ProcessGroup

from flask_cors_env import CORSConfigError, Policy, Resource
from flask_cors_env.config.build import Inputs, build

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples/container"
MOUNT = "/etc/shop"
SHOP = "https://shop.example.com"
PREVIEW = "https://*.preview.shop.example.com"
OTHER = "https://other.example.com"
EVIL = "https://evil.example.net"

_SHARED = {
    "allow_headers": ["Content-Type", "X-Api-Key"],
    "expose_headers": ["X-Total-Count"],
    "max_age": 600,
}
_API = {
    "name": "api",
    "paths": ["/api/*"],
    "origins": [SHOP, PREVIEW],
    "methods": ["GET", "HEAD", "POST", "PUT"],
    "allow_credentials": True,
    **_SHARED,
}
_FEED = {"name": "feed", "paths": ["/feed.json"], "origins": ["*"], "methods": ["GET", "HEAD"], **_SHARED}


def policy(environment, **changed):
    """The example's policy, in the words of the core, with *changed* in what is shared or the api's own."""
    shared = {name: value for name, value in changed.items() if name in _SHARED}
    resources = (Resource.parse(**_API | changed), Resource.parse(**_FEED | shared))
    return Policy(resources, environment=environment).canonical()


POLICY = policy("production")


# What each carrier does to the text that an operator writes.


def docker_env_file(text):
    """``docker run --env-file``: what follows the first ``=`` is the value, to the end of the line."""
    lines = (line.lstrip() for line in text.removeprefix("\ufeff").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


#: ``kubectl create configmap --from-env-file``, for ``envFrom``, reads in the same way.
kubectl_env_file = docker_env_file


def interpolated(text, shell):
    """Compose's ``${X}``, ``${X:-default}`` and ``$$``."""

    def value(match):
        name, default = match["name"] or match["braced"], match["default"]
        if match["escaped"]:
            return "$"
        return (shell.get(name) or default) if default is not None else shell.get(name, "")

    pattern = r"\$(?:(?P<escaped>\$)|\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\}|(?P<name>[A-Za-z_]\w*))"
    return re.sub(pattern, value, text)


def compose_service(service, shell):
    """A service's ``environment:``, as a map or as a list, over its ``env_file:``."""
    given = service.get("environment", {})
    if isinstance(given, list):
        given = dict(item.split("=", 1) for item in given)
    assert all(isinstance(value, str) for value in given.values())
    file = service.get("env_file")
    below = compose_env_file((EXAMPLE / file).read_text(), shell) if file else {}
    return below | {name: interpolated(value, shell) for name, value in given.items()}


def compose(text, **shell):
    """A fragment of a service."""
    return compose_service(yaml.safe_load(text), shell)


def compose_env_file(text, shell=None):
    """Dotenv's rules for quotes and comments; a value in single quotes is not interpolated."""
    bindings = [b for b in parse_stream(io.StringIO(text)) if b.key is not None]
    literal = {b.key for b in bindings if b.original.string.partition("=")[2].lstrip().startswith("'")}
    return {b.key: b.value if b.key in literal else interpolated(b.value, shell or {}) for b in bindings}


def manifest(text):
    """The ``env:`` of a Kubernetes container: strings, in which ``$(NAME)`` of an earlier entry expands."""
    delivered = {}
    for entry in yaml.safe_load(text)["env"]:
        assert isinstance(entry["value"], str)
        delivered[entry["name"]] = re.sub(
            r"\$(?:(\$)|\((\w+)\))",
            lambda match: "$" if match[1] else delivered.get(match[2], match[0]),
            entry["value"],
        )
    return delivered


def systemd(text):
    """``EnvironmentFile=``: quotes around values go, comments behind them stay, a backslash is eaten."""
    text = re.sub(r"(?m)^\s*[#;].*\n", "", text)
    value = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\\\n]|\\.)*)"""
    found = re.findall(rf"(?ms)^(\w+)=[ \t]*({value})[ \t]*$", text)
    return {name: _systemd_value(written) for name, written in found}


def _systemd_value(written):
    if written.startswith("'"):
        return written[1:-1]
    if written.startswith('"'):
        return re.sub(r'(?s)\\(["\\`$\n])', lambda m: m[1].strip("\n"), written[1:-1])
    return re.sub(r"(?s)\\(.)", lambda m: m[1].strip("\n"), written.rstrip())


def python_dotenv(text):
    """``flask run``, or ``load_dotenv()`` in a ``wsgi.py``; what is on a line that cannot be read is lost."""
    return {
        name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None
    }


def sh(text):
    """``set -a; . ./.env``, in a shell."""
    script = 'set -a; eval "$1"; exec env -0'
    ran = subprocess.run(
        ["sh", "-c", script, "sh", text], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
    )
    delivered = dict(item.split("=", 1) for item in ran.stdout.decode().split("\0") if item)
    return {name: value for name, value in delivered.items() if name.startswith("CORS_")}


def dashboard(text):
    """A platform's form: one field for the name, one for the value, which is kept as it is typed."""
    name, value = text.split("=", 1)
    return {name: value}


# The example's files, each by its carrier.


def document(name):
    return yaml.safe_load((EXAMPLE / name).read_text())


def container():
    (found,) = document("kubernetes/deployment.yaml")["spec"]["template"]["spec"]["containers"]
    return found


def in_deployment(folder):
    """The Deployment's environment; what is mounted at MOUNT lies in *folder*."""
    mount(folder, document("kubernetes/configmap.yaml")["data"])
    environ = manifest(yaml.safe_dump({"env": container()["env"]}))
    return environ | {"CORS_CONFIG_FILE": environ["CORS_CONFIG_FILE"].replace(MOUNT, str(folder))}


def mount(folder, files):
    """Write a ConfigMap as the kubelet does: a new directory, and one symbolic link that is swapped."""
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir(parents=True)
    for name, text in files.items():
        (version / name).write_text(text)
        os.utime(version / name, (1, 1))  # neither time nor size need tell two versions apart
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(version.name)
    (folder / "..data_tmp").replace(folder / "..data")


def text_of(name):
    return (EXAMPLE / name).read_text()


def from_prefixed_env(text):
    """Flask's own reading of ``FLASK_CORS_*``: JSON where it is JSON, nested by ``__``."""
    app = Flask("shop")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in docker_env_file(text).items():
            patch.setenv(f"FLASK_{name}", value)
        app.config.from_prefixed_env()
    return {name: value for name, value in app.config.items() if name.startswith("CORS_")}


CARRIERS = {
    "docker --env-file": lambda _: Inputs(docker_env_file(text_of("production.env"))),
    "kubectl --from-env-file": lambda _: Inputs(kubectl_env_file(text_of("production.env"))),
    "compose, map": lambda _: Inputs(compose_service(document("compose.yaml")["services"]["shop"], {})),
    "compose, env_file": lambda _: Inputs(
        compose_service(document("compose.yaml")["services"]["shop-from-env-file"], {})
    ),
    "Deployment": lambda folder: Inputs(in_deployment(folder)),
    "systemd": lambda _: Inputs(systemd(text_of("production.env"))),
    "python-dotenv": lambda _: Inputs(python_dotenv(text_of("production.env"))),
    "CORS_ENV_FILE": lambda _: Inputs({"CORS_ENV_FILE": str(EXAMPLE / "production.env")}),
    "sh": lambda _: Inputs(sh(text_of("production.env"))),
    "from_prefixed_env": lambda _: Inputs({}, config=from_prefixed_env(text_of("production.env"))),
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_every_carrier_delivers_the_same_policy(carrier, tmp_path):
    built = build(CARRIERS[carrier](tmp_path))
    assert built.policy.canonical() == POLICY
    assert (built.environment.name, built.warnings, built.notes) == ("production", (), ())


def test_the_links_of_a_service_that_is_called_cors_are_no_settings(tmp_path):
    links = {
        "CORS_SERVICE_HOST": "10.0.0.7",
        "CORS_SERVICE_PORT": "8000",
        "CORS_SERVICE_PORT_HTTP": "8000",
        "CORS_PORT": "tcp://10.0.0.7:8000",
        "CORS_PORT_8000_TCP": "tcp://10.0.0.7:8000",
        "CORS_PORT_8000_TCP_ADDR": "10.0.0.7",
        "CORS_PORT_8000_TCP_PORT": "8000",
        "CORS_PORT_8000_TCP_PROTO": "tcp",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    }
    built = build(Inputs(in_deployment(tmp_path) | links))
    assert (built.policy.canonical(), built.warnings, built.notes) == (POLICY, (), ())


def test_staging_is_the_same_file_with_its_overlay(tmp_path):
    staging = build(Inputs(in_deployment(tmp_path) | {"CORS_ENV": "staging"})).policy
    assert staging.canonical() == policy("staging", origins=["https://shop.staging.example.com"], max_age=60)


# One list in the spellings that people use, by every carrier.

BOTH = f"{SHOP},{PREVIEW}"
ARRAY = f'["{SHOP}","{PREVIEW}"]'
BARE = f"[{SHOP},{PREVIEW}]"
NAME = "CORS_ORIGINS"

TWO = {"origins": [PREVIEW, SHOP], "notes": []}
ONE = {"origins": [SHOP], "notes": []}
NOBODY = {"origins": [], "notes": []}
BLANK = {"origins": [], "notes": ["blank"]}
COMMENT = {"errors": ["inline-comment"]}

SPELLINGS = [
    # carrier, what is written, what is delivered, what it means
    (docker_env_file, f'{NAME}="{BOTH}"', f'"{BOTH}"', TWO),
    (docker_env_file, f"{NAME}='{ARRAY}'", f"'{ARRAY}'", TWO),
    (docker_env_file, f'{NAME}="{SHOP}", "{PREVIEW}"', f'"{SHOP}", "{PREVIEW}"', TWO),
    (docker_env_file, f"{NAME}=  {SHOP}  {PREVIEW}  ", f"  {SHOP}  {PREVIEW}  ", TWO),
    (docker_env_file, f"{NAME}={SHOP} # the shop", f"{SHOP} # the shop", COMMENT),
    (docker_env_file, f'{NAME}="{SHOP}" #the shop', f'"{SHOP}" #the shop', COMMENT),
    (docker_env_file, f"{NAME}=", "", BLANK),
    (docker_env_file, f'{NAME}=""', '""', BLANK),
    (docker_env_file, f"{NAME}=none", "none", NOBODY),
    (kubectl_env_file, f"{NAME}={ARRAY}", ARRAY, TWO),
    (kubectl_env_file, f"{NAME}={SHOP} # the shop", f"{SHOP} # the shop", COMMENT),
    (compose, f"environment: {{{NAME}: '{BOTH}'}}", BOTH, TWO),
    (compose, f"environment: {{{NAME}: '{ARRAY}'}}", ARRAY, TWO),
    (compose, f"environment:\n  {NAME}: |\n    {SHOP}\n    {PREVIEW}\n", f"{SHOP}\n{PREVIEW}\n", TWO),
    (compose, f"environment:\n  {NAME}: {SHOP} # the shop\n", SHOP, ONE),
    (compose, f"environment: ['{NAME}=\"{BOTH}\"']", f'"{BOTH}"', TWO),
    (compose, f"environment: {{{NAME}: '${{UNSET}}'}}", "", BLANK),
    (compose, f"environment: {{{NAME}: '{SHOP},${{UNSET}}'}}", f"{SHOP},", ONE),
    (compose, f"environment: {{{NAME}: '${{UNSET:-{SHOP}}}'}}", SHOP, ONE),
    (compose_env_file, f'{NAME}="{BOTH}" # both', BOTH, TWO),
    (compose_env_file, f"{NAME}={SHOP} # the shop", SHOP, ONE),
    (compose_env_file, f'{NAME}="{SHOP}\n{PREVIEW}"', f"{SHOP}\n{PREVIEW}", TWO),
    (compose_env_file, f"{NAME}=${{UNSET}}", "", BLANK),
    (manifest, f'env: [{{name: {NAME}, value: "{BOTH}"}}]', BOTH, TWO),
    (manifest, f"env: [{{name: {NAME}, value: '\"{BOTH}\"'}}]", f'"{BOTH}"', TWO),
    (manifest, f"env:\n- name: {NAME}\n  value: |-\n    {SHOP}\n    {PREVIEW}\n", f"{SHOP}\n{PREVIEW}", TWO),
    (
        manifest,
        f"env: [{{name: H, value: shop.example.com}}, {{name: {NAME}, value: https://$(H)}}]",
        SHOP,
        ONE,
    ),
    (systemd, f'{NAME}="{BOTH}"', BOTH, TWO),
    (systemd, f"{NAME}='{ARRAY}'", ARRAY, TWO),
    (systemd, f"{NAME}={ARRAY}", ARRAY, TWO),
    (systemd, f"{NAME}={SHOP},\\\n{PREVIEW}", BOTH, TWO),
    (systemd, f'{NAME}="{SHOP}\n{PREVIEW}"', f"{SHOP}\n{PREVIEW}", TWO),
    (systemd, f"{NAME}=https://shop\\.example\\.com", SHOP, ONE),
    (systemd, f"{NAME}={SHOP} # the shop", f"{SHOP} # the shop", COMMENT),
    (python_dotenv, f"{NAME}='{ARRAY}'", ARRAY, TWO),
    (python_dotenv, f"{NAME}={SHOP} # the shop", SHOP, ONE),
    (python_dotenv, f"{NAME}='${{UNSET}}'", "", BLANK),
    (python_dotenv, f'{NAME}="["{SHOP}"]"', None, NOBODY),
    (sh, f"{NAME}={ARRAY}", BARE, TWO),
    (sh, f"{NAME}='{SHOP}\n{PREVIEW}'", f"{SHOP}\n{PREVIEW}", TWO),
    (sh, f"{NAME}={SHOP} # the shop", SHOP, ONE),
    (sh, f'{NAME}="$UNSET"', "", BLANK),
    (dashboard, f"{NAME}={SHOP}\r\n{PREVIEW}\r\n", f"{SHOP}\r\n{PREVIEW}\r\n", TWO),
    (dashboard, f"{NAME}=\"['{SHOP}', '{PREVIEW}']\"", f"\"['{SHOP}', '{PREVIEW}']\"", TWO),
    (dashboard, f"{NAME}= \t", " \t", BLANK),
]


def meaning(environ):
    """The origins that get in and the notes' codes, or the codes of the errors."""
    try:
        built = build(Inputs({"CORS_ENV": "production", **environ}))
    except CORSConfigError as error:
        return {"errors": [problem.code for problem in error.problems]}
    (resource,) = built.policy.resources
    return {
        "origins": sorted(pattern.text for pattern in resource.origins),
        "notes": [note.code for note in built.notes],
    }


@pytest.mark.parametrize(("carrier", "written", "delivered", "means"), SPELLINGS)
def test_a_list_means_what_was_written_or_is_refused(carrier, written, delivered, means):
    found = carrier(written)
    assert found.get(NAME) == delivered
    assert meaning(found) == means


LITERAL = [
    # carrier, what is written, what is delivered
    (docker_env_file, f"{NAME}=${{SHOP}}", "${SHOP}"),
    (compose, f"environment: {{{NAME}: '$${{SHOP}}'}}", "${SHOP}"),
    (compose_env_file, f"{NAME}='${{SHOP}}'", "${SHOP}"),
    (manifest, f"env: [{{name: {NAME}, value: $(H)}}]", "$(H)"),
]


@pytest.mark.parametrize(("carrier", "written", "delivered"), LITERAL)
def test_a_variable_that_a_carrier_leaves_as_it_is_is_refused(carrier, written, delivered):
    environ = carrier(written)
    with pytest.raises(CORSConfigError) as raised:
        build(Inputs({"CORS_ENV": "production", **environ}))
    assert [(p.variable, p.value) for p in raised.value.problems] == [(NAME, delivered)]


def test_a_line_that_python_dotenv_loses_is_an_error_where_we_read_the_file(tmp_path):
    (tmp_path / "shop.env").write_text(f'{NAME}="["{SHOP}"]"\n')
    assert meaning({"CORS_ENV_FILE": str(tmp_path / "shop.env")}) == {"errors": ["line-unreadable"]}


# The files fit together.


def instructions(word):
    """The arguments of the Dockerfile's instructions of that name."""
    lines = text_of("Dockerfile").splitlines()
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


def image_environment():
    return dict(pair.split("=", 1) for line in instructions("ENV") for pair in shlex.split(line))


def test_the_image_runs_as_a_number_that_is_not_root_and_holds_no_policy():
    assert instructions("FROM") == ["python:3.13-slim"]
    assert int(instructions("USER")[-1]) > 0
    assert not [name for name in image_environment() if name.startswith("CORS_")]
    assert [json.loads(line) for line in instructions("ENTRYPOINT")] == [["sh", "entrypoint.sh"]]
    assert instructions("CMD") == []


def test_the_configmap_holds_the_policy_file_and_is_mounted_as_a_directory():
    configmap = document("kubernetes/configmap.yaml")
    assert configmap["data"] == {"cors.toml": text_of("cors.toml")}
    spec = document("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    assert spec["volumes"] == [{"name": "cors", "configMap": {"name": configmap["metadata"]["name"]}}]
    assert container()["volumeMounts"] == [{"name": "cors", "mountPath": MOUNT, "readOnly": True}]
    environ = manifest(yaml.safe_dump({"env": container()["env"]}))
    assert environ["CORS_CONFIG_FILE"] == f"{MOUNT}/cors.toml"


def test_a_pod_is_ready_when_the_entrypoint_has_checked_and_gunicorn_answers():
    port = int(image_environment()["PORT"])
    assert container()["readinessProbe"]["httpGet"] == {"path": "/health", "port": port}
    assert container()["ports"] == [{"containerPort": port}]
    assert not {"command", "args"} & set(container())
    assert {"name": "PORT", "value": str(port)} in container()["env"]


def test_the_unit_reads_the_env_file_and_starts_the_entrypoint():
    unit = dict(
        line.split("=", 1) for line in text_of("shop.service").splitlines() if re.match(r"\w+=", line)
    )
    folder = unit["WorkingDirectory"]
    assert (unit["EnvironmentFile"], unit["ExecStart"]) == (
        f"{folder}/production.env",
        "/bin/sh entrypoint.sh",
    )


# The example itself, started by the image's entrypoint.


def image(folder):
    """The image's working directory, as the Dockerfile's last COPY fills it; how a container of it starts."""
    *sources, _ = instructions("COPY")[-1].split()
    for source in sources:
        shutil.copy(ROOT / source, folder)
    (entrypoint,) = instructions("ENTRYPOINT")
    return json.loads(entrypoint)


def host(folder):
    """What a container has beside its own variables: where the programs are."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    return {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT), **image_environment()}


class Pod:
    """The example as the Deployment starts it, with one worker, on a free port, and a shorter period."""

    def __init__(self, folder):
        self.mounted = folder / "mounted"
        self.stdout = folder / "stdout.log"
        # standard error alone is the group's output
        command = ["sh", "-c", f'exec "$@" >{shlex.quote(self.stdout.name)}', "sh", *image(folder)]
        ours = {"PORT": "0", "WEB_CONCURRENCY": "1", "CORS_RELOAD": "1s"}
        self._group = ProcessGroup(command, folder, host(folder) | in_deployment(self.mounted) | ours)
        self.end = self._group.end

    def wait(self):
        self._port = int(self._group.wait_for_output(r"Listening at: http://0\.0\.0\.0:(\d+)"))
        return self

    def ask(self, method, path, **headers):
        """The status, and those fields of the response that are of CORS."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        response.read()
        connection.close()
        ours = {n: v for n, v in response.getheaders() if n.startswith("Access-Control-") or n == "Vary"}
        return response.status, ours

    def preflight(self, origin, method="PUT"):
        return self.ask("OPTIONS", "/api/items/1", Origin=origin, Access_Control_Request_Method=method)

    def events(self, name):
        lines = self._group.output.splitlines()
        found = [json.loads(line) for line in lines if line.startswith('{"cors.schema"')]
        return [event for event in found if event["event"] == name]

    def publish(self, text):
        """Apply a ConfigMap with that policy file, and ask until an event tells of it."""
        before = self._told()
        mount(self.mounted, {"cors.toml": text})
        deadline = time.monotonic() + 10
        while self._told() == before and time.monotonic() < deadline:
            self.preflight(SHOP)
            time.sleep(0.05)

    def _told(self):
        return len(self.events("cors.policy.changed")) + len(self.events("cors.policy.rejected"))


@pytest.fixture(scope="module")
def pod(tmp_path_factory):
    started = Pod(tmp_path_factory.mktemp("pod"))
    try:
        yield started.wait()
    finally:
        started.end()


VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


def test_a_pod_answers_an_allowed_preflight_and_refuses_the_other(pod):
    assert pod.preflight(SHOP) == (
        204,
        {
            "Access-Control-Allow-Origin": SHOP,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT",
            "Access-Control-Allow-Headers": "Content-Type, X-Api-Key",
            "Access-Control-Max-Age": "600",
            "Vary": VARY,
        },
    )
    assert pod.preflight(EVIL) == (403, {"Vary": VARY})


def test_the_probes_path_has_no_fields_of_cors_and_the_feed_is_everyones(pod):
    assert pod.ask("GET", "/health", Origin=SHOP) == (200, {})
    public = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "X-Total-Count"}
    assert pod.ask("GET", "/feed.json", Origin=EVIL) == (200, public)


def test_the_audit_log_is_on_standard_error_and_accesses_are_on_standard_output(pod):
    pod.preflight("https://once.example.net")
    (event,) = [e for e in pod.events("cors.decision") if e["cors.origin"] == "https://once.example.net"]
    told = ("cors.decision", "cors.reason", "cors.resource", "service.name", "deployment.environment.name")
    assert [event[name] for name in told] == ["deny", "origin_not_listed", "api", "shop", "production"]
    (loaded,) = pod.events("cors.policy.loaded")[:1]
    assert json.loads(loaded["cors.policy.document"]) == POLICY
    accesses = pod.stdout.read_text()
    assert "OPTIONS /api/items/1" in accesses
    assert "cors.schema" not in accesses


def test_a_configmap_that_is_swapped_is_picked_up_and_a_broken_one_is_not(pod):
    text = text_of("cors.toml")
    pod.publish(text.replace(SHOP, OTHER))
    assert [pod.preflight(origin)[0] for origin in (SHOP, OTHER)] == [403, 204]
    pod.publish(text.replace(SHOP, f"{OTHER}/"))
    assert [pod.preflight(origin)[0] for origin in (SHOP, OTHER)] == [403, 204]
    pod.publish(text)
    assert [pod.preflight(origin)[0] for origin in (SHOP, OTHER)] == [204, 403]
    told = [(e["cors.policy.added"], e["cors.policy.removed"]) for e in pod.events("cors.policy.changed")]
    there, back = f"api.origins={OTHER}", f"api.origins={SHOP}"
    assert told == [(there, back), (back, there)]
    assert [e["error.type"] for e in pod.events("cors.policy.rejected")] == ["origin-has-path"]


def test_a_bad_policy_ends_the_container_with_every_problem_and_without_a_server(tmp_path):
    bad = {
        "CORS_ORIGINS": f"{SHOP}/ http://old.example.com",
        "CORS_MAX_AGE": "soon # 10m",
        "CORS_ORIGNS": SHOP,
    }
    environ = host(tmp_path) | docker_env_file(text_of("production.env")) | bad
    ran = subprocess.run(
        image(tmp_path), cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert sorted(re.findall(r"^  (\w+)  in .*\[(.+)\]$", ran.stderr, re.MULTILINE)) == [
        ("CORS_MAX_AGE", "not-a-duration"),
        ("CORS_ORIGINS", "http"),
        ("CORS_ORIGINS", "origin-has-path"),
        ("CORS_ORIGNS", "variable-unknown"),
    ]
    assert "gunicorn" not in ran.stderr
