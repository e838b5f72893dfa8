"""Events go where the app's own logging goes, and look the same on every way there."""

import io
import json
import logging
import logging.config

import pytest
import structlog
from apps import APP, EVIL, events, make, preflight, valid
from flask import Flask
from pythonjsonlogger.json import JsonFormatter
from structlog.testing import capture_logs

from flask_cors_env import CORS, cors_decided

AUTO = {"CORS_AUDIT_SINK": "auto"}
HOSTILE = [
    "\r\n",
    "\x1b[2J",
    "\0",
    "\x85",
    "\u2028",
    "\ud800",
    "\\",
    '"',
    "\xff",
    "x" * 10_000,
    "%0a",
    "= {}",
]


#: What a client controls of a WSGI environ.
CONTROLLED = (
    "PATH_INFO HTTP_ORIGIN HTTP_HOST HTTP_USER_AGENT REQUEST_METHOD HTTP_SEC_FETCH_SITE HTTP_TRACEPARENT "
    "HTTP_COOKIE QUERY_STRING REMOTE_ADDR HTTP_ACCESS_CONTROL_REQUEST_METHOD "
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS"
).split()


def plain(stream):
    logging.basicConfig(stream=stream, format="%(message)s")


def by_dict(stream, **formatter):
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": True,
            "formatters": {"f": formatter or {"format": "%(message)s"}},
            "handlers": {"h": {"class": "logging.StreamHandler", "stream": stream, "formatter": "f"}},
            "root": {"handlers": ["h"], "level": "WARNING"},
        }
    )


def by_json_logger(stream):
    by_dict(stream, **{"()": JsonFormatter})


def by_structlog(stream, renderer):
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )


def by_structlog_json(stream):
    by_structlog(stream, structlog.processors.JSONRenderer())


def by_structlog_console(stream):
    by_structlog(stream, structlog.dev.ConsoleRenderer(colors=False))


def by_structlog_logfmt(stream):
    by_structlog(stream, structlog.processors.LogfmtRenderer())


def by_processor_formatter(stream):
    formatter = structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


JSON_PIPELINES = [plain, by_dict, by_json_logger, by_structlog_json, by_processor_formatter]
PIPELINES = [*JSON_PIPELINES, by_structlog_console, by_structlog_logfmt]
ROUTE = {plain: "logging", by_dict: "logging", by_json_logger: "logging"}


def bind(app, **values):
    @app.before_request
    def bound():
        structlog.contextvars.bind_contextvars(**values)


def asked(**settings):
    app, _ = make(AUTO, ORIGINS=APP, **settings)
    client = app.test_client()
    client.get("/items", headers={"Origin": APP})
    preflight(client, origin=EVIL)
    return app


@pytest.mark.parametrize("pipeline", JSON_PIPELINES)
def test_allow_and_deny_go_through_the_apps_pipeline_with_every_field(pipeline, capfd):
    stream = io.StringIO()
    pipeline(stream)
    asked()
    loaded, allow, deny = [json.loads(line) for line in stream.getvalue().splitlines()]
    for event in (loaded, allow, deny):
        event.pop("message", None)
        valid(event)
    assert loaded["cors.audit.route"] == ROUTE.get(pipeline, "structlog")
    assert loaded["cors.audit.guarantee"] == "app"
    assert "cors.audit.suppressed" not in loaded
    assert (allow["level"], allow["cors.reason"], allow["http.route"]) == ("info", "origin_exact", "/items")
    assert (deny["level"], deny["cors.reason"]) == ("warning", "origin_not_listed")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pipeline", [by_structlog_console, by_structlog_logfmt])
def test_renderers_for_people_get_one_line_an_event(pipeline):
    stream = io.StringIO()
    pipeline(stream)
    asked()
    _, allow, deny = stream.getvalue().splitlines()
    assert "origin_exact" in allow
    assert "Add the origin to CORS_ORIGINS." in deny


def test_where_nothing_is_configured_it_is_our_own_line(capfd):
    asked()
    loaded, allow, deny = [valid(json.loads(line)) for line in capfd.readouterr().err.splitlines()]
    assert (loaded["cors.audit.route"], loaded["cors.audit.guarantee"]) == ("own", "own")
    assert (allow["cors.decision"], deny["cors.decision"]) == ("allow", "deny")


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("pipeline", [None, *PIPELINES])
def test_nothing_a_client_sends_breaks_a_line(pipeline, value, capfd):
    stream = io.StringIO()
    if pipeline is not None:
        pipeline(stream)
    app, _ = make(AUTO, ORIGINS=APP, AUDIT_PATH="on")
    bind(app, request_id=value)
    wire = value.encode("utf-8", "replace").decode("latin-1")
    hostile = dict.fromkeys(CONTROLLED, wire)
    for method in ({"REQUEST_METHOD": "OPTIONS"}, {"REQUEST_METHOD": "GET"}):
        environ = {**app.test_request_context("/items").request.environ, **hostile, **method}
        b"".join(app.wsgi_app(environ, lambda *_: None))
    text = stream.getvalue() or capfd.readouterr().err
    lines = text.splitlines()
    assert len(lines) == 3
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert text.count("\n") == 3


