"""What Chromium sends as the origin of pages that no web server gave it, and whether it can be listed."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
from e2e.conftest import PAGE
from webdriver import CHROMIUM, Browser, start_chromium

SCRIPT = PAGE.decode().partition("<script>")[2].partition("</script>")[0]
#: A page of an extension may hold no script of its own: https://developer.chrome.com/docs/extensions/reference/manifest/content-security-policy
EXTENSION_PAGE = (
    '<!doctype html><meta charset="utf-8"><title>An extension</title><script src="page.js"></script>'
)


@pytest.fixture(scope="module")
def extension(tmp_path_factory):
    """A folder with an extension that may do what any page may, and no more."""
    folder = tmp_path_factory.mktemp("extension")
    manifest = {"manifest_version": 3, "name": "A page that asks", "version": "1"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "page.html").write_text(EXTENSION_PAGE)
    (folder / "page.js").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def pages(extension, serve_page, tmp_path_factory):
    """By the entry that lists it: the page's address and the origin that it has."""
    file = tmp_path_factory.mktemp("files") / "page.html"
    file.write_bytes(PAGE)
    # an extension's id is made of its folder: components/crx_file/id_util.cc
    digest = hashlib.sha256(str(extension).encode()).hexdigest()[:32]
    name = "".join(chr(ord("a") + int(digit, 16)) for digit in digest)
    web = serve_page()
    port = web.rpartition(":")[2]
    part = f"http://pr-12.localhost:{port}"
    return {
        "file://": (file.as_uri(), "file://"),
        f"chrome-extension://{name}": (f"chrome-extension://{name}/page.html", f"chrome-extension://{name}"),
        "chrome-extension://*": (f"chrome-extension://{name}/page.html", f"chrome-extension://{name}"),
        f"http://pr-*.localhost:{port}": (part, part),
    }


@pytest.fixture(scope="module")
def chromium(extension):
    """Chromium with that extension, and as Electron, Cordova and WebViews are: a file may read others."""
    flags = (
        "--allow-file-access-from-files",
        f"--load-extension={extension}",
        "--disable-features=DisableLoadExtensionCommandLineSwitch",
    )
    engine = dataclasses.replace(CHROMIUM, start=lambda folder, undo: start_chromium(folder, undo, *flags))
    with Browser(engine) as started:
        yield started


@pytest.mark.parametrize("which", range(4), ids=["file", "extension", "any host", "part of a label"])
def test_what_chromium_sends_can_be_listed_and_is_denied_where_it_is_not(which, pages, chromium, serve):
    entry, (address, origin) = list(pages.items())[which]
    app = Path(__file__).with_name("app.py")
    for listed, decision in ((entry, "allow"), ("https://other.example.com", "deny")):
        server = serve(
            app, {"CORS_ENV": "development", "CORS_ORIGINS": listed, "CORS_ALLOW_HEADERS": "X-Api-Key"}
        )
        chromium.open(address)
        options = {"method": "PUT", "headers": {"X-Api-Key": "k"}}
        answer = chromium.run("return ask(...arguments)", f"{server.url}/items/7", options)
        told = [e for e in server.events() if e["event"] == "cors.decision"]
        assert {(e["cors.origin"], e["cors.decision"]) for e in told} == {(origin, decision)}
        assert [e["cors.request.kind"] for e in told] == ["preflight", "actual"][
            : 2 if decision == "allow" else 1
        ]
        assert answer.get("status") == (200 if decision == "allow" else None)


def test_a_file_that_may_read_no_others_has_the_opaque_origin(browser, serve, tmp_path):
    (tmp_path / "page.html").write_bytes(PAGE)
    server = serve(Path(__file__).with_name("app.py"), {"CORS_ENV": "development", "CORS_ORIGINS": "file://"})
    browser.open((tmp_path / "page.html").as_uri())
    assert browser.run("return ask(...arguments)", f"{server.url}/items", {}) == {"error": "TypeError"}
    (event,) = [e for e in server.events() if e["event"] == "cors.decision"]
    assert (event["cors.origin"], event["cors.reason"]) == ("null", "null_not_allowed")
