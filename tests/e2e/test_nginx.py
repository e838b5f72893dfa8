"""Behind a real nginx that caches: one Origin, one answer, so no request poisons what another page gets."""

import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
from webdriver import ProcessGroup

APP, PARTNER, EVIL = "https://app.example.com", "https://partner.example.com", "https://evil.example.net"
SOURCE = """
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app)

@app.get("/items/<path:rest>")
def items(rest):
    return rest, {"Cache-Control": "public, max-age=600"}
"""
CONFIGURATION = """
daemon off;
master_process off;
pid FOLDER/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
    proxy_cache_path FOLDER/cache keys_zone=pages:1m;
    server {
        listen 127.0.0.1:PORT;
        location / {
            proxy_pass http://127.0.0.1:APP;
            proxy_set_header Host $http_host;
            proxy_cache pages;
            add_header X-Cache $upstream_cache_status always;
        }
    }
}
"""
#: What a client may send beside its Origin to make an answer another page's.
TRICKS = (
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Cookie": "session=1"},
    {"Host": "evil.example.net"},
    {"X-Forwarded-Host": "evil.example.net", "X-Forwarded-Proto": "https"},
)


def free_port():
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(port, group):
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"it did not start; it printed:\n{group.output}", pytrace=False)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """The port of nginx in front of gunicorn."""
    folder, path = tmp_path_factory.mktemp("nginx"), f"{os.environ['PATH']}:/usr/sbin"
    nginx = shutil.which("nginx", path=path)
    if nginx is None:
        pytest.fail("nginx is not installed: sh tests/system-packages.sh", pytrace=False)
    port, behind = free_port(), free_port()
    (folder / "app.py").write_text(SOURCE)
    environment = {
        "PATH": path,
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "CORS_ENV": "production",
        "CORS_RESOURCES__ITEMS__PATH": "/items/*",
        "CORS_RESOURCES__ITEMS__ORIGINS": f"{APP} {PARTNER}",
        "CORS_RESOURCES__FEED__PATH": "/items/feed/*",
        "CORS_RESOURCES__FEED__PUBLIC": "true",
        "CORS_AUDIT_SINK": f"file:{folder / 'audit.jsonl'}",
    }
    served = [
        "-m",
        "gunicorn",
        f"--bind=127.0.0.1:{behind}",
        "--threads=4",
        "--graceful-timeout=1",
        "app:app",
    ]
    configuration = CONFIGURATION.replace("FOLDER", str(folder)).replace("PORT", str(port))
    (folder / "nginx.conf").write_text(configuration.replace("APP", str(behind)))
    subprocess.run([nginx, "-t", "-q", "-c", folder / "nginx.conf"], check=True)
    groups = [ProcessGroup([sys.executable, *served], folder, environment)]
    wait_for(behind, groups[0])
    (folder / "proxy").mkdir(exist_ok=True)
    groups.append(ProcessGroup([nginx, "-c", str(folder / "nginx.conf")], folder / "proxy", environment))
    wait_for(port, groups[1])
    yield port
    for group in reversed(groups):
        group.end()


def ask(port, path, origin, fields):
    headers = {**fields, **({} if origin is None else {"Origin": origin})}
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.read(), {name.lower(): value for name, value in answer.getheaders()}


@pytest.mark.parametrize("first", TRICKS, ids=lambda fields: " ".join(fields) or "plain")
@pytest.mark.parametrize("opener", [None, APP, EVIL, "null"])
def test_whoever_asks_first_another_page_gets_what_is_meant_for_it(proxy, first, opener):
    path = f"/items/{abs(hash((opener, *first.items())))}"
    ask(proxy, path, opener, first)
    for origin in (APP, PARTNER, EVIL, None):
        _, fields = ask(proxy, path, origin, {})
        expected = origin if origin in {APP, PARTNER} else None
        assert (fields.get("access-control-allow-origin"), fields["vary"]) == (expected, "Origin")


def test_the_cache_is_used(proxy):
    found = [ask(proxy, "/items/again", APP, {})[1]["x-cache"] for _ in range(2)]
    assert found == ["MISS", "HIT"]


def test_what_everyone_may_read_is_one_entry_of_the_cache(proxy):
    asked = itertools.product((APP, EVIL, None), TRICKS)
    found = [ask(proxy, "/items/feed/1", origin, fields)[1] for origin, fields in asked]
    assert {fields["access-control-allow-origin"] for fields in found} == {"*"}
    assert [fields["x-cache"] for fields in found] == ["MISS", *["HIT"] * (len(found) - 1)]
