"""The report in headless Chromium: drawn, with data, quiet, legible, at both widths and in both schemes."""

import json
import re
import shutil
import struct
import urllib.parse

import pytest

from sim import cli, replay
from sim.report.page import write
from sim.report.saved import SavedRun
from tests.sim.export import saved
from tests.sim.report import browser as chrome
from tests.sim.report import screenshot
from tests.sim.report.browser import SCHEMES, WIDTHS, faults, opened
from tests.sim.report.conftest import MESSAGE, MESSAGES

pytestmark = pytest.mark.slow


def _page(run):
    return run.directory / "report.html"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_is_drawn_and_legible(good, browser, width, scheme):
    with opened(browser, _page(good), width=width, scheme=scheme) as (page, said):
        assert said == [] and faults(page, width) == []
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", dark))) < 200) == (scheme == "dark")
        assert "Passed." in page.locator(".verdict").inner_text()


@pytest.mark.campaign  # compiles a core with a waveform
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_of_a_difference(bad, browser, width, scheme):
    with opened(browser, _page(bad), width=width, scheme=scheme) as (page, said):
        assert said == [] and faults(page, width) == []
        assert "Failed. 1 difference between hardware and golden model, the first in book." in (
            page.locator(".verdict").inner_text())
        first = page.locator(".first").inner_text()
        difference = bad.summary["differences"]["first"]
        assert difference["message"] >= MESSAGE
        hour = difference["time_ns"] // (3600 * 10**9)
        for part in ("updates.last_trade", f"{difference['message']:,}", f"{difference['expected']:,}",
                     f"{difference['got']:,}", f"offset {difference['offset']:,}", f"{hour:02}:"):
            assert part in first
        red = page.evaluate("getComputedStyle(document.querySelector('tr.differs td')).color")
        r, g, b = map(int, re.findall(r"\d+", red))
        assert r > 150 and r > g + 80 and r > b + 80
        href = page.locator(".first a").get_attribute("href")
        assert (bad.directory / urllib.parse.unquote(href)).stat().st_size > 1000


def test_the_figures_are_the_runs(good, browser):
    with opened(browser, _page(good)) as (page, _):
        text = page.locator("main").inner_text()
        summary = good.summary
        for value in (summary["orders"]["count"], summary["orders"]["refused"], summary["frames"], MESSAGES):
            assert f"{value:,}" in text
        stages = page.locator("#waterfall g.stage").evaluate_all("all => all.map(each => each.dataset.stage)")
        assert stages == ["feed", "book", "strategy", "risk", "encode", "transmit", "tick to trade", "indicators"]
        total = next(row for row in summary["latency"] if row["stage"].startswith("tick to trade (EOT"))
        assert f"{total['max']} cycles · {total['max_ns']:.1f} of 200 ns" in page.locator("#waterfall").text_content()
        reasons = page.locator("#reasons g.reason text:last-of-type").all_text_contents()
        refused = sum(int(each.replace(",", "")) for each in reasons)
        assert refused >= summary["orders"]["refused"]
        for href in page.locator("#files a").evaluate_all("all => all.map(each => each.getAttribute('href'))"):
            assert (good.directory / urllib.parse.unquote(href)).exists()


def test_every_symbol_can_be_chosen_and_layers_taken_away(good, browser):
    with opened(browser, _page(good)) as (page, said):
        drawings = set()
        for stock in page.locator("#symbol option").evaluate_all("all => all.map(each => each.value)"):
            page.select_option("#symbol", stock)
            assert page.locator("#heat svg").get_attribute("aria-label") == f"Order book of {stock}"
            drawings.add(page.locator("#heat path.line.vwap").get_attribute("d"))
        assert len(drawings) == len(good.summary["symbols"]) == 4
        for name, selector in (("five best levels", "canvas"), ("trades", "path.trades"), ("VWAP", "path.vwap"),
                               ("our orders", "path.order")):
            box = page.get_by_role("checkbox", name=name)
            box.uncheck()
            assert page.locator(f"#heat {selector}").count() == 0
            box.check()
            assert page.locator(f"#heat {selector}").count() > 0
        assert said == []


