"""The canvas by itself in a real browser: it draws what Python packs, and keeps zoom and cursor while data come in."""

import base64
import itertools

import numpy as np
import pytest

from explorer.figures.canvas import height_px, pack, script, style
from explorer.figures.panel import Alarm, Axis, Level, Line, Panel, Row
from explorer.figures.style import Stroke

STEPS = np.arange(0, 101)
BLUE = "#0000ff"
count = itertools.count()


SHARE = Axis(low=0, high=1)


def panel(end, *rows, alt=""):
    return Panel(Axis("step", 0, end), rows, alt=alt, named=True)


def figure(last=100):
    kept = np.less_equal(STEPS, last)

    def line(name, height, colour, width=2):
        return Line(STEPS[kept], np.full(kept.sum(), height), Stroke(colour, width), name)

    stacked = [line("lower", 0.25, "#ff0000"), line("upper", 0.75, "#00ff00")]
    return panel(
        100,
        Row("flat", [line("half", 0.5, BLUE, 6), Level(0.9, name="θ")], SHARE),
        Row("stacked", stacked, Axis(low=0, high=1, percent=True), stacked=True),
        alt="a flat line",
    )


PAGE = f"""<style>{style()}</style><div id="at" style="width: 800px; --st-text-color: #222">
<p class="said"></p><div class="panel" role="group"></div>
<div class="writes" hidden><pre></pre></div></div>"""
LEFT, NAMES, PAD = 60, 178, 7  # in panel.js, and of a panel
ADDRESS = "http://curves.test/base"


@pytest.fixture
def show(page):
    """Draw a figure, again and again, in a page with nothing else; what the page tells back is in `show.changed`."""
    sent = {"body": b"", "status": 200}
    page.route(f"{ADDRESS}/train*", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.route(f"{ADDRESS}/live/*", lambda route: route.fulfill(**sent))
    page.goto(f"{ADDRESS}/train?run=a")
    page.evaluate(
        "async source => { window.curves = await import(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})))}",
        script("ink", "panel", "pointing", "live"),
    )
    page.evaluate("window.changed = []")
    page.evaluate("window.bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0))")

    def draw(drawn, *, state="running", address="live/a,b", **about):
        about = {"state": "running", "active": False, "said": f"drawing {next(count)}", "samples": ""} | about
        sent["body"] = pack(drawn, about)
        page.evaluate(
            """asked => window.unmount = curves.default({data: asked, parentElement: document.querySelector('#at'),
                                        setTriggerValue: (name, value) => changed.push([name, value])})""",
            {"address": address, "state": state, "height": height_px(len(drawn.rows)), "lost": "lost since {since}"},
        )
        page.get_by_text(about["said"]).wait_for()

    draw.sent = sent
    return draw


def colour_at(page, step, row, share, width=800):
    """The colour drawn at a step, so far up a row."""
    x, y = LEFT + step / 100 * (width - LEFT - NAMES), PAD + (1 - share) * 150
    return page.evaluate(
        "([row, ...at]) => [...document.querySelectorAll('canvas')[row].getContext('2d').getImageData(...at, 1, 1).data]",
        [row, round(x), round(y)],
    )


def drawing(page):
    return page.evaluate("document.querySelector('canvas').toDataURL()")


def zoom(page):
    page.evaluate("new Promise(requestAnimationFrame)")  # it draws at the next frame
    return page.locator(".panel").get_attribute("data-zoom")


def drag(page, start, end):
    box = page.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + start, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + end, box["y"] + 100, steps=4)
    page.mouse.up()


def test_it_reads_what_python_packs(page, show):
    drawn = panel(9, Row("温", [Line(np.array([1, 5]), np.array([np.nan, 2.5]))], Axis(log=True)))
    show(drawn)
    read = page.evaluate(
        """text => { const f = curves.unpack(bytes(text)), [c] = f.rows[0].items;
                     return [f.rows[0].title, f.x.high, [...c.x], String([...c.y])] }""",
        base64.b64encode(pack(drawn)).decode(),
    )
    assert read == ["温", 9, [1, 5], "NaN,2.5"]


