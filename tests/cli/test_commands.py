import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fractalgen.families.ifs import IFS

TINY = ("--size", "16", "--n", "4")


def test_four_commands_in_a_row_work_without_an_argument(run, tree, tmp_path):
    (tmp_path / "small.toml").write_text(
        "size = 16\n[escape-time]\nn = 3\n[ifs]\nn = 5\n[features]\nn = 2\n"
    )
    for family, n in (("escape-time", 3), ("ifs", 4), ("features", 2)):
        result = run(family, "--n", n, "--size", 16)
        assert result.exit_code == 0
        assert f"{n} drawn, 0 kept" in result.stdout
    result = run("build-set", "--recipe", "small.toml")
    assert result.exit_code == 0
    assert "ifs                  5 images: 1 drawn, 4 kept" in result.stdout
    assert "ipmix-set: 10 images of 16 x 16 pixels, " in result.stdout
    before = tree(tmp_path / "ipmix-set")
    assert run("verify", "--redraw", 3).exit_code == 0
    assert run("build-set", "--recipe", "small.toml", "other").exit_code == 0
    assert tree(tmp_path / "other") == before == tree(tmp_path / "ipmix-set")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("isf",), "unknown command 'isf': did you mean 'ifs'?"),
        (("ifs", "--n", "0"), "n must be a whole number, 1 or more, not 0"),
        (("ifs", "--n", "-3"), "n must be a whole number, 1 or more, not -3"),
        (("ifs", "--n", "many"), "'many' is not a valid integer"),
        (("ifs", "--n", "1", "--start-index", "-1"), "start_index must be a whole number"),
        (("ifs", "--size", "1"), "size must be a whole number from 16 to 16384 pixels, not 1"),
        (("ifs", "--size", "15"), "from 16 to 16384"),
        (("ifs", "--size", "100000"), "from 16 to 16384"),
        (("build-set", "--size", "15"), "from 16 to 16384"),
        (("ifs", "--seed", "-1"), "seed must be"),
        (("ifs", "--format", "jpgg"), "unknown format 'jpgg': did you mean 'jpeg'?"),
        (("ifs", "--palette", "embr"), "unknown palette 'embr': did you mean 'ember'?"),
        (("ifs", "--palette", "bad.gpl"), "bad.gpl, line 3"),
        (("ifs", "--objects", "6"), "objects must be a whole number from 1 to 5, not 6"),
        (
            ("escape-time", "--supersample", "0"),
            "supersample must be a whole number from 1 to 4, not 0",
        ),
        (("ifs", "--workers", "0"), "--workers"),
        (("ifs", "--sead", "1"), "--seed"),
        (("build-set", "--recipe", "bad.toml"), "bad.toml, line 2: unknown key 'sise'"),
        (("build-set", "--recipe", "none.toml"), "none.toml: No such file"),
        (("build-set", "--n", "5"), "the recipe says how many images it draws"),
        (("build-set", "--repair", "--size", "32"), "--repair"),
        (("build-set", "--repair", "--classes", "3", "--instances", "3"), "--repair"),
        (("build-set", "--classes", "0", "--instances", "3"), "classes must be a whole number, 1"),
        (("build-set", "--classes", "3", "--instances", "-1"), "instances must be a whole number"),
        (("build-set", "--classes", "3"), "--classes needs --instances too"),
        (("build-set", "--family", "ifs"), "--family needs --classes too"),
        (("build-set", "--recipe", "rcdb", "--classes", "3"), "either --recipe or --classes"),
        (("contact-sheet", "--n", "0"), "--n"),
        (("contact-sheet", "-o", "sheet.gif"), ".png, .jpg or .webp"),
        (("stats", "-o", "page.gif"), ".png, .jpg or .webp"),
        (("stats", "--limit", "0"), "--limit"),
        (("render",), "IMAGE"),
        (("ifs", ""), "the path is empty"),
        (("build-set", "--recipe", ""), "the path is empty"),
        (("build-set", "--recipe", "ipmx"), "unknown recipe 'ipmx': did you mean 'ipmix'?"),
        (("build-set", "--repair", "--recipe", "ipmix"), "--repair"),
        (("export", "set"), "OUT"),
        (("build-set", "--extra", ""), "the path is empty"),
        (("build-set", "--recipe", "/dev/zero"), "/dev/zero: it is a device, not a file"),
        (("build-set", "--recipe", "list.toml"), "list.toml, line 1: ifs must be a table"),
        (("build-set", "--recipe", "size.toml"), "size.toml, line 1: size is a key, not a table"),
        (("ifs", "--palette", "nothing.gpl"), "no palette file 'nothing.gpl'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(run, tmp_path, arguments, message):
    (tmp_path / "bad.gpl").write_text("GIMP Palette\n0 0 0\n300 0 0\n")
    (tmp_path / "bad.toml").write_text("size = 16\nsise = 3\n[ifs]\nn = 1\n")
    (tmp_path / "list.toml").write_text("ifs = 3\n")
    (tmp_path / "size.toml").write_text("[size]\nn = 3\n")
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert not (tmp_path / "ipmix-set").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ifs", "--seed", "1", *TINY), "seed is 0 in the set, but 1 was requested"),
        (("ifs", "--palette", "ember", *TINY), 'ifs.palette is "any" in the set, but "ember"'),
        (("ifs", *TINY, "file"), "file is not a folder"),
        (("ifs", *TINY, "file/deeper"), "file is not a folder"),
        (("build-set", "--size", "16", "--extra", "nowhere"), "nowhere does not exist"),
        (("build-set", "--repair", "nowhere"), "nowhere does not exist"),
        (("verify", "nowhere"), "nowhere does not exist"),
        (("verify", "file"), "file is not a folder"),
        (("contact-sheet", "nowhere"), "nowhere does not exist"),
        (("stats", "nowhere"), "nowhere does not exist"),
        (("stats", "file"), "file is not a folder"),
        (("render", "ipmix-set/ifs/000009.jpg"), "no record of ifs/000009.jpg"),
        (("render", "file"), "is not an image of a set"),
        (("render", "ipmix-set/set.json"), "is not an image of a set"),
    ],
)
def test_a_failure_is_one_line_and_exit_1(run, tree, tmp_path, arguments, message):
    run("ifs", *TINY)
    (tmp_path / "file").touch()
    before = tree(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert tree(tmp_path) == before


def test_what_is_not_given_is_as_in_the_set_there(run, tree, tmp_path):
    settings = ("--size", 24, "--seed", 5, "--format", "png")
    run("features", "--n", 2, *settings)
    run("ifs", "--n", 3, *settings)
    kept = {name: data for name, data in tree(tmp_path).items() if "/features/" in name}
    assert run("ifs", "--n", 4).exit_code == 0
    result = run("ifs", "--n", 3, "--palette", "ember", "--overwrite")
    assert result.exit_code == 0
    assert "Removed 4 images drawn earlier." in result.stdout
    (tmp_path / "small.toml").write_text("seed = 5\n[escape-time]\nn = 1\n")
    assert run("build-set", "--recipe", "small.toml").exit_code == 0
    assert kept.items() <= tree(tmp_path).items()
    described = json.loads((tmp_path / "ipmix-set/set.json").read_text())["recipe"]
    assert (described["size"], described["seed"], described["format"]) == (24, 5, "png")
    assert run("verify").exit_code == 0
    result = run("ifs", "--n", 3, "--palette", "ember", "--size", 16)
    assert result.exit_code == 1
    assert "size is 24 in the set, but 16 was requested" in result.stderr


def test_a_damaged_set_is_begun_anew_with_the_defaults(run, tmp_path):
    run("ifs", *TINY, "--format", "png")
    (tmp_path / "ipmix-set/set.json").write_text("{")
    result = run("ifs", "--n", 1)
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr
    assert run("ifs", "--n", 1, "--overwrite").exit_code == 0
    described = json.loads((tmp_path / "ipmix-set/set.json").read_text())["recipe"]
    assert (described["size"], described["seed"], described["format"]) == (256, 0, "jpeg")


def test_a_set_without_images_can_be_repaired(run, tmp_path):
    run("ifs", *TINY)
    described = json.loads((tmp_path / "ipmix-set/set.json").read_text())
    described["recipe"]["families"] = {}
    (tmp_path / "ipmix-set/set.json").write_text(json.dumps(described))
    result = run("build-set", "--repair")
    assert result.exit_code == 0
    assert "ipmix-set: 0 images" in result.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_a_place_where_nothing_can_be_made(run):
    result = run("ifs", *TINY, "/proc/set")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: /proc/set: ")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
@pytest.mark.parametrize("command", ["ifs", "build-set", "contact-sheet"])
def test_a_folder_without_permission(run, tmp_path, command):
    run("ifs", *TINY, "mine/set")
    for folder in (tmp_path / "mine/set", tmp_path / "mine"):
        folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:  # who may do everything
        os.seteuid(65534)
    try:
        options = {"ifs": ("--n", 9, "--size", 16, "mine/set"), "build-set": ("mine/other",)}
        result = run(command, *options.get(command, ("mine/set", "-o", "mine/sheet.png")))
    finally:
        os.seteuid(user)
        for folder in (tmp_path / "mine", tmp_path / "mine/set"):
            folder.chmod(0o755)
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_results_go_to_stdout_and_quiet_is_silent(run):
    assert run("ifs", *TINY, "--quiet").output == ""
    result = run("ifs", *TINY)
    assert result.stderr == ""
    assert "0 drawn, 4 kept" in result.stdout
    assert run("verify", "--quiet").output == ""


def test_json_for_programs(run, tmp_path):
    built = json.loads(run("ifs", *TINY, "--json").stdout)
    assert (built["ok"], built["drawn"], built["families"]["ifs"]["kept"]) == (True, 4, 0)
    (tmp_path / "ipmix-set/ifs/000002.jpg").unlink()
    result = run("verify", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["ok"], found["missing"]) == (False, ["ifs/000002.jpg"])
    repaired = json.loads(run("build-set", "--repair", "--json").stdout)
    assert (repaired["drawn"], repaired["ok"]) == (1, True)


def test_overwrite_is_the_way_out(run, tree, tmp_path):
    run("ifs", *TINY)
    result = run("ifs", *TINY, "--seed", 1, "--overwrite")
    assert result.exit_code == 0
    assert "Removed 4 images drawn earlier." in result.stdout
    run("ifs", *TINY, "--seed", 1, "fresh")
    assert tree(tmp_path / "ipmix-set") == tree(tmp_path / "fresh")


def test_options_reach_the_parameters(run, tmp_path):
    """Each option of a family's command is in the set's recipe, and a file's colours are."""
    (tmp_path / "two.gpl").write_text("GIMP Palette\n#\n10 20 30\n240 250 255\n")
    run(
        "ifs",
        *TINY,
        "--objects",
        3,
        "--palette",
        "two.gpl",
        "--start-index",
        7,
        "--format",
        "PNG",
        "a",
    )
    described = json.loads((tmp_path / "a/set.json").read_text())["recipe"]
    assert described["format"] == "png"
    assert described["families"]["ifs"] == {
        "version": IFS.version,
        "indices": [[7, 11]],
        "options": {"palette": "#0a141e,#f0faff", "objects": 3},
    }
    run("escape-time", *TINY, "--supersample", 1, "b")
    described = json.loads((tmp_path / "b/set.json").read_text())["recipe"]
    assert described["families"]["escape-time"]["options"]["supersample"] == 1


def test_refused_images_are_named_and_the_rest_is_taken(run, tmp_path):
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "mine/red.png")
    (tmp_path / "mine/broken.png").write_bytes(b"broken")
    (tmp_path / "small.toml").write_text("size = 16\n[ifs]\nn = 2\n")
    result = run("build-set", "--recipe", "small.toml", "--features", "mine", "--extra", "mine")
    assert result.exit_code == 1
    assert result.stderr.count("Refused broken.png: not an image") == 2
    assert (tmp_path / "ipmix-set/features/000000.png").exists()
    assert (tmp_path / "ipmix-set/extra/000000.png").exists()
    assert (tmp_path / "ipmix-set/ifs/000001.jpg").exists()
    assert run("verify").exit_code == 0
    result = run("render", "ipmix-set/extra/000000.png")
    assert result.exit_code == 1
    assert "collected, not drawn" in result.stderr


