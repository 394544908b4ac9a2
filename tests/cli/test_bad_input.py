"""What is wrong ends in one message that names it, with the promised exit code and never a traceback."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from processes import FAST, call, result, sandbox, write_settings

from ztoq_async.errors import SettingsError
from ztoq_async.settings import load

HTML = b"<html><body><h1>Sign in to your company's network</h1></body></html>"
ONE_TRY = "[limits]\ntries = 1\nattempt_timeout_s = 2.0\n"

each_service = pytest.mark.parametrize("table", ["qtest", pytest.param("zephyr", marks=pytest.mark.slow)])


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """A sandbox that nothing is moved to."""
    with sandbox(tmp_path_factory.mktemp("sandbox"), "--cases", 5) as found:
        yield found


@pytest.fixture
def portal():
    """A server that answers every request with a page of HTML, as a captive portal does."""

    class Portal(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(HTML)))
            self.end_headers()
            self.wfile.write(HTML)

        do_POST = do_GET  # noqa: N815 - the name http.server looks for

        def log_message(self, *_):
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def refused(done, code):
    """The one message of a command that ended with this exit code, the same for people and for scripts."""
    assert done.returncode == code, done.stderr
    message = result(done)["error"]
    assert result(done)["outcome"] == "failed"
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return message


def test_no_settings_file(tmp_path):
    """A first call without a file is shown what one looks like."""
    message = refused(call("run", "--json", cwd=tmp_path), 2)
    assert "ztoq.toml" in message and "[zephyr]\nbase_url" in message


@pytest.mark.parametrize(
    ("table", "name", "example"),
    [
        ("zephyr", "token", "ZTOQ_ZEPHYR__TOKEN"),
        ("zephyr", "project", 'project = "MM"'),
        ("zephyr", "base_url", "https://api.zephyrscale.smartbear.com/v2"),
        ("qtest", "token", "ZTOQ_QTEST__TOKEN"),
        ("qtest", "project", "project = 12345"),
        ("qtest", "base_url", "https://yoursite.qtestnet.com"),
    ],
)
def test_a_missing_setting_is_named_with_an_example(services, tmp_path, table, name, example):
    """Each setting that must be there is asked for by its name."""
    rest = {key: value for key, value in services[table].items() if key != name}
    write_settings(tmp_path, {**services, table: rest})
    message = refused(call("run", "--json", cwd=tmp_path), 2)
    assert table in message and name in message and example in message


@pytest.mark.parametrize(("table", "project"), [("zephyr", "NOPE"), ("qtest", 987654)])
def test_an_unknown_project(services, tmp_path, table, project):
    """A project that the site does not have is a wrong setting."""
    write_settings(tmp_path, {**services, table: {**services[table], "project": project}})
    message = refused(call("run", "--json", cwd=tmp_path), 2)
    assert f"[{table}] project" in message and str(project) in message


@each_service
def test_a_refused_token(services, tmp_path, table):
    """A token that the service does not take is a wrong setting, and is not shown."""
    write_settings(tmp_path, {**services, table: {**services[table], "token": "not-the-right-one"}})
    done = call("run", "--json", cwd=tmp_path)
    assert "token" in refused(done, 2)
    assert "not-the-right-one" not in done.stdout + done.stderr


@pytest.mark.parametrize("table", ["zephyr", "qtest"])
@pytest.mark.parametrize("token", ["Bearer abc", "abc\n", "abc…", " "])
def test_a_token_that_no_request_can_carry(services, table, token):
    """It is a wrong setting, named and not shown, before any service is asked."""
    with pytest.raises(SettingsError, match=rf"{table}\.token.*one word") as caught:
        load(None, **{**services, table: {**services[table], "token": token}})
    assert "abc" not in str(caught.value)


def test_an_empty_token_of_zephyr(services):
    """An empty variable is not a token: the setting is named with an example."""
    with pytest.raises(SettingsError, match=r"zephyr\.token: it is empty.*ZTOQ_ZEPHYR__TOKEN"):
        load(None, **{**services, "zephyr": {**services["zephyr"], "token": ""}})


def test_a_setting_that_does_not_exist(services):
    """The name that is not known is given back."""
    with pytest.raises(SettingsError, match=r"limits\.tires: there is no such setting"):
        load(None, **services, limits={"tires": 4})


@each_service
def test_a_service_that_answers_html(services, tmp_path, portal, table):
    """A page instead of JSON is the service's failure: exit 4, and the message says which service."""
    address = portal + ("/v2" if table == "zephyr" else "")
    write_settings(tmp_path, {**services, table: {**services[table], "base_url": address}}, FAST + "tries = 2\n")
    assert table in refused(call("run", "--json", cwd=tmp_path), 4).lower()


