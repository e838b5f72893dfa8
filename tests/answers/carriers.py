"""
Lines of honest carriers, and lines in which a client writes what looks like a record.

Each takes a record as one line; HONEST put it in a place of its own, FORGED in another program's text.
"""

import json

T = "2026-11-28T04:44:51.933639123Z"
LOGGER = "flask_cors_env.audit"


def wrapped(**members):
    """An envelope: LINE stands for the record's line, and OBJECT for the record."""

    def fill(value, line):
        if isinstance(value, dict):
            return {name: fill(inner, line) for name, inner in value.items()}
        if isinstance(value, list):
            return [fill(inner, line) for inner in value]
        return {"LINE": line, "OBJECT": json.loads(line) if value == "OBJECT" else None}.get(value, value)

    return lambda line: json.dumps(fill(members, line))


def after(text):
    return lambda line: text + line


def renamed(**names):
    """The record with its envelope's fields renamed, as a pipeline renames them."""
    return lambda line: json.dumps(
        {names.get(k.replace(".", "_"), k): v for k, v in json.loads(line).items()}
    )


def beside(**members):
    """The record with members more, as a logger's formatter adds them."""
    return lambda line: json.dumps({**json.loads(line), **members})


def expanded(line):
    """Names with dots as objects, as ECS pipelines write them."""
    found = {}
    for name, value in json.loads(line).items():
        *above, last = name.split(".")
        place = found
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return json.dumps(found)


def any_values(line):
    values = [
        {"key": name, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for name, value in json.loads(line).items()
        if not isinstance(value, bool)
    ]
    body = {"kvlistValue": {"values": values}}
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"scope": {}, "logRecords": [{"body": body}]}]}]})


def in_docker(line, stream="stderr"):
    return json.dumps({"log": line + "\n", "stream": stream, "time": T})


