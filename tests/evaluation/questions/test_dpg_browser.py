"""The page of a judge's answers."""

import hashlib
import json

import pytest
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.browser import write_browser
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer
from nami_bench.images import write_png
from tests.support.browser import opened_page, page_data
from tests.support.dpg import image_answers
from tests.support.program import nami_bench

ATTACK = "</script><script>window.attacked = 1</script><img src=x onerror='window.attacked = 2'>"
CAT = Question(1, "Is there a cat?", category="entity - whole", line=7)
HAT = Question(2, "Is there a hat?", category="entity - whole", line=8)
RED = Question(3, ATTACK, parents=(2,), category="attribute - color", line=9)
WORN = Question(4, "Does the cat wear the hat?", parents=(1, 2), category="relation - spatial", line=10)
OIL = Question(5, "Is it an oil painting?", category="global", line=11)
CELLS = ((200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0))


@pytest.fixture
def results(tmp_path):
    """A file of results of two files with four images each, of which two and one were judged."""
    folder = tmp_path / "model"
    shas = {}
    for name, side in (("cat.png", 32), ("dog.png", 40)):
        grid = Image.new("RGB", (2 * side, 2 * side))
        for cell, color in enumerate(CELLS):
            grid.paste(color, box(cell, side))
        write_png(folder / name, grid)
        shas[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    all_yes = dict.fromkeys((CAT, HAT, RED, WORN, OIL), "yes")
    rows = [
        image_answers(
            "cat.png", 0, {**all_yes, HAT: "no", OIL: Answer("Oil on canvas", 0.25)}, prompt=ATTACK
        ),
        image_answers("cat.png", 3, {**all_yes, CAT: Answer("yes", 0.9)}, prompt=ATTACK),
        image_answers("dog.png", 1, {OIL: "no"}, prompt="a dog in oil", cut="2x2 of 40 px"),
    ]
    path = folder / "results.jsonl"
    write(path, [{**row.to_json(), "sha256": shas[row.file]} for row in rows])
    return path


def box(cell, side):
    left, top = cell % 2 * side, cell // 2 * side
    return left, top, left + side, top + side


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def browse(results, *arguments):
    """What the page holds, and what the command said."""
    done = nami_bench("dpg", "browse", results, "-o", results.parent / "page", *arguments)
    assert done.returncode == 0, done.stderr
    return page_data(results.parent / "page"), done.stderr


def color(path):
    """An image's size, and which of the cells' colors it has."""
    with Image.open(path) as image:
        pixel = image.getpixel((16, 16))

        def distance(cell):
            return sum(abs(ours - theirs) for ours, theirs in zip(cell, pixel, strict=True))

        return image.size, min(CELLS, key=distance)


def test_the_page_holds_everything_it_needs(results):
    data, said = browse(results)
    assert said.endswith("page/index.html\n") and "not found" not in said
    cat, cat_3, dog = data["rows"]
    assert [row[1] for row in data["rows"]] == ["cat.png, image 0", "cat.png, image 3", "dog.png, image 1"]
    folder = results.parent / "page"
    assert color(folder / cat[2]) == ((32, 32), CELLS[0])
    assert color(folder / cat_3[2]) == ((32, 32), CELLS[3])
    assert color(folder / dog[2]) == ((40, 40), CELLS[1])
    assert [row[3] for row in data["rows"]] == [20, 100, 0]
    assert len(data["items"]) == 2, "images of a prompt share its questions"
    text = (folder / "index.html").read_text()
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert "<script>window.attacked" not in text


def test_each_question_stands_under_its_parent_with_its_answer(results):
    data, _ = browse(results)
    item, _, questions = data["items"][data["rows"][0][0]]
    assert item == "cat"
    assert [(depth, number) for depth, number, *_ in questions] == [
        (0, 1),
        (1, 4),
        (0, 2),
        (1, 3),
        (0, 5),
    ]
    assert data["items"][0][1] == questions[3][2] == ATTACK
    assert [question[5] for question in questions] == ["", "depends also on 2", "", "", ""]
    assert [data["categories"][question[3]] for question in questions[2:]] == [
        ["entity - whole", "entity"], ["attribute - color", "attribute"], ["global", "global"],
    ]  # fmt: skip
    assert data["rows"][0][5] == [
        ["yes", None, 1, "", 0],
        ["yes", None, 1, "not counted: question 2 is wrong", 0],
        ["no", None, 0, "", 0],
        ["yes", None, 1, "not counted: question 2 is wrong", 0],
        ["Oil on canvas", 0.25, 0, "", 0],
    ]


def test_unsound_graphs_are_shown_as_they_are(tmp_path):
    a, b = Question(1, "a?", parents=(2,)), Question(2, "b?", parents=(1, 9))
    c = Question(3, "c?", parents=(2,), expected="no", line=1)
    child, grandchild = Question(2, "b?", parents=(1,)), Question(3, "c?", parents=(2,))
    lone, self_made = Question(1, "a?", parents=(9,)), Question(4, "d?", parents=(4,))
    rows = [
        image_answers("circle.png", 0, {a: "yes", b: "no", c: Answer("yes", details={"truncated": True})}),
        image_answers("unknown.png", 0, {lone: "yes", self_made: "yes"}),
        image_answers("handed-on.png", 0, {CAT: "no", child: "yes", grandchild: "yes"}),
    ]
    assert write_browser(rows, tmp_path / "r.jsonl", tmp_path / "page") == 3, "no image is there"
    circle, unknown, handed_on = page_data(tmp_path / "page")["rows"]
    items = page_data(tmp_path / "page")["items"]
    assert [(q[0], q[1], q[4], q[5]) for q in items[circle[0]][2]] == [
        (0, 2, "", "depends on 1; depends on 9, which does not exist"),
        (1, 1, "", ""),
        (1, 3, "no", "passed over by the official script"),
    ]
    assert circle[5][2][4] == 1, "the judge did not read it to its end"
    assert [q[5] for q in items[unknown[0]][2]] == ["depends on 9, which does not exist", "depends on itself"]
    assert unknown[2:5] == [None, None, "question 1 depends on 9, which does not exist"]
    assert [answer[3] for answer in handed_on[5]] == [
        "", "not counted: question 1 is wrong", "not counted: question 2 is not counted",
    ]  # fmt: skip


def test_pictures_are_made_once_and_what_is_missing_is_counted(results, tmp_path):
    (results.parent / "dog.png").rename(tmp_path / "dog.png")
    data, said = browse(results)
    assert "1 of 3 images were not found or are not those that were judged" in said
    assert data["rows"][2][2] is None
    write_png(results.parent / "dog.png", Image.new("RGB", (80, 80)))
    assert browse(results)[0]["rows"][2][2] is None, "another image of the name"
    before = {path: path.stat().st_mtime_ns for path in (results.parent / "page/images").iterdir()}
    (results.parent / "cat.png").unlink()
    data, _ = browse(results, "--images", tmp_path)
    assert all(row[2] for row in data["rows"]), "found where it was moved, or still there"
    after = {path: path.stat().st_mtime_ns for path in (results.parent / "page/images").iterdir()}
    assert before.items() < after.items()


def test_an_image_beyond_its_file_is_missing(tmp_path):
    write_png(tmp_path / "cat.png", Image.new("RGB", (64, 64)))
    sha256 = hashlib.sha256((tmp_path / "cat.png").read_bytes()).hexdigest()
    rows = [image_answers("cat.png", cell, {CAT: "yes"}, sha256=sha256) for cell in (-1, 3, 4)]
    assert write_browser(rows, tmp_path / "r.jsonl", tmp_path / "page") == 2


def test_results_that_no_page_can_show_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="the cut 'in half' is not 'COLUMNSxROWS of SIDE px'"):
        write_browser([image_answers("a.png", 0, {CAT: "yes"}, cut="in half")], tmp_path / "r", tmp_path)
    row = image_answers("a.png", 0, {CAT: Answer("yes", float("nan"))})
    with pytest.raises(InputError, match=r"r\.jsonl cannot be shown as a page: Out of range float values"):
        write_browser([row], tmp_path / "r.jsonl", tmp_path)


