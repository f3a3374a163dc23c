"""A site's folder: what is another's stays, what is stale goes, what did not change is not written again."""

from pathlib import Path

import pytest

from nami_bench.errors import InputError
from nami_bench.site.folder import MARK, SiteFolder
from nami_bench.site.names import file_names, rater_names


def built(root: Path, **files: bytes) -> SiteFolder:
    folder = SiteFolder(root)
    for name, content in files.items():
        folder.put(name.replace("__", "/") + ".html", content)
    folder.finish()
    return folder


def test_a_folder_of_others_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="something that is no site"):
        SiteFolder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(InputError, match="is no folder"):
        SiteFolder(tmp_path / "thesis.tex")


def test_what_is_stale_goes_and_what_others_put_beside_it_stays(tmp_path: Path) -> None:
    built(tmp_path, index=b"1", old=b"1", prompt__00001=b"1", model__a__b=b"1")
    (tmp_path / "CNAME").write_text("board.example.org")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text("x")
    (tmp_path / "prompt/left-behind.html").write_text("of a build that was stopped")
    again = built(tmp_path, index=b"1", prompt__00001=b"2")
    assert (again.written, again.kept) == (1, 1)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"index.html", "prompt/00001.html", MARK, "CNAME", ".git/config"}
    assert not (tmp_path / "model").exists()


def test_a_file_that_somebody_changed_or_deleted_is_written_again(tmp_path: Path) -> None:
    built(tmp_path, index=b"one", other=b"two")
    (tmp_path / "index.html").write_bytes(b"changed")
    (tmp_path / "other.html").unlink()
    assert built(tmp_path, index=b"one", other=b"two").written == 2
    assert (tmp_path / "index.html").read_bytes() == b"one"


def test_a_build_that_was_stopped_can_go_on(tmp_path: Path) -> None:
    SiteFolder(tmp_path / "pages").put("prompt/00001.html", b"1")  # and never finished
    assert built(tmp_path / "pages", index=b"1").written == 1
    assert not (tmp_path / "pages/prompt").exists()


def test_a_mark_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / MARK).write_text("[]")
    with pytest.raises(InputError, match="is not what a site's build wrote"):
        SiteFolder(tmp_path)


def test_raters_names_hang_on_the_key_and_on_nobody_else() -> None:
    names = rater_names(["ann", "ben", "simulated-1"], b"key")
    assert names["simulated-1"] == "simulated-1"
    assert rater_names(["ben", "zoe"], b"key")["ben"] == names["ben"]
    assert rater_names(["ann"], b"another")["ann"] != names["ann"]
    many = rater_names([f"person {n}" for n in range(5000)], b"key")
    assert len(set(many.values())) == 5000


def test_files_have_names_that_no_disk_takes_for_the_same() -> None:
    found = file_names(["Model", "model", "a/b", "a-b"])
    assert found == {"Model": "Model", "model": "model-2", "a/b": "a-b", "a-b": "a-b-2"}
