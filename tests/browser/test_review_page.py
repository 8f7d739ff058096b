"""The script of ZooScan's review page alone, with a model that stands in for the kernel."""

import base64
import io

import pytest
from PIL import Image

from tests.support.app_page import browser
from tidelab.catalogue import load_catalogue

STAND_IN = """
async ([source, png]) => {
  const module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const handlers = [], bytes = Uint8Array.from(atob(png), (one) => one.charCodeAt(0));
  window.sent = [];
  window.say = (message) => handlers.forEach((handler) => handler(message, [bytes, bytes]));
  module.default.render({
    el: document.body,
    model: {
      send: (message) => window.sent.push(structuredClone(message)),
      on: (event, handler) => { if (event === "msg:custom") handlers.push(handler); },
      get: () => "r1",
    },
  });
}
"""


def item(name):
    return {"name": name, "image_id": f"sha256:{name}", "score": 0.9, "decision": "", "by": ""}


def shown(name):
    parts = [{"area_px": 700, "esd_mm": 0.3}] * 2
    facts = {
        "width": 40,
        "height": 30,
        "how": "proposed",
        "by": "",
        "parts": parts,
        "proposed": 2,
        "note": "",
    }
    return {"kind": "object", "run": "r1", "name": name, "image_id": f"sha256:{name}", **facts}


@pytest.fixture
def page(chromium):
    source = load_catalogue()["zooscan"].source_folder / "zooscan" / "static" / "review.js"
    stream = io.BytesIO()
    Image.new("L", (40, 30), 255).save(stream, "PNG")
    with browser(chromium) as started:
        tab = started.new_page()
        tab.clock.install()
        tab.goto("about:blank")
        tab.evaluate(
            STAND_IN, [source.read_text(encoding="utf-8"), base64.b64encode(stream.getvalue()).decode()]
        )
        tab.evaluate("m => say(m)", {"kind": "index", "run": "r1", "words": "", "items": [*map(item, "abc")]})
        yield tab


def sent(page, kind):
    return [message for message in page.evaluate("sent") if message["kind"] == kind]


def show(page, name):
    page.evaluate("m => say(m)", shown(name))
    page.locator(".zs-facts", has_text=f"{name}:").wait_for()


def test_a_decision_names_the_object_that_is_seen(page):
    show(page, "a")
    page.locator(".zs-item", has_text="b").click()
    assert sent(page, "open")[-1] == {"kind": "open", "run": "r1", "name": "b", "image_id": "sha256:b"}
    # a is still seen and b is chosen: neither can be decided on.
    assert page.locator(".zs-keep").is_disabled()
    page.keyboard.press("k")
    assert sent(page, "decide") == []
    show(page, "b")
    # Elsewhere a left the list: b is the first one now, and stays the one that is shown.
    page.evaluate("m => say(m)", {"kind": "index", "run": "r1", "words": "", "items": [*map(item, "bc")]})
    assert page.locator(".zs-current .zs-name").inner_text() == "b"
    assert sent(page, "open")[-1]["name"] == "b"
    page.locator(".zs-keep").click()
    (wish,) = sent(page, "decide")
    assert (wish["name"], wish["image_id"], wish["action"]) == ("b", "sha256:b", "keep")
    assert "place" not in wish


def test_a_wish_without_an_answer_is_sent_again_until_there_is_one(page):
    show(page, "a")
    page.locator(".zs-refuse").click()
    page.clock.fast_forward(9_000)
    assert len(sent(page, "decide")) == 1
    page.clock.fast_forward(2_000)
    first, again = sent(page, "decide")
    assert first == again
    assert "asking again" in page.locator(".zs-status").inner_text()
    # What is refused meanwhile is not the answer to it.
    page.evaluate("m => say(m)", {"kind": "refused", "id": "", "run": "r1", "words": "Not to be shown."})
    assert page.locator(".zs-refuse").is_disabled()
    page.evaluate(
        "m => say(m)", {"kind": "done", "id": first["id"], "run": "r1", "words": "It is not cut: 1 object."}
    )
    assert page.locator(".zs-refuse").is_enabled()
    page.clock.fast_forward(60_000)
    assert len(sent(page, "decide")) == 2


def test_lines_of_an_object_that_left_the_list_are_not_saved_on_another(page):
    show(page, "a")
    page.locator(".zs-draw").click()
    box = page.locator(".zs-canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 90)
    page.mouse.up()
    assert page.locator(".zs-use").is_enabled()
    page.evaluate("m => say(m)", {"kind": "index", "run": "r1", "words": "", "items": [*map(item, "bc")]})
    assert "a is not in the list any more" in page.locator(".zs-status").inner_text()
    show(page, "b")
    assert page.locator(".zs-use").is_disabled()
    assert sent(page, "decide") == []


def decided(names, looked):
    items = [item(name) | ({"decision": "keep", "by": "ada"} if name in looked else {}) for name in names]
    words, by = (
        f"{len(looked)} of {len(names)} objects looked at.",
        "Lines are proposed by the model halves 3.",
    )
    return {"kind": "index", "run": "r1", "words": words, "by": by, "items": items}


def test_the_next_one_to_look_at_is_one_that_nobody_decided(page):
    page.evaluate("m => say(m)", decided("abcd", "bc"))
    progress = page.locator(".zs-progress").inner_text()
    assert progress == "2 of 4 objects looked at. Lines are proposed by the model halves 3."
    show(page, "a")
    page.locator(".zs-next").click()
    assert page.locator(".zs-current .zs-name").inner_text() == "d"
    show(page, "d")
    page.locator(".zs-review").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".zs-current .zs-name").inner_text() == "a"
    page.evaluate("m => say(m)", decided("abcd", "bcd"))
    page.keyboard.press("ArrowRight")
    assert page.locator(".zs-status").inner_text() == "This is the last one to look at."
    page.evaluate("m => say(m)", decided("abcd", "abcd"))
    page.keyboard.press("ArrowRight")
    assert page.locator(".zs-status").inner_text() == "All of them are looked at."
    assert "4 of 4" in page.locator(".zs-progress").inner_text()


def test_drawing_can_be_stopped_and_nothing_is_sent(page):
    show(page, "a")
    assert page.locator(".zs-stop").is_hidden()
    page.locator(".zs-draw").click()
    assert page.locator(".zs-stop").is_visible()
    assert page.locator(".zs-next").is_disabled()
    page.keyboard.press("Escape")
    assert page.locator(".zs-stop").is_hidden()
    assert page.locator(".zs-use").is_disabled()
    assert sent(page, "decide") == []


def test_the_scale_bar_is_as_long_as_it_says(page):
    """The picture is white under red: what is black in it is the bar, at 0.01 mm a pixel and 6 screen pixels each."""
    page.evaluate("m => say(m)", shown("a") | {"pixel_mm": 0.01})
    page.locator(".zs-facts", has_text="a:").wait_for()
    black = page.evaluate(
        "() => { const c = document.querySelector('.zs-canvas'), w = c.width;"
        " const row = c.getContext('2d').getImageData(0, c.height - 8, w, 1).data;"
        " return [w, [...Array(w).keys()].filter((x) => row[4 * x] < 100 && row[4 * x + 1] < 100).length]; }"
    )
    # 40 px wide, 6 times: 240; at most 0.4 of it is 96 px or 0.16 mm, so the bar is that of 0.1 mm: 60 px.
    assert black == [240, 60]
