import hashlib
import json

import pytest
from PIL import Image

from fractalgen.errors import SetError
from fractalgen.files.downloader import WebOptions
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.collecting.collect import CollectOptions
from tests.files.misbehaving import misbehaving_server
from tests.mixing_set.collecting.test_archives import png
from tests.mixing_set.collecting.test_collect import EMPTY, noise, records
from tests.mixing_set.small_sets import tree

WEB = WebOptions(allow_private=True, backoff=0.01, retries=1)
LOCAL = CollectOptions(web=WEB)


@pytest.fixture
def server():
    with misbehaving_server({f"/{n}.png": png(n) for n in range(8)}) as server:
        yield server


def collect(tmp_path, text, options=LOCAL, out="set"):
    (tmp_path / "list.txt").write_text(text, "utf-8")
    return build(
        EMPTY, tmp_path / out, collected={"extra": str(tmp_path / "list.txt")}, collecting=options
    )


def refused(summary):
    return {one.path.rpartition("/")[2]: one.reason for one in summary.refused}


def test_a_list_is_downloaded_and_what_is_no_image_is_refused_by_its_contents(server, tmp_path):
    lines = ["# my images", "", *(f"{server.address}/{n}.png" for n in (1, 0, 1))]
    lines += [f"{server.address}/{path}" for path in ("page", "nowhere.png", "always-short")]
    lines += ["ftp://example.org/a.png", "file:///etc/passwd", "nonsense"]
    summary = collect(tmp_path, "\ufeff" + "\r\n".join(lines))
    assert refused(summary) == {
        "page": "not an image, or its header is damaged",
        "nowhere.png": "the server answered 404 Not Found",
        "always-short": "the transfer was interrupted",
        "line 9": "not an http(s) URL",
        "line 10": "not an http(s) URL",
        "line 11": "not an http(s) URL",
    }
    origins = [record["origin"] for record in records(tmp_path / "set")]
    assert origins == [
        {"path": f"{server.address}/{n}.png", "sha256": hashlib.sha256(png(n)).hexdigest()}
        for n in (1, 0)
    ]
    assert summary.licences == (("unknown", 2),)
    assert summary.reasons[0] == ("not an http(s) URL", 3, "line 9")
    assert json.loads((tmp_path / "set/set.json").read_text())["licence"] == {
        "extra": "as their origin says"
    }
    assert verify(tmp_path / "set").ok


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_list_names_licence_author_and_hash(server, tmp_path, delimiter):
    good, bad = hashlib.sha256(png(0)).hexdigest().upper(), "0" * 64
    md5 = hashlib.md5(png(1), usedforsecurity=False).hexdigest()
    rows = [
        ["title", "License", "URL", "creator", "hash"],
        ["x", "CC-BY-4.0", f"{server.address}/0.png", '"Ü, the painter"', good],
        ["", "", f"{server.address}/1.png", "", f"md5:{md5}"],
        ["x", "CC0-1.0", f"{server.address}/2.png", "", bad],
        ["x", "CC0-1.0", f"{server.address}/3.png", "", "1234"],
        ["x", "CC0-1.0", f"{server.address}/4.png"],
    ]
    text = "\n".join(delimiter.join(row) for row in rows)
    summary = collect(tmp_path, text, CollectOptions("CC-BY-SA-4.0", "me", web=WEB))
    assert sorted(refused(summary).values()) == [
        "it differs from the hash in the list",
        "its hash is not a SHA-256, SHA-1 or MD5",
    ]
    found = [
        (record["origin"].get("licence"), record["origin"].get("author"))
        for record in records(tmp_path / "set")
    ]
    assert found == [
        ("CC-BY-4.0", "Ü, the painter"),
        ("CC-BY-SA-4.0", "me"),
        ("CC0-1.0", "me"),
    ]
    assert dict(summary.licences) == {"CC-BY-4.0": 1, "CC-BY-SA-4.0": 1, "CC0-1.0": 1}


def test_an_interrupted_collection_downloads_only_what_is_missing(server, tmp_path):
    text = "\n".join(f"{server.address}/{n}.png" for n in range(8))
    collect(tmp_path, text)
    whole = tree(tmp_path / "set")
    manifest = tmp_path / "set/manifest.jsonl"
    manifest.write_bytes(b"".join(manifest.read_bytes().splitlines(keepends=True)[:5]) + b'{"torn')
    server.counts.clear()
    summary = collect(tmp_path, text)
    assert tree(tmp_path / "set") == whole
    assert {path for path in server.counts if path != "/robots.txt"} == {
        "/5.png",
        "/6.png",
        "/7.png",
    }
    assert (summary.n_drawn, summary.families[0].kept) == (3, 5)


def test_a_licence_that_becomes_known_is_recorded_without_a_download(server, tmp_path):
    collect(tmp_path, f"{server.address}/0.png")
    server.counts.clear()
    summary = collect(tmp_path, f"url,licence\n{server.address}/0.png,CC-BY-4.0")
    assert not server.counts
    assert summary.licences == (("CC-BY-4.0", 1),)
    assert records(tmp_path / "set")[0]["origin"]["licence"] == "CC-BY-4.0"