@pytest.mark.parametrize("pipeline", [None, *PIPELINES])
def test_captured_logs_have_the_events_whatever_is_configured(pipeline):
    if pipeline is not None:
        pipeline(io.StringIO())
    for sink in ("auto", "stderr"):
        app, _ = make({"CORS_AUDIT_SINK": sink}, ORIGINS=APP)
        with capture_logs() as logs:
            app.test_client().get("/items", headers={"Origin": APP})
        assert [entry["event"] for entry in logs] == ["cors.policy.loaded", "cors.decision"]
        assert (logs[1]["log_level"], logs[1]["cors.origin"]) == ("info", APP)


def test_after_a_capture_it_is_our_own_line_again(capfd):
    with capture_logs():
        pass
    asked()
    assert len(events(capfd.readouterr().err)) == 2


@pytest.mark.parametrize("pipeline", [None, *JSON_PIPELINES])
def test_what_the_app_binds_is_in_its_requests_events_and_never_in_a_preflights(pipeline, capfd):
    stream = io.StringIO()
    if pipeline is not None:
        pipeline(stream)
    app, _ = make(AUTO, ORIGINS=APP)
    bound = {"request_id": "r-7", "cors.decision": "forged", "url.path": "/secret", "client": {"a": "\x1b"}}
    bind(app, **bound)
    client = app.test_client()
    client.get("/items", headers={"Origin": APP})
    assert structlog.contextvars.get_contextvars()["request_id"] == "r-7"
    preflight(client)
    client.get("/items", headers={"Origin": EVIL})
    lines = [json.loads(line) for line in (stream.getvalue() or capfd.readouterr().err).splitlines()]
    allowed, preflighted, denied = lines[1:]
    assert (allowed["request_id"], allowed["client"]) == ("r-7", "{'a': '\\\\x1b'}")
    assert (allowed["cors.decision"], denied["request_id"]) == ("allow", "r-7")
    assert "request_id" not in preflighted
    assert not any("secret" in str(line) for line in (allowed, preflighted, denied))


@pytest.mark.parametrize("pipeline", [None, *JSON_PIPELINES])
def test_numbers_that_an_app_binds_are_numbers_as_far_as_json_has_them(pipeline, capfd):
    stream = io.StringIO()
    if pipeline is not None:
        pipeline(stream)
    app, _ = make(AUTO, ORIGINS=APP)
    bind(app, whole=2**63 - 1, great=2**63, odd=float("nan"), part=1e300, endless=10**5000)
    assert app.test_client().get("/items", headers={"Origin": APP}).status_code == 200
    event = json.loads((stream.getvalue() or capfd.readouterr().err).splitlines()[-1])
    told = {"whole": 2**63 - 1, "great": "9223372036854775808", "odd": "nan", "part": 1e300, "endless": "?"}
    assert {name: event[name] for name in told} == told


@pytest.mark.parametrize("pipeline", [by_structlog_json, by_processor_formatter])
def test_an_event_that_the_apps_chain_drops_is_a_loss_and_the_request_is_answered(pipeline):
    def drop(_logger, _level, event):
        if event.get("cors.decision") == "deny":
            raise structlog.DropEvent
        return event

    stream = io.StringIO()
    pipeline(stream)
    chain = structlog.get_config()["processors"]
    structlog.configure(processors=[drop, *chain])
    app, _ = make(AUTO, ORIGINS=APP)
    client = app.test_client()
    for origin in (EVIL, APP):
        assert client.get("/items", headers={"Origin": origin}).status_code == 200
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines[-2:]] == ["cors.decision", "cors.audit.gap"]
    assert lines[-1]["error.type"] == "DropEvent"


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("field", "ids"),
    [
        (f"00-{TRACE}-{SPAN}-01", (TRACE, SPAN)),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-adds", (TRACE, SPAN)),
        (f"00-{TRACE}-{SPAN}-01-more", (None, None)),
        (f"ff-{TRACE}-{SPAN}-01", (None, None)),
        (f"00-{TRACE.upper()}-{SPAN}-01", (None, None)),
        (f"00-{'0' * 32}-{SPAN}-01", (None, None)),
        (f"00-{TRACE}-{'0' * 16}-01", (None, None)),
        (f"00-{TRACE}-{SPAN}-01\n", (None, None)),
        (f"00-{TRACE}-{SPAN}", (None, None)),
        ("", (None, None)),
    ],
)
def test_a_traceparent_is_taken_if_it_is_one(field, ids, capfd):
    app, _ = make(AUTO, ORIGINS=APP)
    overrides = {"HTTP_TRACEPARENT": field}
    app.test_client().get("/items", headers={"Origin": APP}, environ_overrides=overrides)
    (event,) = events(capfd.readouterr().err)
    assert (event.get("trace_id"), event.get("span_id")) == ids