@pytest.fixture
def page(browser, results, tmp_path):
    browse(results)
    moved = (results.parent / "page").rename(tmp_path / "moved")
    with opened_page(browser, moved) as page:
        yield page


def test_on_screen(page):
    cards, count = page.locator("article"), page.locator("#count")
    assert cards.count() == 3
    assert page.evaluate("window.attacked") is None
    places = [text.split(" · ")[-1] for text in page.locator(".text > .meta").all_text_contents()]
    assert places == ["dog.png, image 1", "cat.png, image 0", "cat.png, image 3"], "lowest score first"
    assert page.locator("article .prompt").nth(1).text_content() == ATTACK
    nested = page.locator("article").nth(1).locator("ul ul li")
    assert nested.all_text_contents() == [
        "–4. Does the cat wear the hat?yes · score 1 · relation - spatial · not counted: question 2 is wrong"
        " · depends also on 2",
        f"–3. {ATTACK}yes · score 1 · attribute - color · not counted: question 2 is wrong",
    ]
    page.select_option("#order", "best")
    assert "cat.png, image 3" in cards.first.text_content()
    assert count.text_content() == "3 of 3 images, mean score 40.0"

    page.select_option("#verdict", "zeroed")
    assert count.text_content() == "1 of 3 images, mean score 20.0, 2 questions marked"
    page.select_option("#detail", "relation - spatial")
    assert page.locator(".fits").count() == 1
    page.reload()
    assert page.locator(".fits").count() == cards.count() == 1, "the filters are in the address"
    page.select_option("#detail", "")
    page.select_option("#category", "global")
    assert page.locator("#none").is_visible()
    page.select_option("#verdict", "neither")
    assert "“Oil on canvas”, neither yes nor no · P(yes) 0.25" in page.locator(".fits").text_content()
    for name in ("verdict", "category", "order"):
        page.select_option(f"#{name}", "")
    page.fill("#search", " IN OIL ")
    assert cards.count() == 1
    page.fill("#search", "")

    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator("#where").text_content() == "2 of 3"
    page.keyboard.press("k")
    assert page.locator("#where").text_content() == "1 of 3"
    assert (
        page.locator("dialog img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 40
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_it(page, complaints, scheme):
    page.emulate_media(color_scheme=scheme)
    page.select_option("#verdict", "zeroed")
    assert complaints(page) == []
    page.select_option("#verdict", "")
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.locator("article").first.click()
    assert complaints(page) == []
