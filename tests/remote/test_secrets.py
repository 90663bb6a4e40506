"""Tokens and addresses: where a secret is from, and where it may go."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_spec.errors import InvalidInputError, LoginError
from candle_spec.remote.addresses import Secret, checked_url, is_loopback, origin
from candle_spec.remote.tokens import token_from

WHERE = "https://example.org/tokens"


def test_a_secret_shows_itself_only_when_asked() -> None:
    assert "hush" not in f"{Secret('hush')} {Secret('hush')!r}"
    assert Secret("hush").reveal() == "hush"


@pytest.mark.parametrize(
    "url", ["http://example.org", "https://me:hush@example.org", "example", "ftp://x", "https://x?a", "https://x#a", ""]
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_url(url, usual=WHERE)
    assert "hush" not in str(refused.value)
    assert refused.value.hint == f"such as {WHERE}"


def test_addresses_that_are_taken() -> None:
    assert checked_url("https://example.org/", usual=WHERE) == "https://example.org"
    assert checked_url("http://127.0.0.1:8000", usual=WHERE) == "http://127.0.0.1:8000"
    assert [is_loopback(host) for host in ("localhost", "::1", "127.0.0.9", "10.0.0.1", "example.org")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert origin("https://example.org:8443/a/b?c") == "https://example.org:8443"


def test_a_file_goes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("in-a-file\n")
    (tmp_path / "b").write_text("in-another\n")
    environ = {"X_TOKEN": "in-a-variable", "X_TOKEN_FILE": str(tmp_path / "b")}
    assert token_from("X_TOKEN", tmp_path / "a", environ=environ, where=WHERE).reveal() == "in-a-file"
    assert token_from("X_TOKEN", None, environ=environ, where=WHERE).reveal() == "in-another"
    del environ["X_TOKEN_FILE"]
    assert token_from("X_TOKEN", None, environ=environ, where=WHERE).reveal() == "in-a-variable"


def test_none_and_what_is_none(tmp_path: Path) -> None:
    with pytest.raises(LoginError) as missing:
        token_from("X_TOKEN", None, environ={}, where=WHERE)
    assert WHERE in missing.value.hint
    for text in ("two words", "ünicode", "a\x07b"):
        with pytest.raises(InvalidInputError) as refused:
            token_from("X_TOKEN", None, environ={"X_TOKEN": text}, where=WHERE)
        assert text not in str(refused.value)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        token_from("X_TOKEN", tmp_path / "none", environ={}, where=WHERE)
