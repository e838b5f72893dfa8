"""Reloading: one reference is swapped, a bad file changes nothing, and the log says what was widened."""

import ctypes
import os
import signal
import threading
import time

import pytest
from apps import APP, EVIL, events, preflight
from flask import Flask

from flask_cors_env import CORS, CORSConfigError, cors_policy_changed
from flask_cors_env.audit.seal import make_key
from flask_cors_env.config.texts import identity
from flask_cors_env.web.reload import Watch

OTHER = "https://other.example.com"


def policy_file(path, origins, methods="PUT", exposed="X-A"):
    path.write_text(f'origins = {origins!r}\nmethods = "{methods}"\nexpose_headers = "{exposed}"\n')
    return path


def governed(path, **settings):
    environ = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr", **settings}
    app = Flask("shop")
    return app, CORS(app, environ=environ, config_file=path)


def allows(app, origin):
    return "Access-Control-Allow-Origin" in app.test_client().get("/", headers={"Origin": origin}).headers


@pytest.fixture
def always(monkeypatch):
    """A period that has always passed."""
    monkeypatch.setattr("flask_cors_env.web.reload.Watch.is_due", lambda _: True)


def test_reload_reads_the_sources_again_and_tells_what_changed(tmp_path, capfd):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, cors = governed(path)
    heard = []
    with cors_policy_changed.connected_to(lambda sender, **told: heard.append((sender, told)), sender=app):
        assert (allows(app, APP), allows(app, OTHER)) == (True, False)
        old = cors.policy(app)
        policy_file(path, [OTHER])
        new = cors.reload(app)
    assert (allows(app, APP), allows(app, OTHER)) == (False, True)
    assert heard == [(app, {"previous": old, "policy": new})]
    text = capfd.readouterr().err
    (changed,) = events(text, "cors.policy.changed")
    assert {name: changed[name] for name in changed if name.startswith("cors.policy")} == {
        "cors.policy.id": new.id,
        "cors.policy.previous_id": old.id,
        "cors.policy.added": f"default.origins={OTHER}",
        "cors.policy.removed": f"default.origins={APP}",
        "cors.policy.widened": True,
        "cors.policy.trigger": "reload",
    }
    assert [e["cors.policy.id"] for e in events(text, "cors.policy.loaded")] == [old.id, new.id]


def test_what_only_narrows_is_not_told_as_widened(tmp_path, capfd):
    path = policy_file(tmp_path / "cors.toml", [APP, OTHER])
    app, cors = governed(path)
    allows(app, APP)
    policy_file(path, [APP])
    cors.reload(app)
    (changed,) = events(capfd.readouterr().err, "cors.policy.changed")
    assert (changed["cors.policy.added"], changed["cors.policy.widened"]) == ("", False)


def test_nothing_is_told_of_a_reload_that_changes_nothing(tmp_path, capfd):
    app, cors = governed(policy_file(tmp_path / "cors.toml", [APP]))
    allows(app, APP)
    cors.reload(app)
    assert events(capfd.readouterr().err, "cors.policy.changed") == []


def test_a_policy_that_cannot_be_used_is_rejected_and_the_old_one_stays(tmp_path, capfd):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, cors = governed(path)
    assert allows(app, APP)
    policy_file(path, ["*"])
    with pytest.raises(CORSConfigError, match=r"\[wildcard\]"):
        cors.reload(app)
    assert (allows(app, APP), allows(app, EVIL)) == (True, False)
    (rejected,) = events(capfd.readouterr().err, "cors.policy.rejected")
    assert (rejected["error.type"], rejected["cors.policy.env"]) == ("wildcard", "origins")
    assert (rejected["cors.policy.action"], rejected["cors.policy.id"]) == (
        "keep_previous",
        cors.policy(app).id,
    )


@pytest.mark.usefixtures("always")
def test_with_a_period_a_changed_file_is_taken_at_the_second_look(tmp_path):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, _ = governed(path, CORS_RELOAD="30s")
    assert allows(app, APP)
    policy_file(path, [OTHER, EVIL])
    assert (allows(app, APP), allows(app, APP), allows(app, OTHER)) == (True, False, True)