def test_an_active_span_is_stronger_than_the_callers(capfd):
    from opentelemetry import trace

    app, _ = make(AUTO, ORIGINS=APP)
    context = trace.SpanContext(0xA, 0xB, is_remote=False)
    headers = {"Origin": APP, "traceparent": f"00-{TRACE}-{SPAN}-01"}
    with trace.use_span(trace.NonRecordingSpan(context)):
        app.test_client().get("/items", headers=headers)
    (event,) = events(capfd.readouterr().err)
    assert (event["trace_id"], event["span_id"]) == (f"{10:032x}", f"{11:016x}")


def test_a_level_that_drops_allows_is_obeyed_told_and_leaves_no_hole():
    stream = io.StringIO()
    plain(stream)
    logging.getLogger("flask_cors_env.audit").setLevel(logging.WARNING)
    asked()
    loaded, deny = [valid(json.loads(line)) for line in stream.getvalue().splitlines()]
    assert (loaded["level"], loaded["cors.audit.suppressed"]) == ("warning", "info")
    assert [event["log.record.uid"].partition("-")[2] for event in (loaded, deny)] == ["1", "2"]


def test_a_handler_that_drops_allows_is_told_too():
    stream = io.StringIO()
    plain(stream)
    logging.getLogger().handlers[0].setLevel(logging.WARNING)
    asked()
    loaded, _ = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert loaded["cors.audit.suppressed"] == "info"


