import pytest

from nami_bench.errors import WorkError
from nami_bench.prompts.cache import cached_file, read_or_download
from nami_bench.prompts.files import digest
from nami_bench.prompts.protocol import Availability
from nami_bench.prompts.public import PublicSource
from nami_bench.services import bounded_client, retrying_client
from tests.support.http_server import Reply, http_server

DATA = b"a cat\na dog on a mat\n"
SHA256 = digest(DATA)


class Files:
    def __init__(self):
        self.requests = []

    def answer(self, asked):
        self.requests.append(asked.path)
        if asked.path == "/missing.txt":
            return Reply(404)
        if asked.path == "/moved.txt":
            return Reply(302, headers={"Location": "/good.txt"})
        # The truncated answer promises more than it sends, and hangs up.
        cut_off = {"Content-Length": str(len(DATA) + 100), "Connection": "close"}
        return Reply(body=DATA, headers=cut_off if asked.path == "/truncated.txt" else {})


@pytest.fixture
def server(monkeypatch, no_proxy, tmp_path):
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.01)
    files = Files()
    with http_server(files.answer) as files.address:
        yield files


def files_in(folder):
    """But for the locks, which stay."""
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_download_is_kept_and_not_repeated(server, tmp_path):
    address = f"{server.address}/good.txt"
    assert read_or_download("cats", address, SHA256) == DATA
    assert read_or_download("cats", address, SHA256) == DATA
    assert server.requests == ["/good.txt"]
    assert files_in(tmp_path) == [cached_file("cats", address)]


def test_redirects_are_followed(server):
    assert read_or_download("cats", f"{server.address}/moved.txt", SHA256) == DATA


def test_a_wrong_hash_leaves_nothing(server, tmp_path):
    with pytest.raises(WorkError, match=rf"has the SHA-256 {SHA256}, expected 0000.*--source cats=FILE"):
        read_or_download("cats", f"{server.address}/good.txt", "0" * 64)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "message", "left"),
    [
        ("/missing.txt", "the server answered 404", []),
        ("/truncated.txt", "peer closed connection", ["truncated.txt.partial"]),
    ],
)
def test_failed_downloads_leave_nothing_that_is_used_and_say_why(server, tmp_path, path, message, left):
    with pytest.raises(WorkError, match=message):
        read_or_download("cats", server.address + path, "0" * 64)
    assert [file.name for file in files_in(tmp_path)] == left


def test_a_refused_connection_is_one_sentence(server):
    with http_server(server.answer) as server.address:
        pass  # and it is gone
    with pytest.raises(
        WorkError, match=r"cannot download http.*refused; try again, or give the file with --source"
    ):
        read_or_download("cats", f"{server.address}/good.txt", SHA256)


def test_an_endless_answer_is_cut_off(server, monkeypatch, tmp_path):
    monkeypatch.setattr(bounded_client, "MAX_BYTES", 5)
    with pytest.raises(WorkError, match="larger than 5 bytes"):
        read_or_download("cats", f"{server.address}/good.txt", SHA256)
    assert files_in(tmp_path) == []


def test_a_damaged_cache_is_downloaded_again(server):
    address = f"{server.address}/good.txt"
    read_or_download("cats", address, SHA256)
    cached_file("cats", address).write_bytes(b"damaged")
    assert read_or_download("cats", address, SHA256) == DATA
    assert cached_file("cats", address).read_bytes() == DATA


def test_a_public_source_downloads_itself_and_is_here_afterwards(server):
    class Cats(PublicSource):
        name, licence = "cats", "CC0"
        address, sha256 = f"{server.address}/good.txt", SHA256

    source = Cats(Cats.Options())
    assert source.availability is Availability.DOWNLOAD
    content = source.load()
    assert [c.text for c in content.candidates] == ["a cat", "a dog on a mat"]
    assert (content.sha256, content.file) == (SHA256, "good.txt")
    assert source.availability is Availability.HERE
    cached_file("cats", Cats.address).write_bytes(b"damaged")
    assert source.availability is Availability.DOWNLOAD


def test_a_local_file_is_read_instead_of_the_network(server, tmp_path):
    class Cats(PublicSource):
        name, licence = "cats", "CC0"
        address, sha256 = f"{server.address}/good.txt", SHA256

    own = tmp_path / "own.txt"
    own.write_text("another cat\n", encoding="utf-8")
    content = Cats(Cats.Options(path=own)).load()
    assert [c.text for c in content.candidates] == ["another cat"]
    assert content.sha256 == digest(own.read_bytes())
    assert server.requests == []


def test_without_the_variable_the_cache_is_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("NAMI_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".cache" / "nami-bench" / "prompts" / "cats" / "f.txt"
    assert cached_file("cats", "https://example.org/a/f.txt") == expected