@pytest.mark.usefixtures("always")
def test_a_file_that_is_another_at_each_look_is_not_taken(tmp_path):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, _ = governed(path, CORS_RELOAD="30s")
    assert allows(app, APP)
    whole = f'origins = ["{OTHER}"]\n# the end\n'
    for size in (0, 10, len(whole) - 9, len(whole)):
        path.write_text(whole[:size])
        assert allows(app, APP)
    assert (allows(app, OTHER), allows(app, APP)) == (True, False)


@pytest.mark.usefixtures("always")
def test_a_file_that_stays_empty_is_taken_at_the_second_look(tmp_path):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, _ = governed(path, CORS_RELOAD="30s")
    assert allows(app, APP)
    path.write_text("")
    assert (allows(app, APP), allows(app, APP)) == (True, False)


@pytest.mark.usefixtures("always")
def test_a_file_that_was_written_in_place_is_noticed_by_its_time_of_change(tmp_path):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, _ = governed(path, CORS_RELOAD="30s")
    assert allows(app, APP)
    before = path.stat()
    policy_file(path, [APP.replace("app", "new")])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (before.st_size, before.st_mtime_ns, before.st_ino) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
    )
    assert (allows(app, APP), allows(app, APP)) == (True, False)


@pytest.mark.usefixtures("always")
def test_a_file_that_becomes_a_pipe_hangs_no_request_and_is_rejected_once(tmp_path, capfd):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, cors = governed(path, CORS_RELOAD="30s")
    assert allows(app, APP)
    path.unlink()
    os.mkfifo(path)
    started = time.monotonic()
    assert [allows(app, APP) for _ in range(4)] == [True] * 4
    with pytest.raises(CORSConfigError, match="file-unreadable"):
        cors.reload(app)
    assert time.monotonic() - started < 2
    assert len(events(capfd.readouterr().err, "cors.policy.rejected")) == 2


@pytest.mark.usefixtures("always")
def test_a_pipe_is_read_once_and_its_text_serves_every_reload():
    reader, writer = os.pipe()
    os.write(writer, f"CORS_ORIGINS={APP}\nCORS_RELOAD=1s\n".encode())
    os.close(writer)
    app = Flask("shop")
    environ = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}
    cors = CORS(app, environ=environ, env_file=f"/dev/fd/{reader}")
    os.close(reader)
    judged = cors.policy(app).id
    assert (allows(app, APP), allows(app, EVIL), cors.reload(app).id) == (True, False, judged)
    assert allows(app, APP)


def test_what_init_app_judged_is_what_is_served(tmp_path):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, cors = governed(path)
    policy_file(path, [OTHER])
    assert (allows(app, APP), allows(app, OTHER)) == (True, False)
    cors.reload(app)
    assert (allows(app, APP), allows(app, OTHER)) == (False, True)


@pytest.mark.parametrize("setting", ["CORS_ENV_FILE", "CORS_CONFIG_FILE"])
def test_a_relative_path_means_what_it_meant_at_the_start(setting, tmp_path, monkeypatch):
    text = {"CORS_ENV_FILE": "CORS_ORIGINS={}\n", "CORS_CONFIG_FILE": 'origins = ["{}"]\n'}[setting]
    (tmp_path / "job").mkdir()
    (tmp_path / "cors.toml").write_text(text.format(APP))
    (tmp_path / "job/cors.toml").write_text(text.format(OTHER))
    make_key(str(tmp_path / "cors.key"))
    first_key = (tmp_path / "cors.key").read_bytes()
    monkeypatch.chdir(tmp_path)
    app = Flask("shop")
    cors = CORS(
        app,
        environ={
            "CORS_ENV": "production",
            setting: "cors.toml",
            "CORS_AUDIT_SINK": "file:a.jsonl",
            "CORS_AUDIT_KEY_FILE": "cors.key",
        },
    )
    monkeypatch.chdir(tmp_path / "job")
    assert allows(app, APP)
    cors.reload(app)
    assert (allows(app, APP), allows(app, OTHER)) == (True, False)
    assert (tmp_path / "a.jsonl").exists()
    assert not (tmp_path / "job/a.jsonl").exists()
    assert (tmp_path / "cors.key").read_bytes() != first_key