def test_a_value_is_drawn_where_it_belongs(page, show):
    show(figure(last=50))
    assert colour_at(page, 25, 0, 0.5) == [0, 0, 255, 255]
    assert colour_at(page, 75, 0, 0.5)[3] == 0 or colour_at(page, 75, 0, 0.5)[2] != 255  # nothing there yet
    assert colour_at(page, 25, 0, 0.3)[3] == 0


def test_a_single_point_can_be_seen(page, show):
    show(panel(100, Row("r", [Line(np.array([50]), np.array([0.5]), Stroke(BLUE, 6))], SHARE)))
    assert colour_at(page, 50, 0, 0.53) == [0, 0, 255, 255]


def test_of_a_long_name_the_value_stays(page, show):
    fit = """name => { const pen = document.createElement('canvas').getContext('2d')
                       return curves.fit(pen, '11px sans-serif', [name, '12.3 %'], 150) }"""
    assert page.evaluate(fit, "z") == "z 12.3 %"
    long = page.evaluate(fit, "weight_ih_l1_reverse_of_something_long")
    assert long.startswith("weight_ih")
    assert long.endswith("… 12.3 %")


def test_stacked_curves_lie_on_each_other(page, show):
    show(figure())
    assert colour_at(page, 50, 1, 0.1) == [255, 0, 0, 255]
    assert colour_at(page, 50, 1, 0.6) == [0, 255, 0, 255]


def test_the_zoom_stays_while_data_come_in_and_a_double_click_shows_all(page, show):
    show(figure(last=50))
    assert zoom(page) == ""
    drag(page, LEFT + 562 * 0.2, LEFT + 562 * 0.4)
    assert zoom(page) == "20,40"
    show(figure(last=100))
    assert zoom(page) == "20,40"
    drag(page, LEFT + 562 * 0.5, LEFT + 562 * 0.5 + 2)  # a click is no drag
    assert zoom(page) == "20,40"
    page.locator("canvas").first.dblclick()
    assert zoom(page) == ""
    assert page.locator(".panel").get_attribute("aria-label") == "a flat line"


def test_the_keyboard_moves_the_cursor_and_escape_shows_all(page, show):
    show(figure())
    drag(page, 100, 300)
    page.mouse.move(900, 900)
    page.locator(".panel").focus()
    assert page.locator(".cursor").is_hidden()
    page.keyboard.press("ArrowLeft")
    page.locator(".cursor:visible").wait_for()
    assert page.locator(".told").inner_text().startswith("step ")
    assert page.locator("[aria-live]").inner_text().strip() == page.locator(".told").inner_text() + "."
    page.keyboard.press("Escape")
    assert zoom(page) == ""


def test_other_runs_on_the_same_canvas_begin_anew(page, show):
    show(figure(), samples="of a")
    drag(page, 100, 300)
    assert zoom(page)
    show(figure(), address="live/c", state="waiting")
    assert zoom(page) == ""
    assert page.locator(".writes").is_hidden()


def test_a_cleanup_that_comes_late_does_not_end_what_came_after_it_in_real_time(page, show):
    show(figure(last=10), active=True)
    page.evaluate("window.first = window.unmount")
    show(figure(last=20), active=True)
    page.evaluate("first()")
    show.sent["body"] = pack(
        figure(last=30), {"state": "running", "active": True, "said": "still asked", "samples": ""}
    )
    page.get_by_text("still asked").wait_for()
    page.evaluate("window.unmount()")
    show.sent["body"] = pack(figure(last=30), {"state": "running", "active": True, "said": "gone", "samples": ""})
    page.wait_for_timeout(2500)
    assert page.get_by_text("still asked").is_visible()


def test_it_asks_again_while_a_run_goes_and_no_more_when_it_is_over_in_real_time(page, show):
    show(figure(last=10), active=True, said="step 10")
    show.sent["body"] = pack(
        figure(last=20), {"state": "running", "active": True, "said": "step 20", "samples": "the la"}
    )
    page.get_by_text("step 20").wait_for()
    assert page.locator("pre").inner_text() == "the la"
    show.sent["body"] = pack(figure(last=30), {"state": "running", "active": False, "said": "step 30", "samples": ""})
    page.get_by_text("step 30").wait_for()
    assert page.locator(".writes").is_hidden()
    show.sent["body"] = pack(figure(last=40), {"state": "running", "active": False, "said": "step 40", "samples": ""})
    page.wait_for_timeout(2500)
    assert page.get_by_text("step 30").is_visible()
    assert page.evaluate("changed") == []


