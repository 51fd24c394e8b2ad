"""A page in headless Chromium, and what is wrong with it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (1280, 390)  #: CSS pixels
SCHEMES = ("light", "dark")
#: What must be there with data: CSS selector -> at least so many.
DRAWN = {
    "#waterfall g.stage rect": 7, "#histograms figure svg rect.bar": 9, "#rates path.line": 3, "#decided path": 2,
    "#heat path.line.vwap": 1, "#heat path.line.sma": 1, "#heat path.line.ema": 1, "#heat path.trades": 1,
    "#heat path.order": 1, "#reasons g.reason": 1, "#counters tbody tr": 10, "#files a": 5,
}
_TEXT = 4.5  #: least contrast, WCAG 2.2 section 1.4.3
_SMALLEST = 11  #: CSS pixels


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's. It is an error where there is none."""
    found = shutil.which("chromium")
    if not found:
        raise FileNotFoundError("chromium: not installed; `make system` does, or apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, *, width: int = 1280,
           scheme: str = "light") -> Iterator[tuple[Page, list[str]]]:
    """The page when it is drawn, and what it said to the console or asked the network for."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("request", lambda request: said.append(f"request: {request.url}")
            if request.url != path.resolve().as_uri() else None)
    page.goto(path.resolve().as_uri())
    try:
        page.wait_for_function("document.documentElement.dataset.drawn === 'yes'", timeout=10_000)
    except Exception:
        said.append("error: not drawn after ten seconds")
    yield page, said
    page.close()


def faults(page: Page, width: int) -> list[str]:
    """What is wrong with a page that has been drawn."""
    return [*_missing(page), *_wide(page, width), *_overlapping(page), *_illegible(page)]


def _missing(page: Page) -> Iterator[str]:
    for selector, least in DRAWN.items():
        count = page.locator(selector).count()
        if count < least:
            yield f"{selector}: {count}, not {least}"
    # A path without a length, a rectangle without an area, is no data.
    for selector in page.evaluate("""() => [...document.querySelectorAll("main svg")].flatMap((svg) => {
        const marks = [...svg.querySelectorAll("path, rect:not([fill=transparent])")];
        const seen = marks.some((each) => !each.closest("clipPath") && each.getTotalLength() > 2);
        return seen ? [] : [svg.getAttribute("aria-label")];
    })"""):
        yield f"{selector}: drawn without data"
    colours = page.evaluate("""() => {
        const canvas = document.querySelector("#heat canvas");
        if (!canvas) return 0;
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, seen = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i + 3]) seen.add(`${data[i]},${data[i + 1]},${data[i + 3]}`);
        return seen.size;
    }""")
    if colours < 20:
        yield f"heat map: {colours} colours"


def _wide(page: Page, width: int) -> Iterator[str]:
    """What makes the page scroll sideways, or is cut off."""
    found = page.evaluate("document.documentElement.scrollWidth")
    if found > width:
        yield f"{found} pixels wide, not {width}"
    yield from page.evaluate("""(width) => [...document.querySelectorAll("main svg text")].flatMap((text) => {
        const box = text.getBoundingClientRect();
        return box.left < -0.5 || box.right > width + 0.5 ? [`cut off: ${text.textContent}`] : [];
    })""", width)


def _overlapping(page: Page) -> list[str]:
    """Labels of a chart that lie on one another."""
    return page.evaluate("""() => [...document.querySelectorAll("main svg")].flatMap((svg) => {
        const boxes = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
        const found = [];
        boxes.forEach(([said, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (across > 1 && down > 3) found.push(`overlapping: ${said} / ${other}`);
        }));
        return found;
    })""")


def _illegible(page: Page) -> Iterator[str]:
    """Text that is too small, or too near to its background."""
    every = page.evaluate("""() => {
        const behind = (node) => {
            for (; node; node = node.parentElement) {
                const colour = getComputedStyle(node).backgroundColor;
                if (!/, 0\\)$|transparent/.test(colour)) return colour;
            }
            return "rgb(255, 255, 255)";
        };
        const texts = [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility()
            && [...each.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())
            && !["SCRIPT", "STYLE", "OPTION"].includes(each.tagName));
        return texts.map((each) => {
            const style = getComputedStyle(each), svg = each instanceof SVGElement;
            return [each.textContent.trim().slice(0, 30), svg ? style.fill : style.color, behind(each),
                parseFloat(style.fontSize)];
        });
    }""")
    for said, colour, ground, size in every:
        if size < _SMALLEST:
            yield f"{size} pixels: {said}"
        if (contrast := _contrast(colour, ground)) < _TEXT:
            yield f"contrast {contrast:.1f}: {said} ({colour} on {ground})"


def _contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio."""
    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