@pytest.mark.usefixtures("always")
def test_a_configmap_is_swapped_by_a_link_and_only_its_inode_changes(tmp_path):
    for version, origin in (("v1", APP), ("v2", APP.replace("app", "new"))):
        folder = tmp_path / f"..{version}"
        folder.mkdir()
        os.utime(policy_file(folder / "cors.toml", [origin]), (1, 1))
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "cors.toml").symlink_to("..data/cors.toml")
    app, _ = governed(tmp_path / "cors.toml", CORS_RELOAD="1s")
    assert allows(app, APP)
    (tmp_path / "..new").symlink_to("..v2")
    old = (tmp_path / "cors.toml").stat()
    (tmp_path / "..new").replace(tmp_path / "..data")
    new = (tmp_path / "cors.toml").stat()
    assert (old.st_size, old.st_mtime_ns) == (new.st_size, new.st_mtime_ns)
    assert (allows(app, APP), allows(app, APP)) == (True, False)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("broken", ["origins = [", "orgins = []", 'origins = "*"', None])
def test_a_half_written_missing_or_bad_file_changes_nothing_until_it_is_mended(
    broken, tmp_path, capfd, caplog
):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, _ = governed(path, CORS_RELOAD="1s")
    assert allows(app, APP)
    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)
    assert [allows(app, APP) for _ in range(4)] == [True] * 4
    assert len(events(capfd.readouterr().err, "cors.policy.rejected")) == 1
    assert "the policy stays as it was" in caplog.text
    policy_file(path, [OTHER])
    assert (allows(app, APP), allows(app, APP), allows(app, OTHER)) == (True, False, True)


