"""A remedy that is followed allows the request and refuses nobody, or says that nothing can allow it."""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flask_cors_env import CORSConfigError
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.core.decision import decide
from flask_cors_env.core.reason import Note, Verdict
from flask_cors_env.core.request import page_requests

CALL = "the arguments of CORS()"
ORIGINS = [
    "https://a.example", "https://b.example:8443", "http://c.example", "http://localhost:3000", "http://127.0.0.1:1",
    "null", "capacitor://localhost", "https://x.sub.example", "https://1.2.3", "moz-extension://0a",
]  # fmt: skip
METHODS = ["GET", "PUT", "DELETE", "patch", "PURGE", "none", "auto"]
NAMES = ["x-a", "x-team-b", "authorization", "content-type", "none", "x.*", "#x", "cookie"]
PATHS = ["/api/items", "/feed", "/else"]
LISTS = {
    "ORIGINS": [
        [],
        ["https://a.example"],
        ["https://b.example:8443", "https://*.sub.example"],
        ["http://c.example"],
    ],
    "METHODS": [[], ["PUT"], ["DELETE", "PATCH"]],
    "ALLOW_HEADERS": [[], ["X-A"], ["x-team-*"], ["*"]],
    "EXPOSE_HEADERS": [["*"], ["X-Total"]],
}
FLAGS = {"ALLOW_CREDENTIALS": [True, False], "ENABLED": [True, False], "ENFORCE": [True]}
RESOURCES = {"API": "/api/*", "FEED": "/feed"}

tables = st.fixed_dictionaries({}, optional={name: st.sampled_from(v) for name, v in (LISTS | FLAGS).items()})
layer = st.fixed_dictionaries({"": tables}, optional=dict.fromkeys(RESOURCES, tables))
layers = st.fixed_dictionaries({}, optional=dict.fromkeys(("environ", "config", "file", "arguments"), layer))
paths = st.sampled_from([(), ("API",), ("API", "FEED")])
requests = st.builds(
    lambda origin, method, path, names, credentialed: page_requests(
        origin, method, path, names, credentialed=credentialed
    )[0],
    st.sampled_from(ORIGINS), st.sampled_from(METHODS), st.sampled_from(PATHS),
    st.lists(st.sampled_from(NAMES), max_size=2), st.booleans(),
)  # fmt: skip


class Configuration:
    """The settings of every layer, by (layer, resource, setting), and what they are built from."""

    def __init__(self, environment, resources, layers):
        self.environment = environment
        self.values = {
            (where, resource, name): value
            for where, tables in layers.items()
            for resource, table in tables.items()
            if not resource or resource in resources
            for name, value in table.items()
        }
        self.values |= {("environ", name, "PATH"): [RESOURCES[name]] for name in resources}

    def build(self, folder):
        file = Path(folder) / "cors.toml"
        self.lines = list(self._lines())
        file.write_text("\n".join(line for line, _ in self.lines) + "\n")
        named = {} if self.environment is None else {"CORS_ENV": self.environment}
        return build(
            Inputs(
                environ={**named, **self._variables("environ"), "CORS_CONFIG_FILE": str(file)},
                config=self._variables("config"),
                arguments=((CALL, self._arguments()),),
                server="",
            )
        )

    def _variables(self, where):
        return {
            f"CORS_RESOURCES__{resource}__{name}" if resource else f"CORS_{name}": written(value)
            for (layer, resource, name), value in self.values.items()
            if layer == where
        }

    def _arguments(self):
        found = {
            name.lower(): v for (layer, r, name), v in self.values.items() if layer == "arguments" and not r
        }
        for resource in RESOURCES:
            own = {n.lower(): v for (w, r, n), v in self.values.items() if (w, r) == ("arguments", resource)}
            if own:
                found.setdefault("resources", {})[resource.lower()] = own
        return found

    def _lines(self):
        for resource in ("", *RESOURCES):
            own = {n: v for (w, r, n), v in self.values.items() if (w, r) == ("file", resource)}
            if own and resource:
                yield f"[resources.{resource.lower()}]", None
            for name, value in own.items():
                yield f"{name.lower()} = {toml(value)}", ("file", resource, name)

    def key(self, place):
        """The layer, resource and setting that a remedy calls *place*."""
        if found := re.fullmatch(r"(\S+) in .*cors\.toml:(\d+)", place):
            return self.lines[int(found[2]) - 1][1]
        if found := re.fullmatch(r"(\S+) of the arguments of CORS\(\)", place):
            resource = re.match(r'resources\["(\w+)"\]\.', found[1])
            return "arguments", resource[1].upper() if resource else "", found[1].rpartition(".")[2].upper()
        found = re.fullmatch(r"CORS_(?:RESOURCES__(.+)__)?([A-Z_]+?)( in app\.config)?", place)
        assert found, place
        return "config" if found[3] else "environ", (found[1] or "").replace("<NAME>", "NEW"), found[2]


