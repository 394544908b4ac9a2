"""A token that was set is nowhere: not in what is said, not in a log, a report, or the store's own files."""

import logging
from pathlib import Path

import pytest
from processes import FAST, call, proposed, result, sandbox, write_settings

from ztoq_async.cli.logs import FILE, FILE_BYTES, FILES, open_logs
from ztoq_async.redaction import HIDDEN, Redaction


def traces(folder: Path, secret: str) -> list[str]:
    """Every file below the folder that holds the secret, the database's own files included."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(path.name == "ztoq.log" for path in files)
    assert any(path.name == "PG_VERSION" for path in files)
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


def test_a_token_leaves_no_trace(tmp_path):
    """Proposal, run, verification, status, and a run against a dead service: the tokens are only in the settings."""
    with sandbox(tmp_path, "--cases", 20) as services:
        write_settings(tmp_path, services)
        proposed(tmp_path)
        said = [call(*words, cwd=tmp_path) for words in (["run"], ["run", "--json"], ["verify"], ["status"])]
        assert [done.returncode for done in said] == [0, 0, 0, 0]
    text = (tmp_path / "ztoq.toml").read_text()
    (tmp_path / "ztoq.toml").write_text(text.replace(FAST, FAST + "tries = 1\n"))
    failed = call("run", "--json", cwd=tmp_path)
    assert failed.returncode == 4
    for table in ("zephyr", "qtest"):
        secret = services[table]["token"]
        assert not any(secret in done.stdout + done.stderr for done in (*said, failed))
        assert traces(tmp_path / "store", secret) == []


@pytest.mark.slow
def test_a_password_of_the_store_is_not_shown(tmp_path):
    """The address of one's own PostgreSQL may hold a password: an error does not repeat it."""
    services = {
        "zephyr": {"base_url": "http://127.0.0.1:9/v2", "token": "t1-very-secret", "project": "X"},
        "qtest": {"base_url": "http://127.0.0.1:9", "token": "t2-very-secret", "project": 1},
    }
    path = write_settings(tmp_path, services, "")
    url = 'url = "postgresql://me:p%40ss-w0rd@127.0.0.1:9/none?connect_timeout=1"'
    path.write_text(path.read_text().replace("[store]", f"[store]\n{url}"))
    done = call("run", "--json", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "127.0.0.1" in result(done)["error"]
    for shown in (done.stdout, done.stderr, (tmp_path / "store" / FILE).read_text()):
        assert "p%40ss" not in shown and "p@ss" not in shown and "very-secret" not in shown


@pytest.mark.parametrize(
    "text", ['say a"b<c & d', '{"x": "a\\"b<c & d"}', "a&quot;b&lt;c &amp; d", "?q=a%22b%3Cc%20%26%20d"]
)
def test_a_secret_is_found_in_every_spelling(text):
    """JSON, HTML and addresses write a secret differently; all of it is hidden."""
    hidden = Redaction(['a"b<c & d'])(text)
    assert HIDDEN in hidden
    assert "b<c" not in hidden and "lt;c" not in hidden and "%3Cc" not in hidden


def test_the_log_file_is_bounded_and_redacted(tmp_path, capsys):
    """However much is logged, the files stay below 10 MB; secrets are hidden in messages and tracebacks."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        open_logs(tmp_path, Redaction(["very-secret"]))
        try:
            raise ValueError("very-secret")
        except ValueError:
            logging.getLogger("a").warning("with very-secret", exc_info=True)
        assert "Traceback" not in capsys.readouterr().err
        text = (tmp_path / FILE).read_text()
        assert "Traceback" in text and "very-secret" not in text
        for _ in range(130):
            logging.getLogger("a").info("x" * 100_000)
        sizes = [path.stat().st_size for path in tmp_path.iterdir()]
        assert len(sizes) == FILES + 1
        assert sum(sizes) <= (FILES + 1) * FILE_BYTES == 10_000_000
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
            handler.close()
        root.handlers[:] = before[0]
        root.setLevel(before[1])


def test_tries_are_for_the_file_alone(tmp_path, capsys):
    """A person reads the one message at the end, not each try that came before it."""
    open_logs(tmp_path, Redaction())
    logging.getLogger("stamina").warning("tried again")
    logging.getLogger("else").warning("worth reading")
    shown = capsys.readouterr().err
    assert "worth reading" in shown and "tried again" not in shown
    assert "tried again" in (tmp_path / FILE).read_text()