def test_what_the_page_does_not_show_yet_is_told_once_in_real_time(page, show):
    show(figure(), state="running", active=False, said="over")
    assert page.evaluate("changed") == []
    show.sent["body"] = pack(figure(), {"state": "finished", "active": False, "said": "finished now", "samples": ""})
    page.evaluate("dispatchEvent(new Event('x')); document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_text("finished now").wait_for()
    page.wait_for_timeout(2500)  # it asks on, since the page has not answered, but does not tell again
    assert page.evaluate("changed") == [["changed", "finished"]]
    show(figure(), state="finished", **{"said": "as told"})


def test_a_server_that_does_not_answer_is_told_and_asked_again(page, show):
    show(figure(), active=True)
    page.route(f"{ADDRESS}/live/*", lambda route: route.fulfill(status=404, body="There is no run with this id."))
    page.get_by_text("There is no run with this id.").wait_for()
    assert page.locator(".lost").count() == 1
    page.unroute(f"{ADDRESS}/live/*")
    page.route(
        f"{ADDRESS}/live/*",
        lambda route: route.fulfill(
            body=pack(figure(), {"state": "running", "active": False, "said": "back", "samples": ""})
        ),
    )
    page.get_by_text("back").wait_for()
    assert page.locator(".lost").count() == 0


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("ticks(0, 100, 4)", [0, 50, 100]),
        ("ticks(0, 1, 4)", [0, 0.5, 1]),
        ("ticks(3, 17, 8)", [4, 6, 8, 10, 12, 14, 16]),
        ("logTicks(0.5, 60)", [0.5, 1, 2, 5, 10, 20, 50]),
        ("logTicks(1e-9, 1e9)", [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9]),
        ("logTicks(3.01, 3.02)", [3.01, 3.015, 3.02]),
        ("number(0.123456, true)", "12.3 %"),
        ("number(1234567)", "1.2e+6"),
        ("number(0.00012)", "1.2e-4"),
        ("number(0)", "0"),
        ("number(12345)", "12,300"),
    ],
)
def test_ticks_and_numbers_are_round(page, show, call, expected):
    assert page.evaluate(f"curves.{call}") == expected


@pytest.mark.parametrize("width", [358, 800])
@pytest.mark.parametrize("step", [1, 500_000, 999_999])
def test_nothing_that_is_written_is_cut_or_lies_on_other_words(page, show, width, step):
    """What is written is noted by the pen itself: where, how wide, and whether something clips it."""
    page.evaluate("width => document.querySelector('#at').style.width = `${width}px`", width)
    page.evaluate("""() => {
      window.written = []
      const pen = CanvasRenderingContext2D.prototype, fill = pen.fillText
      pen.fillText = function (text, x, y) {
        const width = this.measureText(text).width, share = {left: 0, center: 0.5, right: 1}[this.textAlign]
        written.push([text, x - share * width, x + (1 - share) * width, y])
        return fill.call(this, text, x, y)
      }
    }""")
    steps, shown = np.array([1, 999_999]), np.array([1.2e-5, 123_456_789.0])
    names = ["gradient norm after clipping", "before", "your sentence", "steps clipped"]
    items = [Line(steps, shown / (1 + at), name=name) for at, name in enumerate(names)]
    page.evaluate("written.length = 0")
    alarm = Alarm(step, f"not finite at step {step:,}", BLUE)
    show(panel(1_000_000, Row("gradient norm", [*items, alarm], Axis(log=True))))
    written = page.evaluate("written")
    assert any(text == f"not finite at step {step:,}" for text, *_ in written)
    assert [text for text, left, right, _ in written if left < -1 or right > width + 1] == []
    for (one, left, right, y), (other, start, end, height) in itertools.combinations(written, 2):
        assert one == other or min(right, end) - max(left, start) < 2 or abs(y - height) > 9, (one, other)
