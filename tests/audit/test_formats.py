"""Which formats of logging are read again, and that any other is warned of at start."""

import io
import logging

import pytest
from apps import APP, make
from pythonjsonlogger.json import JsonFormatter

from flask_cors_env.answers.verify import verify
from flask_cors_env.audit.formats import FORMATS, unread

FLASK = "[%(asctime)s] %(levelname)s in %(module)s: %(message)s"
FORMATTERS = {
    form: logging.Formatter(form) for form in (*FORMATS, "%(message)s", FLASK, "%(asctime)s %(message)s")
}
FORMATTERS |= {
    "JSON that names the logger": JsonFormatter("%(message)s %(name)s"),
    "JSON that names none": JsonFormatter(),
    "JSON of the text alone": logging.Formatter('{"message": "%(message)s"}'),
    "colours": logging.Formatter("\x1b[31m%(levelname)s:%(name)s:%(message)s\x1b[0m"),
    "a space between": logging.Formatter("%(levelname)s:%(name)s: %(message)s"),
    "words before": logging.Formatter("shop %(name)s %(message)s"),
}
READ = {
    *FORMATS,
    "%(message)s",
    "JSON that names the logger",
    "JSON that names none",
    "a space between",
    "colours",
}


@pytest.fixture
def written(monkeypatch, caplog):
    """Let the root logger write in a format; what it writes."""

    def start(formatter):
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatter)
        caplog.handler.setFormatter(FORMATTERS[FORMATS[0]])
        monkeypatch.setattr(logging.getLogger(), "handlers", [handler, caplog.handler])
        return handler.stream

    return start


@pytest.mark.parametrize("name", FORMATTERS)
def test_a_format_is_warned_of_exactly_where_the_log_is_not_read(name, written, caplog):
    stream = written(FORMATTERS[name])
    app, _ = make(ORIGINS=APP, AUDIT_SINK="app")
    for _ in range(2):
        app.test_client().get("/items", headers={"Origin": APP})
    warned = [
        record for record in caplog.records if "reads the audit log only with --prefix" in record.getMessage()
    ]
    records = verify([stream.getvalue().splitlines()]).records
    assert (records == 3, len(warned)) == ((True, 0) if name in READ else (False, 1))


def test_the_warning_shows_the_line_escaped(written, caplog):
    written(logging.Formatter("\x1b]0;x\x07 %(message)s"))
    make(ORIGINS=APP, AUDIT_SINK="app")[0].test_client().get("/items")
    (said,) = [record.getMessage() for record in caplog.records if "--prefix" in record.getMessage()]
    assert "a line begins '\\x1b]0;x\\x07 {" in said


def test_our_own_sink_needs_no_format(written, caplog, capsys):
    stream = written(FORMATTERS[FLASK])
    make(ORIGINS=APP, AUDIT_SINK="stderr")[0].test_client().get("/items")
    assert not [record for record in caplog.records if "--prefix" in record.getMessage()]
    assert (stream.getvalue(), capsys.readouterr().err != "") == ("", True)


def test_a_formatter_that_raises_warns_of_nothing():
    class Broken(logging.Formatter):
        def format(self, _record):
            raise ValueError

    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(Broken())
    assert unread([handler], "{}", "{}") is None
