"""Data files of CANDLE programs: from the cache, else fetched."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from candle_spec import candle
from candle_spec.errors import (
    CorruptFileError,
    InvalidInputError,
    MissingPathError,
    ServiceError,
    UnsafeContentError,
    UnsupportedFormatError,
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a folder with ``x.csv``; no test reaches for a network."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "x.csv").write_bytes(b"1,2\n")
    return (tmp_path / "served").as_uri() + "/"


class TestFiles:
    @pytest.fixture(autouse=True)
    def _cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = tmp_path / "data"
        monkeypatch.setenv("CANDLE_DATA_DIR", str(self.cache))
        monkeypatch.delenv("CANDLE_DOWNLOAD", raising=False)

    def test_what_the_program_asks_for_is_fetched_once(self, url: str, capsys) -> None:
        for _ in range(3):
            path = candle.get_file("x.csv", url + "x.csv", cache_subdir="Pilot1")
            assert path == str(self.cache / "Pilot1" / "x.csv")
            assert Path(path).read_bytes() == b"1,2\n"
        assert candle.fetch_file(url + "x.csv", "Pilot1") == path
        assert capsys.readouterr().out == f"Downloading data from {url}x.csv\n"
        names = sorted(each.name for each in (self.cache / "Pilot1").iterdir())
        assert names == [".x.csv.sha256", "x.csv"]

    def test_a_changed_file_in_the_cache(self, url: str) -> None:
        path = Path(candle.get_file("x.csv", url + "x.csv"))
        path.write_bytes(b"1,3\n")
        with pytest.raises(CorruptFileError, match="not the file that was fetched"):
            candle.get_file("x.csv", url + "x.csv")

    def test_downloads_can_be_forbidden(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANDLE_DOWNLOAD", "0")
        with pytest.raises(MissingPathError, match="may not be downloaded") as caught:
            candle.get_file("x.csv", url + "x.csv", cache_subdir="Pilot1")
        assert url in caught.value.hint
        assert caught.value.location == str(self.cache / "Pilot1" / "x.csv")

    def test_md5(self, url: str) -> None:
        md5 = hashlib.md5(b"1,2\n").hexdigest()
        with pytest.raises(CorruptFileError, match="has not the MD5"):
            candle.get_file("x.csv", url + "x.csv", md5_hash="0" * 32)
        assert not (self.cache / "common" / "x.csv").exists()
        path = candle.get_file("x.csv", url + "x.csv", md5_hash=md5)
        with pytest.raises(CorruptFileError, match="MD5"):
            candle.get_file("x.csv", "https://x/x.csv", md5_hash="0" * 32, datadir=str(Path(path).parent))

    def test_a_place_that_has_it_not(self, url: str) -> None:
        with pytest.raises(ServiceError, match="cannot be fetched"):
            candle.get_file("y.csv", url + "y.csv")
        assert list((self.cache / "common").iterdir()) == []

    @pytest.mark.parametrize("name", ["../x.csv", "/etc/passwd", "a/../../x", ""])
    def test_names_that_leave_the_folder(self, name: str) -> None:
        with pytest.raises(InvalidInputError, match="leaves the folder"):
            candle.get_file(name, "https://x/x.csv")

    def test_an_address_that_is_none(self) -> None:
        with pytest.raises(InvalidInputError, match="no address"):
            candle.get_file("x.csv", "x.csv")
        with pytest.raises(UnsupportedFormatError, match="needs a login"):
            candle.get_file("x.csv", "https://modac.cancer.gov/api/v2/dataObject/x.csv")

    @pytest.mark.parametrize(("kind", "end"), [("gztar", ".tar.gz"), ("zip", ".zip")])
    @pytest.mark.parametrize("word", ["unpack", "untar"])
    def test_archives(self, tmp_path: Path, url: str, kind: str, end: str, word: str) -> None:
        (tmp_path / "in" / "d").mkdir(parents=True)
        (tmp_path / "in" / "d" / "f").write_text("x")
        shutil.make_archive(str(tmp_path / "served" / "d"), kind, tmp_path / "in")
        for _ in range(2):
            found = candle.get_file(f"d{end}", f"{url}d{end}", **{word: True})
            assert (Path(found) / "f").read_text() == "x"
            (tmp_path / "served" / f"d{end}").unlink(missing_ok=True)  # the second time, it is in the cache

    def test_archives_that_leave_the_folder(self, tmp_path: Path) -> None:
        folder = self.cache / "common"
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            archive.writestr("../harmed", "x")
        link = zipfile.ZipInfo("b/link")
        link.external_attr = 0o120777 << 16
        with zipfile.ZipFile(folder / "b.zip", "w") as archive:
            archive.writestr(link, "/etc")
        with tarfile.open(folder / "c.tar.gz", "w:gz") as archive:
            member = tarfile.TarInfo("../harmed")
            archive.addfile(member)
        for name in ("a.zip", "b.zip", "c.tar.gz"):
            with pytest.raises(UnsafeContentError, match="not unpacked"):
                candle.get_file(name, "https://x")
        assert not (self.cache / "harmed").exists()
        (folder / "e.zip").write_bytes(b"no archive")
        with pytest.raises(CorruptFileError, match="cannot be unpacked"):
            candle.get_file("e.zip", "https://x")