def test_a_image_is_redrawn_at_another_size(run, tmp_path):
    run("ifs", "--n", 3, "--size", 64, "--format", "png")
    result = run("render", "ipmix-set/ifs/000002.png", "--size", 64, "-o", "same.png")
    assert result.exit_code == 0
    recorded = np.asarray(Image.open(tmp_path / "ipmix-set/ifs/000002.png"))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "same.png")), recorded)
    result = run("render", "ipmix-set/ifs/000002.png", "--size", 128)
    assert result.stdout == "ifs-000002-128.png: 128 x 128 pixels\n"
    large = Image.open(tmp_path / "ifs-000002-128.png")
    assert large.size == (128, 128)
    again = np.asarray(large.resize((64, 64), Image.Resampling.BOX)).astype(float)
    assert np.corrcoef(again.ravel(), recorded.ravel())[0, 1] > 0.6
    result = run("render", "ipmix-set/ifs/000002.png", "-o", "ipmix-set/ifs/large.png")
    assert result.exit_code == 2
    assert "is inside the set" in result.stderr


def test_a_gallery(run, tmp_path):
    run("ifs", "--n", 3, "--size", 32, "--quiet")
    result = run("gallery")
    assert result.exit_code == 0
    assert "index.html: 3 images, " in result.stdout
    assert (tmp_path / "gallery" / "index.html").is_file()
    result = run("gallery")
    assert result.exit_code == 1
    assert result.stderr == "Error: gallery already exists; --overwrite replaces the gallery\n"
    (tmp_path / "ipmix-set" / "ifs" / "000001.jpg").write_bytes(b"damaged")
    result = run("gallery", "--overwrite", "--single-file")
    assert result.stdout.startswith("gallery.html: 2 images, ")
    assert "Left out 1 image: ifs/000001.jpg: not an image" in result.stderr