def test_a_stretch_is_picked_by_dragging_and_the_pointer_says_what_is_there(good, browser):
    with opened(browser, _page(good)) as (page, said):
        page.locator("#heat").scroll_into_view_if_needed()
        box = page.locator("#heat rect.area").bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 5)
        assert re.search(r"\d\d:\d\d:\d\d\.\d+\nask .*\nbid .*\n", page.locator("#tip").inner_text())
        page.mouse.move(box["x"] + box["width"] * 0.3, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
        before = page.locator("#heat path.line.vwap").get_attribute("d")
        page.mouse.up()
        assert page.locator("#heat path.line.vwap").get_attribute("d") != before
        page.locator("#whole").click()
        assert page.locator("#heat path.line.vwap").get_attribute("d") == before
        page.mouse.move(1, 1)
        assert page.locator("#tip").is_hidden()
        assert said == []


def test_a_change_of_width_or_scheme_is_followed(good, browser):
    with opened(browser, _page(good)) as (page, said):
        page.set_viewport_size({"width": 390, "height": 900})
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(300)
        assert said == [] and faults(page, 390) == []


@pytest.mark.campaign
def test_what_an_earlier_run_left_in_the_directory_is_not_linked(bad, browser, tmp_path):
    paths = {name: where for name, where in bad.summary["paths"].items() if name != "waveform"}
    run = _changed(bad, tmp_path / "run", paths=paths, wave_cycles=None)
    assert (run.directory / "wave.fst").exists() or (run.directory / "wave.vcd").exists()
    with opened(browser, _page(run)) as (page, said):
        assert said == []
        assert "none was recorded (--waves)" in page.locator(".first").inner_text()
        assert page.locator("a[href*=wave]").count() == 0


# A run in which little happened has no charts that pretend otherwise


def _changed(run, out, **changes):
    """A copy of ``run`` with other values in run.json."""
    shutil.copytree(run.directory, out, dirs_exist_ok=True)
    path = out / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    write(SavedRun(out), out / "report.html")
    return SavedRun(out)


def test_a_run_without_messages_says_so(browser, tmp_path):
    replay.run(saved.DESIGN, [], out=tmp_path)
    write(SavedRun(tmp_path), tmp_path / "report.html")
    for width in WIDTHS:
        with opened(browser, tmp_path / "report.html", width=width) as (page, said):
            assert said == []
            text = page.locator("main").inner_text()
            for part in ("No stage saw a record.", "Nothing was replayed.", "The strategy wanted no order.",
                         "No symbol of the design had an update.", "No order was sent", "nothing compared"):
                assert part in text, part
            assert page.locator("main svg").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_short_run_is_legible_too(browser, tmp_path):
    """Labels of microseconds are longer, and an average of one message says nothing."""
    saved.run(tmp_path, messages=1500)
    write(SavedRun(tmp_path), tmp_path / "report.html")
    for width in WIDTHS:
        with opened(browser, tmp_path / "report.html", width=width) as (page, said):
            wrong = [fault for fault in faults(page, width) if not re.match("#.*, not |heat map", fault)]
            assert said == [] and wrong == []
            assert re.search(r"(1[6-9]|[2-9]\d) messages to a column", page.locator("#throughput").inner_text())


def test_an_exceeded_budget_is_red(good, browser, tmp_path):
    rows = [row | {"budget_ns": 3.0, "exceeded": True} if row["stage"] == "book" else row
            for row in good.summary["latency"]]
    run = _changed(good, tmp_path / "run", latency=rows, passed=False)
    with opened(browser, _page(run)) as (page, said):
        assert said == [] and faults(page, 1280) == []
        assert "Failed. Over budget: book." in page.locator(".verdict").inner_text()
        assert page.locator("#waterfall g.stage[data-stage=book] text.bad").count() == 2
        assert page.locator("#latency tr.differs").inner_text().startswith("book")


def test_a_counter_that_differs_is_shown_with_the_models(good, browser, tmp_path):
    expected = json.loads(json.dumps(good.summary["expected_counters"]))
    expected["feed"]["messages"] += 1
    run = _changed(good, tmp_path / "run", expected_counters=expected)
    with opened(browser, _page(run)) as (page, _):
        assert "1 differ from the model’s." in page.locator("#counters").inner_text()
        assert f"{MESSAGES:,} (model: {MESSAGES + 1:,})" in page.locator("#counters tr.differs").inner_text()


def test_names_are_not_markup(good, browser, tmp_path):
    run = _changed(good, tmp_path / "<b>run & more", input_error="<script>alert(1)</script> & so on", passed=False)
    with opened(browser, _page(run)) as (page, said):
        assert said == []
        assert page.locator("h1").inner_text() == "<b>run & more"
        assert "<script>alert(1)</script> & so on" in page.locator(".verdict").inner_text()


# The checks themselves

SABOTAGE = {
    "console": ("</body>", "<script>console.warn('odd')</script></body>", "console: odd"),
    "exception": ("</body>", "<script>nowhere()</script></body>", "nowhere is not defined"),
    "network": ("</body>", "<img src='https://example.com/a.png'></body>", "Content Security Policy"),
    "data": ('id="data">', 'id="data">!', "not drawn"),
    "chart": ("for (const each of shown.distributions)", "for (const each of [])", "svg rect.bar: 0, not 9"),
    "emptied": ("path = steps(values", "path = ((x) => '')(values", "session: drawn without data"),
    "canvas": ('layers.has("depth")) heat(', 'layers.has("nothing")) heat(', "heat map: 0 colours"),
    "wide": ("<main>", "<main><div style='width: 2000px'>x</div>", "2016 pixels wide, not 390"),
    "cut off": ("svg.append(text(left, bottom + 16,", "svg.append(text(-40, bottom + 16,", "cut off"),
    "overlap": ("pitch = narrow ? 42 : 30", "pitch = 9", "overlapping"),
    "small": ("svg text { font: 11.5px", "svg text { font: 9px", "9 pixels"),
    "pale": ("--muted: #62666d", "--muted: #c8c8c8", "contrast"),
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_what_is_wrong_with_a_page_is_found(good, browser, tmp_path, what):
    old, new, expected = SABOTAGE[what]
    text = _page(good).read_text()
    assert old in text
    path = tmp_path / "report.html"
    path.write_text(text.replace(old, new, 1))
    with opened(browser, path, width=390) as (page, said):
        found = [*said, *faults(page, 390)]
    assert any(expected in each for each in found), found


def test_without_chromium_there_is_an_error(monkeypatch):
    monkeypatch.setattr(chrome.shutil, "which", lambda _: None)
    with pytest.raises(FileNotFoundError, match="chromium: not installed"), chrome.chromium():
        pass


def test_the_picture_for_the_readme(good, browser, tmp_path, monkeypatch):
    picture = tmp_path / "report.png"
    screenshot.photograph(browser, _page(good), picture)
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    assert width == screenshot.WIDTH and height > 1000
    monkeypatch.setattr(screenshot, "LARGEST", 1000)
    with pytest.raises(ValueError, match="octets, more than 1,000"):
        screenshot.photograph(browser, _page(good), picture)


def test_a_page_with_faults_is_not_photographed(good, browser, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(_page(good).read_text().replace("</body>", "<script>nowhere()</script></body>"))
    with pytest.raises(ValueError, match="nowhere is not defined"):
        screenshot.photograph(browser, page, tmp_path / "report.png")


@pytest.mark.campaign
def test_the_report_of_make_demo(browser, tmp_path):
    out = tmp_path / "demo"
    assert cli.run(["demo", "-o", str(out)]) == 0
    assert cli.run(["report", str(out)]) == 0
    for width in WIDTHS:
        for scheme in SCHEMES:
            with opened(browser, out / "report.html", width=width, scheme=scheme) as (page, said):
                assert said == [] and faults(page, width) == []