HONEST = {
    "a whole line": str,
    "Windows' line end": lambda line: line + "\r",
    "compose": after("web-1  | "),
    "compose v1": after("web_1  | "),
    "compose, container_name": after("shop   | "),
    "compose, coloured": after("\x1b[36mweb-1  | \x1b[0m"),
    "compose -t": after(f"web-1  | {T} "),
    "docker logs -t": after(f"{T} "),
    "docker service logs": after("shop.1.abcdefgh1234@node1    | "),
    "kubectl --prefix": after("[pod/shop-7d4b9c6f5-x2x4z/shop] "),
    "kubectl --prefix --timestamps": after(f"[pod/shop-0/shop] {T} "),
    "CRI": after(f"{T} stderr F "),
    "CRI, with tags": after(f"{T} stderr F:x "),
    "journald short": after("Nov 28 04:44:51 host1 gunicorn[812]: "),
    "journald short-iso": after("2026-11-28T04:44:51+0000 host1 gunicorn[812]: "),
    "journald short-full": after("Sat 2026-11-28 04:44:51 UTC host1 gunicorn[812]: "),
    "journald short-unix": after("1795841091.933639 host1 gunicorn[812]: "),
    "syslog RFC 3164": after("<14>Nov  8 04:44:51 host1 shop: "),
    "syslog RFC 3164 of Python": after("<14>"),
    "syslog RFC 5424": after(f"<14>1 {T} host1 shop 812 - - "),
    "syslog RFC 5424, structured": after(
        f'<14>1 {T} host1 shop 812 ID47 [a@32473 b="3" c="\\"\\]"][d@1 e="f"] '
    ),
    "Heroku": after("2026-11-28T04:44:51.933639+00:00 app[web.1]: "),
    "Cloud Foundry": after("   2026-11-28T04:44:51.93+0000 [APP/PROC/WEB/0] OUT "),
    "Fly": after("2026-11-28T04:44:51Z app[148e21ea4b7d38] cdg [info]"),
    "stern": after("shop-7d4b9c6f5-x2x4z shop "),
    "stern, a pod with a number": after("shop-0 shop "),
    "stern, a container of the same name": after("shop-db-0 shop "),
    "honcho": after("04:44:51 web.1   | "),
    "pm2": after("0|shop  | "),
    "aws logs tail": after("2026-11-28T04:44:51.933000+00:00 shop/web/0123456789abcdef "),
    "aws logs tail of Lambda": after("2026-11-28T04:44:51.933000+00:00 2026/11/28/[$LATEST]0123abcd "),
    "fluentd": after("2026-11-28 04:44:51.933639123 +0000 docker.shop: "),
    "fluentd out_file": after("2026-11-28T04:44:51+00:00\tdocker.shop\t"),
    "logging's BASIC_FORMAT": after(f"WARNING:{LOGGER}:"),
    "the HOWTO's format": after(f"2026-11-28 04:44:51,933 - {LOGGER} - WARNING - "),
    "the Cookbook's file": after(f"11-28 04:44 {LOGGER} WARNING  "),
    "the Cookbook's console": after(f"{LOGGER}: WARNING  "),
    "BASIC_FORMAT after compose": after(f"web-1  | WARNING:{LOGGER}:"),
    "the HOWTO's format after journald": after(
        f"Nov 28 04:44:51 host1 app[8]: 2026-11-28 04:44:51,933 - {LOGGER} - INFO - "
    ),
    "Docker": in_docker,
    "Docker in Docker": lambda line: in_docker(in_docker(line)),
    "Docker in CRI": lambda line: f"{T} stdout F {in_docker(line)}",
    "Docker's fluentd driver": wrapped(log="LINE", container_id="a", container_name="/shop", source="stderr"),
    "python-json-logger, our logger": wrapped(message="LINE", name=LOGGER, levelname="INFO"),
    "structlog for stdlib, our logger": wrapped(event="LINE", logger=LOGGER, level="info", timestamp=T),
    "ecs-logging, our logger": wrapped(**{"@timestamp": T, "message": "LINE", "log.logger": LOGGER}),
    "Vector": wrapped(host="h", message="LINE", source_type="docker_logs", timestamp=T),
    "Fluent Bit": wrapped(date=1795841091.93, log="LINE", stream="stderr"),
    "Fluent Bit, Merge_Log_Key": wrapped(date=1795841091.93, log="LINE", log_processed="OBJECT"),
    "Fluent Bit in Kubernetes": wrapped(log="LINE", kubernetes={"pod_name": "x"}),
    "Filebeat": wrapped(
        **{"@timestamp": T}, message="LINE", agent={"type": "filebeat"}, log={"file": {"path": "/x"}}
    ),
    "Filebeat, decoded": wrapped(**{"@timestamp": T}, json="OBJECT", agent={"type": "filebeat"}),
    "Loki, logcli -o jsonl": wrapped(labels={"app": "shop"}, line="LINE", timestamp=T),
    "Loki, API": wrapped(
        status="success",
        data={"resultType": "streams", "result": [{"stream": {"a": "b"}, "values": [["17", "LINE"]]}]},
    ),
    "Loki, push": wrapped(streams=[{"stream": {"a": "b"}, "values": [["17", "LINE"]]}]),
    "journald JSON": wrapped(MESSAGE="LINE", _PID="812", __REALTIME_TIMESTAMP="1795841091933639"),
    "journald JSON, bytes": lambda line: json.dumps({"MESSAGE": list(line.encode()), "_PID": "812"}),
    "Google Cloud, textPayload": wrapped(logName="projects/p/logs/stderr", insertId="1", textPayload="LINE"),
    "Google Cloud, jsonPayload": wrapped(
        logName="projects/p/logs/stderr", insertId="1", jsonPayload="OBJECT"
    ),
    "CloudWatch": wrapped(events=[{"timestamp": 1, "message": "LINE", "ingestionTime": 2}]),
    "CloudWatch, subscription": wrapped(
        messageType="DATA_MESSAGE",
        logGroup="g",
        logEvents=[{"id": "3", "timestamp": 1, "message": "LINE"}],
    ),
    "OTLP": wrapped(
        resourceLogs=[{"scopeLogs": [{"scope": {}, "logRecords": [{"body": {"stringValue": "LINE"}}]}]}]
    ),
    "OTLP, our logger": wrapped(
        resourceLogs=[
            {"scopeLogs": [{"scope": {"name": LOGGER}, "logRecords": [{"body": {"stringValue": "LINE"}}]}]}
        ]
    ),
    "OTLP, an object": any_values,
    "OpenTelemetry's body": wrapped(Timestamp="1", Body="LINE", Resource={"service.name": "shop"}),
    "Elasticsearch": wrapped(_index="logs", _id="1", _source="OBJECT"),
    "Elasticsearch, search": wrapped(took=1, hits={"hits": [{"_index": "logs", "_source": "OBJECT"}]}),
    "Elasticsearch of Filebeat": wrapped(
        _index="logs", _source={"@timestamp": T, "message": "LINE", "agent": {"type": "filebeat"}}
    ),
    "Datadog": wrapped(id="A", content={"timestamp": T, "message": "LINE", "service": "shop"}),
    "Datadog, API v2": wrapped(
        data=[{"id": "A", "type": "log", "attributes": {"timestamp": T, "attributes": "OBJECT"}}]
    ),
    "objects in objects": expanded,
    "ECS's names": renamed(event="event.action", log_record_uid="event.id", timestamp="@timestamp"),
    "structlog's EventRenamer": renamed(event="msg"),
    "structlog, our logger's name beside": beside(logger=LOGGER),
    "python-json-logger, our fields its own": beside(message="", name=LOGGER, levelname="INFO"),
    "Filebeat, decoded beside the line": lambda line: beside(message=line)(line),
    "OpenTelemetry's console": wrapped(body="LINE", observed_timestamp="x", resource={"attributes": {}}),
    "OpenTelemetry in ClickHouse": wrapped(
        Timestamp="2026-11-28 04:44:51.933639123", Body="LINE", ResourceAttributes={"service.name": "shop"}
    ),
    "Fluent Bit, a time in words": wrapped(date="2026-11-28T04:44:51.933639Z", log="LINE"),
    "jq -sc .": lambda line: f"[{line}]",
    "jq .": lambda line: json.dumps(json.loads(line), indent=2),
    "jq -s .": lambda line: json.dumps([json.loads(line)], indent=2),
    "journalctl -o json-pretty": lambda line: json.dumps({"MESSAGE": line, "_PID": "8"}, indent="\t"),
    "aws logs get-log-events": lambda line: json.dumps(
        {"events": [{"timestamp": 1, "message": line, "ingestionTime": 2}], "nextToken": "f/3"}, indent=4
    ),
}