def written(value):
    return str(value).lower() if isinstance(value, bool) else ",".join(value) or "none"


def toml(value):
    return str(value).lower() if isinstance(value, bool) else "[" + ", ".join(f'"{v}"' for v in value) + "]"


#: What says that no change of settings allows the request.
IMPOSSIBLE = re.compile(
    r"forbids (?:such an origin|credentials here)|No setting can name|A public resource takes|is auto: let|"
    r"Look at the client|go together|is no wildcard but a header|would inherit what is refused"
)


def named(request, listed):
    """The header names to add: all, or the one that a star in what is *listed* does not cover."""
    names = (request.requested_headers or "").split(",")
    return [name for name in names if name == "authorization" or not re.search(r"(^|[=,])\*", listed)]


def follow(configuration, hint, request):
    """Change *configuration* as *hint* says."""
    names = named(request, hint)
    values = {
        "origin": [request.origin],
        "method": [request.requested_method],
        "names": names,
        "path": [request.path],
    }
    for pattern, change in FOLLOWED.items():
        for found in re.finditer(pattern, hint):
            place, *rest = found.groups()
            key = configuration.key(place)
            before = configuration.values.get(key)
            configuration.values[key] = change(before, rest, values)


FOLLOWED = {
    r"Set ((?:(?! to ).)+) to the (origin|method|names)\.": lambda _, rest, values: values[rest[0]],
    r"Write the whole list, ([^=]+)=(\S*), and add the (origin|method|names)\.": (
        lambda _, rest, values: [*rest[0].split(","), *values[rest[1]]]
    ),
    r"Add a resource for the path: (\S+?)\.(?= |$)": lambda _, __, values: values["path"],
    r"Set (\S+) to true\.": lambda *_: True,
    r"with cookies, set ((?:(?! to ).)+) to [tT]rue\.": lambda *_: True,
}


def _added(configuration, hint, request):
    for found in re.finditer(r"[Aa]dd the (origin|method|names) to (\S.*?)\.(?= |$)", hint):
        values = {"origin": [request.origin], "method": [request.requested_method]}
        key = configuration.key(found[2])
        values["names"] = named(request, ",".join(configuration.values[key]))
        configuration.values[key] = [*configuration.values[key], *values[found[1]]]


EVERY = [
    request
    for origin in ORIGINS
    for path in PATHS
    for method, names in (
        ("GET", ()),
        ("PUT", ()),
        ("DELETE", ("x-a",)),
        ("GET", ("x-team-b", "authorization")),
    )
    for credentialed in (False, True)
    for request in page_requests(origin, method, path, names, credentialed=credentialed)
]


def let_in(policy):
    """Who is allowed what: every request, and whether with credentials."""
    found = {request: decide(policy, request) for request in EVERY}
    return {
        request
        for request, decision in found.items()
        if decision.verdict is Verdict.ALLOW and Note.CREDENTIALS_NOT_ALLOWED not in decision.notes
    }


def is_wanted(decision):
    return decision.verdict is Verdict.DENY or Note.CREDENTIALS_NOT_ALLOWED in decision.notes