def test_a_contact_sheet(run, tmp_path):
    run("ifs", "--n", 7, "--size", 16)
    run("features", "--n", 2, "--size", 16)
    result = run("contact-sheet", "--n", 8, "--columns", 3, "--tile", 50, "-o", "sheet.png")
    assert result.exit_code == 0
    gap = 2
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (3 * 50 + 4 * gap, 3 * 50 + 4 * gap)
        first = np.asarray(sheet)
        assert (first[:gap] == first[0, 0]).all()
        assert np.std(first[gap : gap + 50, gap : gap + 50]) > 0
    for arguments, same in (((), True), (("--seed", 1), False)):
        command = ("contact-sheet", "--n", 8, "--columns", 3, "--tile", 50, "-o", "again.png")
        run(*command, *arguments)
        with Image.open(tmp_path / "again.png") as sheet:
            assert np.array_equal(np.asarray(sheet), first) == same
    run("contact-sheet", "--family", "features", "--n", 9, "--tile", 50, "-o", "two.jpg")
    with Image.open(tmp_path / "two.jpg") as sheet:
        assert sheet.size == (2 * 50 + 3 * gap, 50 + 2 * gap)
    result = run("contact-sheet", "--family", "featurs")
    assert result.exit_code == 2
    assert "did you mean 'features'?" in result.stderr