def test_a_level_of_the_structlog_logger_is_told():
    stream = io.StringIO()
    by_processor_formatter(stream)
    logging.getLogger("flask_cors_env.audit").setLevel(logging.ERROR)
    asked()
    (loaded,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (loaded["level"], loaded["cors.audit.suppressed"]) == ("error", "info,warning")


def test_a_logger_that_was_disabled_is_no_way_out_so_it_is_our_own_line(capfd):
    stream = io.StringIO()
    logging.getLogger("flask_cors_env.audit")
    by_dict(stream)
    assert logging.getLogger("flask_cors_env.audit").disabled
    asked()
    assert len(events(capfd.readouterr().err)) == 2
    assert stream.getvalue() == ""


def test_sink_app_never_writes_a_line_of_our_own(capfd):
    app, _ = make({"CORS_AUDIT_SINK": "app"}, ORIGINS=APP)
    app.test_client().get("/items", headers={"Origin": APP})
    preflight(app.test_client(), origin=EVIL)
    loaded, deny = [json.loads(line) for line in capfd.readouterr().err.splitlines()]  # the last resort's
    assert (loaded["cors.audit.route"], loaded["cors.audit.suppressed"]) == ("logging", "info")
    assert deny["cors.decision"] == "deny"


@pytest.mark.parametrize(
    ("settings", "decisions"),
    [
        ({}, ["allow", "deny"]),
        ({"AUDIT": "off"}, []),
        ({"AUDIT_LEVEL": "deny"}, ["deny"]),
        ({"AUDIT_LEVEL": "all"}, ["allow", "deny", "skip", "skip"]),
        ({"AUDIT_LEVEL": "all", "AUDIT": "off"}, []),
    ],
)
def test_audit_and_its_level_choose_what_is_written_and_the_policy_always_is(settings, decisions, capfd):
    app = asked(**settings)
    app.test_client().get("/items")
    app.test_client().post("/items", headers={"Origin": "http://localhost"})
    text = capfd.readouterr().err
    assert [event["cors.decision"] for event in events(text)] == decisions
    (loaded,) = events(text, "cors.policy.loaded")
    assert loaded["cors.audit.enabled"] is (settings.get("AUDIT") != "off")


def test_level_all_tells_a_request_without_an_origin_and_changes_no_response(capfd):
    for level in ("decision", "all"):
        app, _ = make(AUTO, ORIGINS=APP, AUDIT_LEVEL=level)
        response = app.test_client().get("/items")
        assert (response.status_code, response.headers["Vary"]) == (200, "Origin")
        assert "Access-Control-Allow-Origin" not in response.headers
    (event,) = events(capfd.readouterr().err)
    assert (event["cors.reason"], event["cors.request.kind"]) == ("no_origin", "none")
    assert "cors.origin" not in event


@pytest.mark.parametrize(
    ("client", "address", "told"),
    [
        ("truncate", "203.0.113.77", "203.0.113.0"),
        ("full", "203.0.113.77", "203.0.113.77"),
        ("full", "2001:db8::5%eth0", "2001:db8::5"),
        ("full", "unix:", None),
        ("off", "203.0.113.77", None),
    ],
)
def test_of_a_client_as_much_is_told_as_is_asked_for(client, address, told, capfd):
    app, _ = make(AUTO, ORIGINS=APP, AUDIT_CLIENT=client)
    headers = {"Origin": APP, "Cookie": "s=s3cret", "Authorization": "s3cret", "User-Agent": "s3cret"}
    overrides = {"REMOTE_ADDR": address}
    app.test_client().get("/items?s3cret", headers=headers, environ_overrides=overrides)
    text = capfd.readouterr().err
    assert events(text)[0].get("client.address") == told
    assert "s3cret" not in text


def test_path_and_user_agent_are_told_where_that_is_switched_on(capfd):
    app, _ = make(AUTO, ORIGINS=APP, AUDIT_PATH="on")
    app.test_client().get("/items?q=s3cret", headers={"Origin": APP, "User-Agent": "Mozilla/5.0"})
    text = capfd.readouterr().err
    assert (events(text)[0]["url.path"], events(text)[0]["user_agent.original"]) == ("/items", "Mozilla/5.0")
    assert "s3cret" not in text


def test_the_console_line_is_for_people_and_names_the_remedy(capfd):
    asked(AUDIT_FORMAT="console")
    loaded, allow, deny = capfd.readouterr().err.splitlines()
    assert "holds in production because CORS_ENV=production; set: CORS_AUDIT_FORMAT" in loaded
    assert f"CORS info    allow actual GET from {APP}: origin_exact, 200 [" in allow
    assert f"deny preflight PUT from {EVIL}: origin_not_listed, 403" in deny
    assert "Add the origin to CORS_ORIGINS. [" in deny


def test_the_policy_is_told_with_all_that_was_set(capfd):
    settings = {"AUDIT_CLIENT": "off", "UNSAFE_ALLOW": "http", "ORIGINS": "http://app.example.com"}
    app, cors = make(AUTO, **settings)
    cors.exempt(app.view_functions["items"])
    app.test_client().get("/items")
    (loaded,) = events(capfd.readouterr().err, "cors.policy.loaded")
    told = {
        name: loaded[name] for name in loaded if name.startswith("cors.") and name != "cors.policy.document"
    }
    assert told == {
        "cors.schema": 1,
        "cors.policy.id": cors.policy(app).id,
        "cors.policy.part": 1,
        "cors.policy.parts": 1,
        "cors.policy.because": "CORS_ENV=production",
        "cors.policy.warnings": "http",
        "cors.policy.env": "CORS_AUDIT_CLIENT,CORS_AUDIT_SINK,CORS_ENV,CORS_ORIGINS,CORS_UNSAFE_ALLOW",
        "cors.policy.unsafe_allow": "http",
        "cors.policy.exempt": "items",
        "cors.audit.enabled": True,
        "cors.audit.level": "decision",
        "cors.audit.format": "json",
        "cors.audit.sink": "auto",
        "cors.audit.client": "off",
        "cors.audit.path": False,
        "cors.audit.route": "own",
        "cors.audit.guarantee": "own",
    }


def test_the_service_is_named_by_the_environment(capfd):
    named = {"OTEL_RESOURCE_ATTRIBUTES": "service.version=1.4%2B2,service.name=shop-api", **AUTO}
    app, _ = make(named, ORIGINS=APP)
    app.test_client().get("/items", headers={"Origin": APP})
    (event,) = events(capfd.readouterr().err)
    assert (event["service.name"], event["service.version"]) == ("shop-api", "1.4+2")


def test_a_sink_that_cannot_be_written_is_refused_before_the_start_with_all_else_that_is_wrong(tmp_path):
    from flask_cors_env import CORSConfigError

    for path in (tmp_path / "missing" / "log", tmp_path):
        environ = {"CORS_ENV": "production", "CORS_AUDIT_SINK": f"file:{path}", "CORS_MAX_AGE": "soon"}
        with pytest.raises(CORSConfigError) as raised:
            CORS(Flask("shop"), environ=environ)
        assert [(p.code, p.source, p.remedy) for p in raised.value.problems] == [
            ("not-a-duration", "the process environment", "Write: 600, 10m, or 2h"),
            (
                "audit-sink",
                "the process environment",
                "Name a file that the server can write, or: stderr",
            ),
        ]


def test_a_listener_gets_each_decision_with_the_uid_of_its_line(capfd):
    app, _ = make(ORIGINS=APP)
    heard = []
    with cors_decided.connected_to(lambda sender, **told: heard.append((sender, told)), app):
        app.test_client().get("/items", headers={"Origin": APP})
        preflight(app.test_client(), origin=EVIL)
    first, second = events(capfd.readouterr().err)
    assert [sender for sender, _ in heard] == [app, app]
    assert [told["uid"] for _, told in heard] == [first["log.record.uid"], second["log.record.uid"]]
    assert [told["decision"].verdict for _, told in heard] == ["allow", "deny"]
    assert [told["request"].origin for _, told in heard] == [APP, EVIL]
    assert heard[0][1]["event"].items() <= first.items()


def test_a_listener_hears_decisions_that_are_not_written():
    app, _ = make(ORIGINS=APP, AUDIT="off")
    heard = []
    with cors_decided.connected_to(lambda _, uid, **__: heard.append(uid)):
        app.test_client().get("/items", headers={"Origin": APP})
    assert heard == [""]


def test_a_listener_that_raises_changes_nothing_and_is_told_of_now_and_then(caplog, capfd):
    logging.getLogger("flask_cors_env").addHandler(caplog.handler)
    app, _ = make(ORIGINS=APP)
    heard = []

    def broken(_, **__):
        raise ValueError("not the request's fault")

    with cors_decided.connected_to(broken), cors_decided.connected_to(lambda _, **__: heard.append(1)):
        for _ in range(5):
            assert app.test_client().get("/items", headers={"Origin": APP}).status_code == 200
    logging.getLogger("flask_cors_env").removeHandler(caplog.handler)
    assert (len(heard), len(events(capfd.readouterr().err))) == (5, 5)
    assert 1 <= caplog.text.count("a receiver of cors-decided raised") <= 3


def test_in_development_a_response_carries_the_id_of_its_line(capfd):
    for environment, shown in (("development", True), ("production", False)):
        app, _ = make({"CORS_ENV": environment}, ORIGINS=APP)
        answers = [app.test_client().get("/items", headers={"Origin": APP}), preflight(app.test_client())]
        uids = [event["log.record.uid"] for event in events(capfd.readouterr().err)]
        assert [a.headers.get("CORS-Decision-Id") for a in answers] == (uids if shown else [None, None])


def test_an_apps_processor_runs_on_every_route():
    def mask(_, __, event):
        return {**event, "client.address": "masked"}

    for pipeline in (plain, by_structlog_json):
        logging.getLogger().handlers[:] = []
        stream = io.StringIO()
        pipeline(stream)
        app, _ = make(AUTO, ORIGINS=APP, options={"audit_processors": [mask]})
        app.test_client().get("/items", headers={"Origin": APP})
        assert json.loads(stream.getvalue().splitlines()[-1])["client.address"] == "masked"


def test_an_apps_pipeline_that_raises_or_drops_is_a_loss_that_is_told():
    failing = [True]

    def raises(_, __, event):
        if failing[0]:
            raise KeyError("broken")
        return event

    stream = io.StringIO()
    by_structlog(stream, structlog.processors.JSONRenderer())
    structlog.configure(processors=[raises, *structlog.get_config()["processors"]])
    app, _ = make(AUTO, ORIGINS=APP)
    for state in (True, True, False):
        failing[0] = state
        assert app.test_client().get("/items", headers={"Origin": APP}).status_code == 200
    decision, gap = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert decision["log.record.uid"].endswith("-4")
    assert (gap["cors.audit.lost"], gap["error.type"]) == (3, "KeyError")


@pytest.mark.parametrize("failing", [lambda *_: 1 / 0, lambda *_: [].nothing])
def test_a_factory_that_raises_costs_the_events_and_no_request(failing):
    structlog.configure(processors=[structlog.processors.JSONRenderer()], logger_factory=failing)
    app, _ = make(AUTO, ORIGINS=APP)
    response = app.test_client().get("/items", headers={"Origin": APP})
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, APP)
    assert app.extensions["cors_env"]._active.log.lost == 2


def test_a_factory_that_takes_no_name_is_given_none():
    stream = io.StringIO()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=lambda: structlog.WriteLogger(stream),
    )
    asked()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["cors.policy.loaded", "cors.decision", "cors.decision"]