def test_the_period_is_looked_at_no_more_often_than_it_says(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("flask_cors_env.web.reload.time.monotonic", lambda: now[0])
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, _ = governed(path, CORS_RELOAD="30s")
    assert allows(app, APP)
    policy_file(path, [OTHER, EVIL])
    for seconds, found in ((29, True), (1, True), (29, True), (1, False)):
        now[0] += seconds
        assert allows(app, APP) is found


def test_no_request_sees_half_of_each_policy(tmp_path):
    path = tmp_path / "cors.toml"
    whole = [
        (APP, "PUT", "X-Old"),
        (OTHER, "PATCH", "X-New"),
    ]
    policy_file(path, [whole[0][0]], *whole[0][1:])
    app, cors = governed(path, CORS_AUDIT="off")
    allows(app, APP)
    seen, stop = set(), threading.Event()

    def ask():
        client = app.test_client()
        while not stop.is_set():
            for origin, method, _ in whole:
                answer = preflight(client, "/", origin=origin, method=method)
                seen.add((origin, answer.status_code, answer.headers.get("Access-Control-Allow-Methods")))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for turn in range(30):
        origin, method, exposed = whole[turn % 2]
        policy_file(path, [origin], method, exposed)
        cors.reload(app)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == {(APP, 204, "PUT"), (APP, 403, None), (OTHER, 204, "PATCH"), (OTHER, 403, None)}


def test_what_listens_may_ask_the_app_and_reload_it_while_a_policy_is_told():
    told = []
    environ = {"CORS_ENV": "production", "CORS_ORIGINS": APP}
    app = Flask("shop")

    def listen(_logger, _level, event):
        told.append(event["event"])
        if event["event"].startswith("cors.policy") and len(told) < 10:
            app.test_client().get("/", headers={"Origin": APP})
            cors.reload(app)
        return event

    cors = CORS(app, environ=environ, audit_processors=[listen])
    asking = threading.Thread(target=app.test_client().get, args=["/"], daemon=True)
    asking.start()
    asking.join(20)
    assert not asking.is_alive()
    assert told == ["cors.policy.loaded", "cors.decision"]
    environ["CORS_ORIGINS"] = "https://other.example.com"
    reloading = threading.Thread(target=cors.reload, args=[app], daemon=True)
    reloading.start()
    reloading.join(20)
    assert not reloading.is_alive()
    assert told[2:] == ["cors.policy.changed", "cors.decision", "cors.policy.loaded", "cors.decision"]


def test_a_file_that_is_replaced_after_it_was_read_is_noticed(tmp_path):
    file = policy_file(tmp_path / "cors.toml", [APP])
    watch = Watch({str(file): identity(str(file))}, 1)
    policy_file(file, [APP, OTHER])
    assert [watch.changed() for _ in range(3)] == [False, True, True]
    assert watch.took({str(file): identity(str(file))})
    assert watch.changed() is False


# --- without a context, from a signal handler, in a child, and with a pipe in the file's place


def test_without_an_app_context_the_one_app_is_meant(tmp_path):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, cors = governed(path)
    assert allows(app, APP)
    policy_file(path, [OTHER])
    assert cors.reload() is cors.policy()
    assert (allows(app, APP), allows(app, OTHER)) == (False, True)
    assert cors.decide(origin=OTHER).verdict == "allow"


def test_without_an_app_context_several_apps_have_to_be_named():
    cors = CORS(environ={"CORS_ENV": "production"})
    apps = [Flask("one"), Flask("two")]
    for app in apps:
        cors.init_app(app)
    with pytest.raises(RuntimeError, match="application context"):
        cors.reload()
    with apps[0].app_context():
        assert cors.reload() is cors.policy(apps[0])


class Trap(dict):
    """An environment that does something, once, while it is read."""

    def __init__(self, values):
        super().__init__(values)
        self.action = None

    def items(self):
        action, self.action = self.action, None
        found = list(super().items())
        if action is not None:
            action()
        return found


def trapped(path, **settings):
    """An app whose environment can be made to do something while it is read."""
    environ = Trap({"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr", **settings})
    app = Flask("shop")
    return app, CORS(app, environ=environ, config_file=path), environ


@pytest.mark.parametrize("first", [False, True])
def test_a_signal_handler_may_reload_while_its_thread_reads_the_sources_and_the_later_reading_holds(
    first, tmp_path, capfd
):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, cors, environ = trapped(path)
    if not first:
        assert allows(app, APP)
    reloaded = []

    def edit():
        policy_file(path, [OTHER])
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: reloaded.append(cors.reload()))
    try:
        environ.action = edit
        if first:
            assert not allows(app, APP)  # the first request settles the policy, and reads the sources
        else:
            cors.reload()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(reloaded) == 1
    assert (allows(app, APP), allows(app, OTHER)) == (False, True)
    told = [e["cors.policy.id"] for e in events(capfd.readouterr().err, "cors.policy.loaded")]
    assert told[-1] == cors.policy(app).id


@pytest.mark.parametrize("fork", [os.fork, lambda: ctypes.PyDLL(None).fork()])
def test_a_child_that_is_forked_while_another_thread_reloads_may_reload(fork, tmp_path):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, cors, environ = trapped(path)
    assert allows(app, APP)
    is_reading, may_go_on = threading.Event(), threading.Event()
    environ.action = lambda: (is_reading.set(), may_go_on.wait(30))
    thread = threading.Thread(target=cors.reload)
    thread.start()
    assert is_reading.wait(30)
    child = fork()
    if child == 0:
        signal.alarm(20)
        path.write_text(f'origins = ["{OTHER}"]\n')
        cors.reload()
        os._exit(0 if allows(app, OTHER) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    may_go_on.set()
    thread.join()
    cors.reload()
    assert allows(app, OTHER)


@pytest.mark.usefixtures("always")
def test_a_pipe_in_the_files_place_ends_nothing_and_a_file_is_taken_again(tmp_path):
    path = policy_file(tmp_path / "cors.toml", [APP])
    app, _ = governed(path, CORS_RELOAD="1s")
    assert allows(app, APP)
    path.unlink()
    os.mkfifo(path)
    assert [allows(app, APP) for _ in range(3)] == [True] * 3
    path.unlink()
    policy_file(path, [OTHER])
    allows(app, APP)  # the first look; a file is taken when two looks find the same one
    assert (allows(app, APP), allows(app, OTHER)) == (False, True)