def test_a_service_that_is_not_there(services, tmp_path):
    """A refused connection is the service's failure, after the tries that were allowed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers here
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v2"
        write_settings(tmp_path, {**services, "zephyr": {**services["zephyr"], "base_url": address}}, ONE_TRY)
        assert "zephyr" in refused(call("run", "--json", cwd=tmp_path), 4)


def test_unmapped_values_are_named(services, tmp_path):
    """Without a mapping, the values that need one are listed before the first write."""
    write_settings(tmp_path, services)
    message = refused(call("run", "--json", cwd=tmp_path), 2)
    assert "status" in message


def test_a_mapping_file_that_is_not_there(services, tmp_path):
    """The message says how to get one."""
    write_settings(tmp_path, services, FAST + '[mapping]\nfile = "none.toml"\n')
    assert "--propose-mapping" in refused(call("run", "--json", cwd=tmp_path), 2)


def test_a_mapping_file_that_says_something_unknown(services, tmp_path):
    """It is read before any service is asked: a dead one does not hide it."""
    dead = {**services, "zephyr": {**services["zephyr"], "base_url": "http://127.0.0.1:9/v2"}}
    write_settings(tmp_path, dead, ONE_TRY + '[mapping]\nfile = "mapping.toml"\n')
    (tmp_path / "mapping.toml").write_text('[states]\n"Draft" = "New"\n')
    message = refused(call("run", "--json", cwd=tmp_path), 2)
    assert "mapping.toml" in message and "states" in message


@pytest.mark.slow
def test_a_mapping_is_proposed_in_any_locale(services, tmp_path):
    """The file is UTF-8 whatever the machine's locale is: names of both services may hold anything."""
    write_settings(tmp_path, services)
    words = ["run", "--propose-mapping", "mapping.toml"]
    done = call(*words, cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stderr
    assert "🚬" in (tmp_path / "mapping.toml").read_text(encoding="utf-8")


def test_a_store_that_cannot_be_written(services, tmp_path):
    """A store path below a file names the path: exit 4."""
    (tmp_path / "store").write_text("a file")
    write_settings(tmp_path, services)
    assert str(tmp_path / "store") in refused(call("run", "--json", cwd=tmp_path), 4)


def test_verify_before_any_run(services, tmp_path):
    """There is nothing to compare with yet."""
    write_settings(tmp_path, services)
    assert "run first" in refused(call("verify", "--json", cwd=tmp_path), 2)


def test_a_variable_that_cannot_be_read(services, tmp_path):
    """A table as one variable is not JSON: the message names it, not its value."""
    write_settings(tmp_path, services)
    done = call("run", "--json", cwd=tmp_path, ZTOQ_ZEPHYR="secret-but-no-json")
    assert "zephyr" in refused(done, 2)
    assert "secret-but-no-json" not in done.stderr


@pytest.mark.parametrize("words", [["run", "--nope"], ["move"], ["sandbox", "--cases", "many"], ["status", "x"]])
def test_wrong_usage(tmp_path, words):
    """A command or flag that does not exist: exit 2, and where help is."""
    assert "--help" in refused(call(*words, "--json", cwd=tmp_path), 2)


def test_a_corpus_that_is_not_json(tmp_path):
    """The message names the file and the line."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "project.jsonl").write_text("no json\n")
    done = call("sandbox", "--corpus", "corpus", "--json", cwd=tmp_path)
    assert "corpus" in refused(done, 2)


def test_json_errors_say_their_exit_code(tmp_path):
    """A script that only sees stdout knows the exit code too."""
    done = call("status", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["exit_code"] == done.returncode == 2