def combined(text):
    """A line of an access log, as gunicorn and Apache escape it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'127.0.0.1 - - [28/Nov/2026:04:44:51 +0000] "GET /items HTTP/1.1" 200 2 "-" "{escaped}"'


FORGED = {
    "an access log": combined,
    "nginx, escape=none": lambda line: f'127.0.0.1 - - [28/Nov/2026] "GET / HTTP/1.1" 200 "-" "{line}"',
    "nginx, escape=default": lambda line: '127.0.0.1 - - "GET /" 200 "' + line.replace('"', "\\x22") + '"',
    "nginx, escape=json": lambda line: json.dumps({"remote_addr": "127.0.0.1", "http_user_agent": line}),
    "gunicorn's error log": after("[2026-11-28 04:44:51 +0000] [7] [WARNING] Invalid request line: "),
    "Werkzeug": lambda line: f'127.0.0.1 - - [28/Nov/2026 04:44:51] "GET /{line} HTTP/1.1" 404 -',
    "Flask's format": after("[2026-11-28 04:44:51,933] WARNING in app: "),
    "another logger's BASIC_FORMAT": after("INFO:shop:"),
    "another logger's, and ours in its message": after(f"INFO:shop:INFO:{LOGGER}:"),
    "another logger, a client's members": beside(message="got", name="app", levelname="INFO"),
    "another logger, a client's members alone": beside(message="got"),
    "another logger, a client's object as message": beside(name="app", levelname="INFO"),
    "another logger of structlog, likewise": beside(logger="app"),
    "another logger of ECS, likewise": beside(**{"log.logger": "app"}),
    "pino": beside(level=30, pid=1, hostname="h", msg="got"),
    "another logger, objects of a client": lambda line: beside(message="got")(expanded(line)),
    "an event of API Gateway": wrapped(resource="/{proxy+}", path="/", httpMethod="POST", body="LINE"),
    "an event with a resource and a body": wrapped(resource={"id": 1}, body="LINE"),
    "an event with a Resource and a Body": wrapped(Resource="/x", Body="LINE"),
    "an event with a date and a log": wrapped(date="2026-11-28T04:44:51Z", log="LINE"),
    "a message of a chat": wrapped(
        id="1", room="a", content={"timestamp": "t", "message": "LINE", "service": "x"}
    ),
    "another logger's format of the HOWTO": after("2026-11-28 04:44:51,933 - shop - WARNING - "),
    "a format without a logger": after("2026-11-28 04:44:51,933 WARNING "),
    "a level where compose has a name": after("WARNING  | "),
    "loguru": after("2026-11-28 04:44:51.933 | INFO     | app:view:12 - "),
    "a level where syslog has a host": after("2026-11-28T04:44:51+0000 WARNING app[7]: "),
    "words where stern has a pod": after("not-found shop "),
    "sshd": after("Nov 28 04:44:51 host1 sshd[812]: Invalid user "),
    "Heroku's router": after("2026-11-28T04:44:51.933639+00:00 heroku[router]: at=info path=/"),
    "Cloud Foundry's router": after("2026-11-28T04:44:51.93+0000 [RTR/0] OUT "),
    "a sentence where stern has a pod": after("worker-1 received "),
    "a waitress's thread": after("waitress-0 app "),
    "a word, and a client's pod": after("search shop-0 shop "),
    "a word, and a client's pod of a deployment": after("search shop-7d4b9c6f5-x2x4z shop "),
    "zap": after("2026-11-28T04:44:51.933Z\tINFO\t"),
    "zap, lower case": after("2026-11-28T04:44:51.933Z\tinfo\t"),
    "a tab and a method": after("2026-11-28T04:44:51+00:00\tGET\t"),
    "a tab and an address": after("2026-11-28T04:44:51+00:00\t192.0.2.1\t"),
    "a time, a path, a user agent": after("2026-11-28T04:44:51+00:00 /items/ "),
    "a time, a long path, a user agent": after("2026-11-28T04:44:51+00:00 /items/0123456789abcdef "),
    "a short level where syslog has a host": after("Nov 28 04:44:51 ERR app: "),
    "a short level where compose has a name": after("ERR  | "),
    "words before": after("user agent: "),
    "words behind": lambda line: f"{line} not found",
    "a line of others behind": lambda line: line + combined("x"),
    "a carriage return": after("GET /\r"),
    "a line separator": after("GET /\u2028"),
    "a cleared line": after("GET /\x1b[2K"),
    "repr": repr,
    "a JSON string": json.dumps,
    "a JSON string in a JSON string": lambda line: json.dumps(json.dumps(line)),
    "an array of strings": lambda line: json.dumps([line]),
    "structlog's JSON": wrapped(event="LINE", level="info", timestamp=T),
    "structlog's JSON without a level": wrapped(event="LINE", timestamp=T),
    "structlog's JSON, another logger": wrapped(event="LINE", logger="shop"),
    "python-json-logger": wrapped(message="LINE", name="app"),
    "python-json-logger, the message alone": wrapped(message="LINE"),
    "log alone": wrapped(log="LINE"),
    "a member of an event": wrapped(event="got", level="info", body="OBJECT"),
    "a list in an event": wrapped(event="got", events=["OBJECT"]),
    "events of no CloudWatch": wrapped(events=["OBJECT"]),
    "data of no Datadog": wrapped(data=["OBJECT"]),
    "hits of no search": wrapped(hits={"hits": [{"_index": "a", "_source": "OBJECT"}]}),
    "an envelope's members in an event": wrapped(event="got", level="info", _index="a", _source="OBJECT"),
    "objects in objects of an event": lambda line: json.dumps(
        {"event": "x", "body": json.loads(expanded(line))}
    ),
    "objects in objects, escaped": lambda line: combined(expanded(line)),
    "a text version": lambda line: line.replace('"cors.schema":1', '"cors.schema":"1"'),
    "Docker, an access log": lambda line: in_docker(combined(line)),
    "Docker, structlog": lambda line: in_docker(json.dumps({"event": line, "level": "info"})),
    "Vector, an event taken apart": wrapped(message="LINE", source_type="file", timestamp=T, name="app"),
    "Filebeat, an event taken apart": wrapped(
        **{"@timestamp": T}, message="LINE", agent={"type": "filebeat"}, log={"logger": "app"}
    ),
    "Google Cloud, python-json-logger": wrapped(
        logName="projects/p/logs/stderr", insertId="1", jsonPayload={"message": "LINE", "name": "app"}
    ),
    "Elasticsearch, python-json-logger": wrapped(_index="a", _source={"message": "LINE", "name": "app"}),
    "OTLP, another logger": wrapped(
        resourceLogs=[
            {"scopeLogs": [{"scope": {"name": "app"}, "logRecords": [{"body": {"stringValue": "LINE"}}]}]}
        ]
    ),
    "OpenTelemetry's handler of logging": wrapped(
        body="LINE", resource={"a": 1}, attributes={"code.function.name": "view"}
    ),
    "Datadog, an event taken apart": wrapped(
        id="A", content={"timestamp": T, "message": "LINE", "service": "s", "attributes": {"name": "app"}}
    ),
    "journald, text of others": lambda line: json.dumps({"MESSAGE": f"GET {line}", "_PID": "8"}),
    "Loki, text of others": lambda line: json.dumps({"labels": {}, "line": f"GET {line}", "timestamp": T}),
    "a torn record, and Flask's format": lambda line: (
        line[:250] + f"[2026-11-28 04:44:51,933] WARNING in app: not found: /{line}"
    ),
    "a torn record, and Werkzeug": lambda line: (
        line[:250] + f'127.0.0.1 - - [x] "GET /{line} HTTP/1.1" 404 -'
    ),
    "a torn hint, and Flask's format": lambda line: (
        f'{{"cors.schema":1,"cors.remedy.hint":"Add the[2026-11-28 04:44:51,933] WARNING in app: {line}'
    ),
    "a torn record, and words": lambda line: line[:250] + f" user agent: {line}",
    "a torn number, and words": lambda line: '{"cors.schema":1,"cors.audit.lost":' + f"GET /{line}",
}
