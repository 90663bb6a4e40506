"""What was published comes back as a validated checkpoint, or nothing does; the token goes to one place alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.publish.assemble import PRIVATE
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run
from tests.helpers.services.servers import TOKEN, Cut, Endless, Hub, Zenodo, content, running
from tests.helpers.services.spy import Spy

WEIGHTS = "model.safetensors"


def _same(back: str | Path, source: str | Path = "uno.tiny.candle") -> None:
    """Every published file is here, byte for byte, and the whole is valid."""
    back, source = Path(back), Path(source)
    assert validate(back).errors == []
    for row in checkpoints.read_manifest(back)["files"]:
        if "withheld" not in row:
            assert (back / row["path"]).read_bytes() == (source / row["path"]).read_bytes()
    contents = [checkpoints.read_manifest(one)["weights"]["content_digest"] for one in (back, source)]
    assert contents[0] == contents[1]


@pytest.fixture
def lab(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Hugging Face with a published checkpoint; nobody waits."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert run("publish", "uno.tiny.candle", "--to", "huggingface", "--repository", "lab/uno") == 0
    hub.seen.clear()
    return hub


@pytest.fixture
def record(zenodo: Zenodo) -> Zenodo:
    """Zenodo with a draft of a checkpoint."""
    assert run("seal", "uno.tiny.candle", "--file-digests") == 0
    assert run("publish", "uno.tiny.candle", "--to", "zenodo", "--url", zenodo.url, "--with-original") == 0
    zenodo.seen.clear()
    return zenodo


Fetch = Callable[..., int]


@pytest.fixture(params=["huggingface", "zenodo"])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Fetch, str]:
    """Each service, how to fetch from it, and the part of the address at which its weights come."""
    if request.param == "huggingface":
        server: Any = request.getfixturevalue("lab")
        oid = hashlib.sha256(Path("uno.tiny.candle", WEIGHTS).read_bytes()).hexdigest()
        return server, lambda *more: run("fetch", "huggingface:lab/uno", "back", *more), f"/cdn/{oid}"
    server = request.getfixturevalue("record")
    url = ("--url", server.url)
    return server, lambda *more: run("fetch", "zenodo:101", "back", *url, *more), f"/{WEIGHTS}/content"


class TestBoth:
    def test_there_and_back(self, service: tuple[Any, Fetch, str], capsys: pytest.CaptureFixture[str]) -> None:
        _, fetch, _ = service
        capsys.readouterr()
        assert fetch() == 0
        _same("back")
        out = capsys.readouterr()
        assert "L0-L5 ok" in out.out
        assert TOKEN not in out.out + out.err
        assert not list(Path().glob(f"*{PRIVATE}"))
        assert fetch() == 2, "the output is there"

    @pytest.mark.parametrize("at", [0, 1, 100, 400, 551])
    @pytest.mark.slow
    def test_a_connection_lost_at_any_byte(self, service: tuple[Any, Fetch, str], at: int) -> None:
        server, fetch, weights = service
        data = Path("uno.tiny.candle", WEIGHTS).read_bytes()
        server.faults[f"GET {weights}" if weights.startswith("/cdn") else weights] = Cut(data, at)
        assert fetch() == 0
        _same("back")
        ranges = [seen.range for seen in server.seen if weights in seen.path]
        assert ranges == ["", f"bytes={at}-" if at else ""]

    def test_the_next_run_goes_on(self, service: tuple[Any, Fetch, str]) -> None:
        server, fetch, weights = service
        data = Path("uno.tiny.candle", WEIGHTS).read_bytes()
        server.lasting[weights] = lambda request: Cut(data, 300) if not request.headers.get("range") else Cut(b"x", 0)
        assert fetch() == 3
        assert not Path("back").exists()
        (partial,) = Path().glob(f".back{PRIVATE}/.{WEIGHTS}.part")
        assert partial.read_bytes() == data[:300]
        server.lasting.clear()
        server.seen.clear()
        assert fetch() == 0
        _same("back")
        assert [seen.range for seen in server.seen if weights in seen.path] == ["bytes=300-"]

    def test_an_endless_body(self, service: tuple[Any, Fetch, str], capsys: pytest.CaptureFixture[str]) -> None:
        server, fetch, weights = service
        server.lasting[weights] = lambda request: Endless()
        assert fetch() == 1
        size = Path("uno.tiny.candle", WEIGHTS).stat().st_size
        assert f"more than the {size} bytes come that the service stated" in capsys.readouterr().err
        assert not Path("back").exists()
        assert all(path.stat().st_size <= size for path in Path().glob(f".back{PRIVATE}/.*"))

    def test_other_bytes(self, service: tuple[Any, Fetch, str], capsys: pytest.CaptureFixture[str]) -> None:
        server, fetch, weights = service
        wrong = bytes(Path("uno.tiny.candle", WEIGHTS).stat().st_size)
        server.lasting[weights] = lambda request: content(request, wrong)
        assert fetch() == 1
        assert "its checksum is not" in capsys.readouterr().err
        assert not Path("back").exists()
        server.lasting.clear()
        assert fetch() == 0
        _same("back")

    def test_more_bytes_than_stated(self, service: tuple[Any, Fetch, str]) -> None:
        server, fetch, weights = service
        data = Path("uno.tiny.candle", WEIGHTS).read_bytes() + b"more"
        server.lasting[weights] = lambda request: content(request, data)
        assert fetch() == 1
        assert not Path("back").exists()

    def test_a_redirect_to_another_host_brings_no_token(self, service: tuple[Any, Fetch, str]) -> None:
        server, fetch, weights = service
        spy = Spy()
        part = "/resolve/" if weights.startswith("/cdn") else weights
        server.lasting[part] = lambda request: RedirectResponse(spy.url, 302)
        assert fetch() != 0
        spy.close()
        assert b"GET /x" in spy.heard
        assert b"uthorization" not in spy.heard
        assert TOKEN.encode() not in spy.heard
        assert not Path("back").exists()

    @pytest.mark.parametrize("target", ["http://192.0.2.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd", ""])
    @pytest.mark.slow
    def test_a_redirect_to_where_nobody_should_go(
        self, service: tuple[Any, Fetch, str], target: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server, fetch, weights = service
        part = "/resolve/" if weights.startswith("/cdn") else weights
        server.lasting[part] = lambda request: RedirectResponse(target, 302)
        assert fetch() == 3
        assert "redirects" in capsys.readouterr().err

    def test_an_api_that_redirects_elsewhere(
        self, service: tuple[Any, Fetch, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        server, fetch, _ = service
        spy = Spy()
        server.lasting["/api/"] = lambda request: RedirectResponse(spy.url, 302)
        assert fetch() == 3
        spy.close()
        assert spy.heard == b""
        assert "not followed" in capsys.readouterr().err

    def test_an_api_without_an_end(
        self, service: tuple[Any, Fetch, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server, fetch, _ = service
        monkeypatch.setattr("candle_spec.limits.SERVICE_ANSWER", 1 << 20)
        server.lasting["/api/"] = lambda request: Endless()
        assert fetch() == 1
        assert "without an end" in capsys.readouterr().err

    @pytest.mark.parametrize("answer", [[], {}, {"sha": 5}, {"files": [5], "id": 1}, [{"type": "file"}], "text"])
    @pytest.mark.slow
    def test_an_api_of_another_shape(self, service: tuple[Any, Fetch, str], answer: Any) -> None:
        server, fetch, _ = service
        server.lasting["/api/"] = lambda request: JSONResponse(answer)
        assert fetch() in (2, 3)
        assert not Path("back").exists()

    def test_a_wrong_token(
        self, service: tuple[Any, Fetch, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _, fetch, _ = service
        for name in ("HF_TOKEN", "ZENODO_TOKEN"):
            monkeypatch.setenv(name, "wrongwrongwrong")
        assert fetch() == 2
        out = capsys.readouterr()
        assert "refuses the token" in out.err
        assert "wrongwrong" not in out.out + out.err

    def test_what_another_fetch_left_does_not_disturb(self, service: tuple[Any, Fetch, str]) -> None:
        _, fetch, _ = service
        private = Path(f".back{PRIVATE}")
        (private / "old").mkdir(parents=True)
        (private / "old" / "file").write_text("of another checkpoint")
        (private / ".other.part").write_text("half of another file")
        (private / "link").symlink_to("/etc/passwd")
        (private / WEIGHTS).write_text("other weights")
        assert fetch() == 0
        _same("back")

    def test_a_file_that_is_listed_and_missing(
        self, service: tuple[Any, Fetch, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        server, fetch, _ = service
        files = (
            server.files["101"]
            if isinstance(server, Zenodo)
            else server.repositories["lab/uno"]["history"]["0" * 39 + "1"]
        )
        del files["state.json"]
        assert fetch() == 2
        assert "1 files that the manifest lists are not there, the first: state.json" in capsys.readouterr().err


class TestHuggingFace:
    def test_a_revision(self, lab: Hub) -> None:
        commit = lab.repositories["lab/uno"]["head"]
        assert run("fetch", f"huggingface:lab/uno@{commit}") == 0
        _same("uno.candle")
        assert run("fetch", "huggingface:lab/uno@other", "other") == 2
        assert run("fetch", "huggingface:lab/none", "none") == 2

    def test_a_public_repository_needs_no_token(self, lab: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HF_TOKEN")
        assert run("fetch", "huggingface:lab/uno", "back") == 2
        lab.open = True
        assert run("fetch", "huggingface:lab/uno", "back") == 0
        assert {seen.token for seen in lab.seen} == {False}

    def test_the_token_goes_to_the_service_alone(self, lab: Hub) -> None:
        """The large files lie elsewhere: on another port, which is another place."""
        other = Hub()
        other.objects = lab.objects
        with running(other):
            lab.lasting["/resolve/"] = lambda request: _elsewhere(lab, other, request)
            assert run("fetch", "huggingface:lab/uno", "back") == 0
        _same("back")
        assert [seen.token for seen in other.seen] == [False] * len(other.seen)
        assert any(seen.path.startswith("/cdn/") for seen in other.seen)

    def test_a_listing_in_pages(self, lab: Hub) -> None:
        lab.page = 3
        assert run("fetch", "huggingface:lab/uno", "back") == 0
        _same("back")
        assert len([path for path in lab.paths("GET") if "/tree/" in path]) > 2

    def test_a_page_at_another_place(self, lab: Hub, capsys: pytest.CaptureFixture[str]) -> None:
        link = {"link": '<http://192.0.2.1/next>; rel="next"'}
        lab.lasting["/tree/"] = lambda request: JSONResponse([], headers=link)
        assert run("fetch", "huggingface:lab/uno", "back") == 3
        assert "no token goes there" in capsys.readouterr().err

    def test_the_official_library_reads_the_same(self, lab: Hub, tmp_path: Path) -> None:
        import huggingface_hub

        where = huggingface_hub.snapshot_download(
            "lab/uno", token=TOKEN, endpoint=lab.url, local_dir=tmp_path / "snapshot", cache_dir=tmp_path / "cache"
        )
        assert validate(where).errors == []
        assert run("fetch", "huggingface:lab/uno", "back") == 0
        for path in (one for one in Path("back").rglob("*") if one.is_file()):
            assert Path(where, path.relative_to("back")).read_bytes() == path.read_bytes()


def _elsewhere(lab: Hub, other: Hub, request: Request) -> Response:
    data, large = lab.repositories["lab/uno"]["files"][request.path_params["path"]]
    oid = hashlib.sha256(data).hexdigest()
    return RedirectResponse(f"{other.url}/cdn/{oid}", 302) if large else content(request, data)


class TestZenodo:
    def test_a_draft_needs_its_owners_token(
        self, record: Zenodo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("ZENODO_TOKEN")
        record.open = True
        assert run("fetch", "zenodo:101", "back", "--url", record.url) == 2
        assert "a draft needs its owner's token" in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["101", "10.5281/zenodo.101", "100"])
    def test_a_published_record(self, record: Zenodo, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.delenv("ZENODO_TOKEN")
        record.open = True
        record.deposits["101"]["submitted"] = True
        assert run("fetch", f"zenodo:{name}", "back", "--url", record.url) == 0
        _same("back")
        assert not [path for path in record.paths("GET") if "draft" in path]

    def test_with_the_original_it_is_the_very_checkpoint(self, record: Zenodo) -> None:
        assert run("fetch", "zenodo:101", "back", "--url", record.url) == 0
        for path in (one for one in Path("uno.tiny.candle").rglob("*") if one.is_file()):
            assert Path("back", path.relative_to("uno.tiny.candle")).read_bytes() == path.read_bytes()

    def test_names_that_met(self, record: Zenodo) -> None:
        """A file of the record takes the plain name; the checkpoint's own one has a mark."""
        from candle_spec.remote.names import marked_name

        files = record.files["101"]
        files[marked_name("topology/config.json")] = files["topology__config.json"]
        files["topology__config.json"] = b"something else"
        assert run("fetch", "zenodo:101", "back", "--url", record.url) == 0
        _same("back")

    def test_a_wrong_size_in_the_listing(self, record: Zenodo, capsys: pytest.CaptureFixture[str]) -> None:
        rows = [
            {"filename": name, "filesize": len(data) + (name == WEIGHTS), "checksum": hashlib.md5(data).hexdigest()}
            for name, data in record.files["101"].items()
        ]
        record.lasting["/api/deposit/depositions/101/files"] = lambda request: JSONResponse(rows)
        assert run("fetch", "zenodo:101", "back", "--url", record.url) == 1
        assert "the service states" in capsys.readouterr().err
        assert not [path for path in record.paths("GET") if f"{WEIGHTS}/content" in path], (
            "not a byte of it was asked for"
        )

    def test_no_checkpoint(self, record: Zenodo) -> None:
        del record.files["101"][MANIFEST]
        assert run("fetch", "zenodo:101", "back", "--url", record.url) == 2


class TestWords:
    @pytest.mark.parametrize(
        "words",
        [
            ("uno",),
            ("zenodo:",),
            ("gitlab:a/b",),
            ("zenodo:abc",),
            ("huggingface:uno",),
            ("huggingface:lab/uno@",),
            ("huggingface:lab/uno@main", "--series"),
            ("zenodo:101", "--series"),
            ("zenodo:101", "--url", "http://zenodo.org"),
        ],
    )
    def test_what_names_no_source(self, here: Path, words: tuple[str, ...]) -> None:
        assert run("fetch", *words) == 2

    def test_modac_is_a_source_too(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("fetch", "modac:P/S/A", "back", "--url", "http://modac.cancer.gov") == 2
        assert "https alone" in capsys.readouterr().err