def test_near_duplicates_are_reported_or_left_out_also_in_a_later_run(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    image = noise(0, (8, 8)).resize((64, 64), Image.Resampling.BICUBIC)
    image.save(folder / "a.png")
    image.resize((48, 48)).save(folder / "b.jpg", quality=60)
    noise(1, (8, 8)).resize((64, 64)).save(folder / "c.png")
    summary = build(EMPTY, tmp_path / "kept", collected={"extra": str(folder)})
    assert summary.near_duplicates == (("extra/000001.jpg", "extra/000000.png"),)
    assert (summary.n_drawn, summary.n_left_out) == (3, 0)
    skipping = CollectOptions(skip_near_duplicates=True)
    args = {"collected": {"extra": str(folder)}, "collecting": skipping}
    (folder / "b.jpg").rename(tmp_path / "b.jpg")
    build(EMPTY, tmp_path / "left-out", **args)
    (tmp_path / "b.jpg").rename(folder / "b.jpg")
    summary = build(EMPTY, tmp_path / "left-out", **args)
    assert summary.near_duplicates == (("b.jpg", "extra/000000.png"),)
    assert (summary.n_drawn, summary.n_left_out) == (0, 1)
    assert summary.ok
    assert verify(tmp_path / "left-out").ok


def test_single_images_and_several_sources(server, tmp_path):
    noise(20).save(tmp_path / "mine.png")
    places = [f"{server.address}/0.png", str(tmp_path / "mine.png"), f"{server.address}/nowhere"]
    for _ in range(2):
        summary = build(EMPTY, tmp_path / "set", collected={"extra": places}, collecting=LOCAL)
        assert [one.path for one in summary.refused] == [f"{server.address}/nowhere"]
        paths = [record["origin"]["path"] for record in records(tmp_path / "set")]
        assert paths == [f"{server.address}/0.png", "mine.png"]
    assert server.counts["/0.png"] == 1
    with pytest.raises(SetError, match="neither an image nor"):
        build(
            EMPTY, tmp_path / "b", collected={"extra": f"{server.address}/page"}, collecting=LOCAL
        )
    with pytest.raises(SetError, match="404"):
        build(EMPTY, tmp_path / "c", collected={"extra": places[2]}, collecting=LOCAL)


def test_private_addresses_are_refused_by_default(server, tmp_path):
    (tmp_path / "list.txt").write_text(f"{server.address}/0.png")
    for place in (f"{server.address}/0.png", str(tmp_path / "list.txt")):
        options = CollectOptions()
        if place.startswith("http"):
            with pytest.raises(SetError, match="private or local address; --allow-private"):
                build(EMPTY, tmp_path / "set", collected={"extra": place}, collecting=options)
        else:
            summary = build(EMPTY, tmp_path / "set", collected={"extra": place})
            assert "private or local" in summary.refused[0].reason
    assert server.requests == []


def test_hosts_take_turns_and_thousands_of_dead_links_end_soon(server, tmp_path):
    lines = [f"http://127.0.0.1:9/{n}.png" for n in range(5000)]
    lines += [f"{server.address}/{n}.png" for n in range(8)]
    lines += [f"{server.address}/nowhere/{n}" for n in range(300)]
    summary = collect(tmp_path, "\n".join(lines))
    assert summary.n_drawn == 8
    counts = {reason: n for reason, n, _ in summary.reasons}
    assert sum(counts.values()) == 5300
    assert counts["the server answered 404 Not Found"] == 300
    assert counts["no connection; the host's other links are skipped"] > 4900


def test_urls_that_differ_in_a_secret_alone_are_images_of_their_own(tmp_path):
    with misbehaving_server({"/i": png(0)}) as server:
        lines = [f"{server.address}/i?key={n}" for n in range(3)]
        collect(tmp_path, lines[0])
        server.files["/i"] = png(1)  # another image at the other address
        summary = collect(tmp_path, "\n".join(lines[1:]))
    assert (summary.n_drawn, summary.ok) == (1, True)  # the two others are one image
    assert len(records(tmp_path / "set")) == 2
    assert "=1" not in (tmp_path / "set/manifest.jsonl").read_text()


def test_a_list_without_a_header_says_so(server, tmp_path):
    lines = [f"{server.address}/0.png", f"{server.address}/1.png,CC0-1.0,me"]
    summary = collect(tmp_path, "\n".join(lines))
    assert "the first line does not name them" in refused(summary)["line 2"]


def test_the_host_that_a_redirect_leads_to_is_to_blame(tmp_path):
    one_at_a_time = CollectOptions(web=WEB, connections=1)
    with misbehaving_server() as busy, misbehaving_server({"/ok.png": png(0)}) as server:
        text = f"{server.address}/to?{busy.address}/busy-for-long\n{server.address}/ok.png"
        summary = collect(tmp_path, text, one_at_a_time)
    assert [record["origin"]["path"] for record in records(tmp_path / "set")] == [
        f"{server.address}/ok.png"
    ]
    assert len(refused(summary)) == 1
