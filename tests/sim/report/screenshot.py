"""A picture of a report, from its top to the end of the order book: python -m tests.sim.report.screenshot PAGE PNG."""

import sys
from pathlib import Path

from playwright.sync_api import Browser

from tests.sim.report.browser import chromium, faults, opened

WIDTH = 1280  #: CSS pixels
LARGEST = 400_000  #: octets


def photograph(browser: Browser, page: Path, picture: Path) -> None:
    """Raises ``ValueError`` for a page that has faults, or a picture that is too large for a README."""
    with opened(browser, page, width=WIDTH) as (shown, said):
        if wrong := [*said, *faults(shown, WIDTH)]:
            raise ValueError(f"{page}: {'; '.join(wrong)}")
        end = shown.locator("#book").bounding_box()
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": end["y"] + end["height"]}
        shown.screenshot(path=picture, full_page=True, clip=clip)
    if picture.stat().st_size > LARGEST:
        raise ValueError(f"{picture}: {picture.stat().st_size:,} octets, more than {LARGEST:,}")


if __name__ == "__main__":
    with chromium() as started:
        photograph(started, *map(Path, sys.argv[1:]))