def test_stats_of_a_set_as_a_table_as_json_and_on_a_page(run, tmp_path):
    run("ifs", "--n", 5, "--size", 24)
    run("features", "--n", 3, "--size", 24)
    result = run("stats", "-o", "page.png")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["images", "entropy", "edges"]
    assert [line.split()[:2] for line in lines[1:7:2]] == [
        ["features", "3"],
        ["ifs", "5"],
        ["all", "8"],
    ]
    assert lines[-1].startswith("page.png: 1400 x ")
    with Image.open(tmp_path / "page.png") as page:
        assert page.width == 1400
    result = run("stats", "--limit", 2, "--json", "-o", "page.png")
    found = json.loads(result.stdout)
    assert [group["images"] for group in (*found["groups"], found["all"])] == [2, 2, 4]
    assert 0 < found["all"]["entropy"]["p5"] <= found["all"]["entropy"]["p95"] <= 8
    assert run("stats", "--quiet").stdout == ""
    assert "is inside the set" in run("stats", "-o", "ipmix-set/page.png").stderr


def test_stats_name_damaged_images_and_measure_the_rest(run, tmp_path):
    run("ifs", "--n", 3, "--size", 24)
    (tmp_path / "ipmix-set/ifs/000001.jpg").write_bytes(b"damaged")
    result = run("stats", "--json")
    assert result.exit_code == 1
    assert "1 image in ipmix-set cannot be read:\n  ifs/000001.jpg: not an image" in result.stderr
    assert json.loads(result.stdout)["all"]["images"] == 2
    for index in (0, 2):
        (tmp_path / f"ipmix-set/ifs/{index:06d}.jpg").write_bytes(b"damaged")
    result = run("stats")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "3 images in ipmix-set cannot be read" in result.stderr
    (tmp_path / "empty").mkdir()
    result = run("stats", "empty")
    assert result.exit_code == 1
    assert "empty holds no images" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_every_command(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 0
    for name in (
        "build-set",
        "collect",
        "escape-time",
        "ifs",
        "features",
        "merge",
        "recipes",
        "palettes",
        "verify",
        "contact-sheet",
        "stats",
        "export",
        "render",
        "show-ipmix",
        "show-methods",
        "train-with-set",
        "evaluate",
        "compare",
    ):
        assert f"\n  {name} " in result.stdout
    assert "..." not in result.stdout.partition("Commands:")[2], "a line is cut off"


def test_the_version(run):
    from fractalgen import __version__

    assert run("--version").stdout == f"fractalgen {__version__}\n"


def test_what_webp_cannot_hold_is_refused_before_it_is_drawn(run, tmp_path):
    run("ifs", *TINY)
    for arguments in (
        ("render", "ipmix-set/ifs/000000.jpg", "--size", 16384, "-o", "big.webp"),
        ("contact-sheet", "--tile", 4096, "--columns", 4, "-o", "big.webp"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "big.webp").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_images_that_may_not_be_read_are_broken_and_can_be_repaired(run, tree, tmp_path):
    run("ifs", *TINY)
    before = tree(tmp_path)
    folder = tmp_path / "ipmix-set"
    user = os.geteuid()
    (folder / "ifs/000001.jpg").chmod(0)
    (tmp_path / "secret.toml").touch(0)
    closed_parents = [path for path in tmp_path.parents if not path.stat().st_mode & 0o001]
    if user == 0:  # who may do everything
        for path in (tmp_path, folder, *folder.rglob("*")):
            os.chown(path, 65534, -1)
        (tmp_path / "ipmix-set/ifs").chmod(0o755)
        for path in closed_parents:
            path.chmod(0o711)
        os.seteuid(65534)
    try:
        found = run("verify", "--json")
        recipe = run("build-set", "--recipe", "secret.toml")
        repaired = run("build-set", "--repair")
        Path("ipmix-set").chmod(0)
        closed = [run(command) for command in ("verify", "ifs", "contact-sheet")]
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
        for path in closed_parents:
            path.chmod(0o700)
    assert json.loads(found.stdout)["altered"] == ["ifs/000001.jpg"]
    assert repaired.exit_code == 0, repaired.stderr
    (tmp_path / "secret.toml").unlink()
    assert tree(tmp_path) == before
    for result in (recipe, *closed):
        assert result.exit_code == 1
        assert "Permission denied" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_family_that_is_a_file_and_a_image_that_is_a_folder(run, tmp_path):
    run("ifs", *TINY)
    folder = tmp_path / "ipmix-set"
    (folder / "ifs/000001.jpg").unlink()
    (folder / "ifs/000001.jpg").mkdir()
    result = run("build-set", "--repair")
    assert result.exit_code == 1
    assert "ifs/000001.jpg: Is a directory. Move it away first." in result.stderr
    (folder / "ifs").rename(tmp_path / "moved")
    (folder / "ifs").write_text("mine")
    for arguments in (("build-set", "--repair"), ("verify",), ("ifs", *TINY)):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "ifs is not a folder; move it away first" in result.stderr
    (folder / "ifs").unlink()
    (folder / "ifs").symlink_to(tmp_path / "moved")
    assert "is a link" in run("verify").stderr


def test_collected_images_of_another_source_and_too_few_are_told(run, tmp_path):
    for name, numbers in (("few", range(3)), ("many", range(10, 15))):
        (tmp_path / name).mkdir()
        for number in numbers:
            Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / name / f"{number}.png")
    (tmp_path / "small.toml").write_text("size = 16\n[ifs]\nn = 2\n[features]\nn = 9\n")
    command = ("build-set", "--recipe", "small.toml")
    result = run(*command, "--features", "few")
    assert "features has 3 images; the recipe requests 9." in result.stdout
    assert "earlier" not in result.stdout
    result = run(*command, "--features", "many")
    assert result.exit_code == 0
    assert "features keeps 3 other images, from an earlier source." in result.stdout
    result = run(*command)
    assert result.exit_code == 1
    assert "--features as before" in result.stderr
    assert "--overwrite" not in result.stderr
    for number in (0, 1, 4):
        (tmp_path / f"ipmix-set/features/{number:06d}.png").unlink()
    result = run("build-set", "--repair")
    assert result.exit_code == 1
    assert "8 images: 0 collected, 5 kept, 3 missing" in result.stdout


def test_the_summary_counts_what_was_asked_for(run, tmp_path):
    run("ifs", *TINY)
    asked = json.loads(run("ifs", "--n", 1, "--json").stdout)
    assert asked["bytes"] == (tmp_path / "ipmix-set/ifs/000000.jpg").stat().st_size
    assert "ifs           1 image: 0 drawn, 1 kept" in run("ifs", "--n", 1).stdout


def test_a_manifest_with_absurd_parameters_is_answered_at_once(run, tmp_path):
    run("escape-time", "--n", 2, "--size", 16)
    path = tmp_path / "ipmix-set/manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["params"]["viewport"]["x"] = 1e308
    lines[1]["params"]["max_iter"] = 10**9
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    for index, message in enumerate(
        ("a viewport's centre must be from -8 to 8, not 1e+308", "max_iter must be from 1 to 1024")
    ):
        result = run("render", f"ipmix-set/escape-time/{index:06d}.jpg")
        assert result.exit_code == 1
        assert f"params of escape-time/{index:06d}.jpg: {message}" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    result = run("verify", "--redraw", 2)
    assert result.exit_code == 1
    assert "2 different when redrawn" in result.stdout


def test_the_palettes_with_colours(run):
    shown = dict(line.split() for line in run("palettes").stdout.splitlines())
    given = json.loads(run("palettes", "--json").stdout)
    assert given == {name: colors.split(",") for name, colors in shown.items()}
    assert {"ember", "absinthe"} <= set(shown)
    assert run("ifs", "--n", 1, "--size", 16, "--palette", shown["ember"]).exit_code == 0


def test_the_recipes_with_counts_sizes_and_times(run):
    shown = run("recipes")
    assert shown.exit_code == 0
    given = json.loads(run("recipes", "--json").stdout)
    for recipe in given["recipes"]:
        line = next(one for one in shown.stdout.splitlines() if one.startswith(recipe["name"]))
        assert f"{recipe['images']:,} images, {recipe['bytes'] / 1e6:.1f} MB, " in line
        for family, n in recipe["families"].items():
            assert f"{n:,} {family}" in line
        assert recipe["seconds"] > 0
        assert recipe["description"] in shown.stdout
    assert given["measured_on"] in shown.stdout


def test_a_shipped_recipe_is_drawn_by_name(run, tmp_path, monkeypatch):
    from fractalgen.mixing_set.recipes import shipped

    monkeypatch.setattr(shipped, "_FOLDER", tmp_path / "recipes")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/tiny.toml").write_text('description = "Few"\n[ifs]\nn = 3\n')
    result = run("build-set", "--recipe", "tiny", "--size", "16", "--seed", "5", "set")
    assert result.exit_code == 0
    described = json.loads((tmp_path / "set/set.json").read_text())["recipe"]
    assert (described["size"], described["seed"]) == (16, 5)
    assert run("verify", "set").exit_code == 0


def test_export(run, tmp_path):
    run("ifs", *TINY, "set")
    run("features", *TINY, "set")
    result = run("export", "set", "--layout", "pixmix", "out")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "fractals_and_fvis/fractals/images: 4 images",
        "fractals_and_fvis/first_layers_resized256_onevis/images: 4 images",
        "out: 8 hard-linked, 0 copied, 0 kept",
    ]
    again = json.loads(run("export", "set", "out", "--copy", "--json").stdout)
    assert (again["linked"], again["copied"], again["kept"]) == (0, 8, 0)
    assert run("export", "set", "out", "--quiet").stdout == ""

    unknown = run("export", "set", "out", "--layout", "pixmx")
    assert unknown.exit_code == 2
    assert "unknown layout 'pixmx': did you mean 'pixmix'?" in unknown.stderr
    copied = run("export", "set", "shards", "--layout", "webdataset", "--copy")
    assert (copied.exit_code, "--copy needs --layout pixmix" in copied.stderr) == (2, True)
    foreign = run("export", "set", ".")
    assert foreign.exit_code == 1
    assert "holds other files" in foreign.stderr
    (tmp_path / "set/ifs/000001.jpg").unlink()
    broken = run("export", "set", "out")
    assert broken.exit_code == 1
    assert "'fractalgen verify set' lists them" in broken.stderr