@settings(max_examples=1500)
@given(st.sampled_from(["development", "testing", "staging", "production", None]), paths, layers, requests)
def test_a_remedy_that_is_followed_allows_the_request_and_refuses_nobody(
    environment, resources, layers, request
):
    configuration = Configuration(environment, resources, layers)
    with tempfile.TemporaryDirectory() as folder:
        try:
            policy = configuration.build(folder).policy
        except CORSConfigError:
            return
        decision = decide(policy, request)
        if not is_wanted(decision):
            return
        before, hint = let_in(policy), decision.remedy_hint
        event("impossible" if IMPOSSIBLE.search(hint) else f"followed: {decision.reason}")
        assert (environment is None and decision.verdict is Verdict.DENY) == hint.startswith(
            "Nothing names the"
        )
        if IMPOSSIBLE.search(hint):
            return
        _added(configuration, hint, request)
        follow(configuration, hint, request)
        after = configuration.build(folder).policy
        now = decide(after, request)
        assert (now.verdict, Note.CREDENTIALS_NOT_ALLOWED in now.notes) == (Verdict.ALLOW, False) or is_next(
            decision, now
        ), (hint, now)
        assert before <= let_in(after)


def is_next(before, now):
    """Whether a denial was cured and the cookies are what is left: one remedy is told at a time."""
    return before.verdict is Verdict.DENY and now.verdict is Verdict.ALLOW


FALLBACK = (
    "Nothing names the environment: on your own machine, set CORS_ENV=development or run flask run --debug."
)


def hint_of(environ, request, **given):
    return decide(build(Inputs(environ, server="", **given)).policy, request).remedy


@pytest.mark.parametrize(
    ("environ", "given", "origin", "variable", "hint"),
    [
        (
            {"CORS_ENV": "production", "CORS_ORIGINS": "https://a.example"},
            {},
            "http://localhost:3000",
            None,
            "Production forbids such an origin (rule loopback): ",
        ),
        (
            {"CORS_ENV": "production", "CORS_ORIGINS": "https://a.example"},
            {},
            "http://a.example",
            None,
            "Production forbids such an origin (rule http): ",
        ),
        (
            {"CORS_ENV": "staging", "CORS_ORIGINS": "https://a.example"},
            {},
            "http://a.example",
            "CORS_ORIGINS",
            "Add the origin to CORS_ORIGINS.",
        ),
        (
            {"CORS_ENV": "production"},
            {"config": {"CORS_ORIGINS": "https://a.example"}},
            "https://b.example",
            None,
            "Add the origin to CORS_ORIGINS in app.config.",
        ),
        (
            {"CORS_ENV": "production", "CORS_ORIGINS": "none"},
            {},
            "https://b.example",
            "CORS_ORIGINS",
            "Set CORS_ORIGINS to the origin.",
        ),
        (
            {"CORS_ORIGINS": "https://a.example"},
            {},
            "https://b.example",
            "CORS_ORIGINS",
            f"{FALLBACK} Add the origin to CORS_ORIGINS.",
        ),
    ],
)
def test_a_remedy_names_the_place_or_what_forbids_the_change(environ, given, origin, variable, hint):
    found = hint_of(environ, page_requests(origin, "GET", "/")[0], **given)
    assert (found.variable, found.hint[: len(hint)]) == (variable, hint)


@pytest.mark.parametrize(
    ("environ", "hint"),
    [
        ({"CORS_ORIGINS": "https://a.example"}, "set CORS_ALLOW_CREDENTIALS to true."),
        (
            {"CORS_ORIGINS": "https://a.example", "CORS_RESOURCES__API__PATH": "/*"},
            "set CORS_RESOURCES__API__ALLOW_CREDENTIALS to true.",
        ),
        (
            {"CORS_RESOURCES__API__PATH": "/*", "CORS_RESOURCES__API__PUBLIC": "true"},
            "A public resource takes",
        ),
        (
            {"CORS_ORIGINS": "https://a.example", "CORS_EXPOSE_HEADERS": "*"},
            "Change CORS_EXPOSE_HEADERS first",
        ),
        (
            {"CORS_ORIGINS": "https://a.example", "CORS_ALLOW_HEADERS": "*"},
            "forbids credentials here (rule headers)",
        ),
    ],
)
def test_cookies_that_are_not_allowed_have_a_remedy_too(environ, hint):
    (request,) = page_requests("https://a.example", "GET", "/", credentialed=True)
    decision = decide(build(Inputs({"CORS_ENV": "production", **environ})).policy, request)
    assert (decision.notes, hint in decision.remedy_hint) == ((Note.CREDENTIALS_NOT_ALLOWED,), True)
