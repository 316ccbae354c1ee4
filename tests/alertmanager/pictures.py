"""Draws messages as SVG from what amtool renders: ``python -m tests.alertmanager.pictures``.

The texts, buttons and colours are the templates' own; the layout around them imitates a phone's.
"""

from __future__ import annotations

import textwrap
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from stack.settings import REPOSITORY
from tests.alertmanager.golden import FORMS, alert, group, render
from tests.alertmanager.rendered import alerts

FOLDER: Final = REPOSITORY / "docs" / "pictures"
WIDTH: Final = 460
LETTERS: Final = 54
LINE: Final = 21
COLORS: Final = {"danger": "#e01e5a", "warning": "#ecb22e", "good": "#2eb67d"}
SHOWN: Final = "DatabaseDown"
VALUE: Final = ("{{ $value | humanizePercentage }}", "100%")
BUTTONS: Final = ("Runbook", "Dashboard", "Logs", "Traces", "Acknowledge")


class _Lines(HTMLParser):
    """Collects a mail's blocks of text and its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self.links: list[str] = []
        self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parent's
        self._tag = tag if tag in {"h1", "p", "a", "b"} else ""
        if self._tag in {"h1", "p"}:
            self.blocks.append("")

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and self._tag == "a":
            self.links.append(text)
        elif text and self.blocks:
            self.blocks[-1] = f"{self.blocks[-1]} {text}".strip()

    def handle_endtag(self, tag: str) -> None:
        self._tag = "p" if tag == "b" else self._tag if tag != "a" else ""


def picture(title: str, lines: list[str], small: str, buttons: list[str], color: str) -> str:
    """Returns a card as SVG: a coloured edge, a title, lines, small print and buttons."""
    parts: list[str] = []
    y = 14
    for text, style in [(title, "title"), *((line, "line") for line in lines), (small, "small")]:
        for row in textwrap.wrap(text, LETTERS - (6 if style == "title" else 0)) or [""]:
            y += LINE
            parts.append(f'<text x="26" y="{y}" class="{style}">{escape(row)}</text>')
    x, y = 26, y + 14
    for button in buttons:
        width = 9 * len(button) + 20
        if x + width > WIDTH - 12:
            x, y = 26, y + 42
        parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="32" rx="5" class="button"/>')
        parts.append(f'<text x="{x + width / 2}" y="{y + 21}" class="word">{escape(button)}</text>')
        x += width + 8
    height = y + 50
    style = (
        "text{font-family:Helvetica,Arial,sans-serif;font-size:15px;fill:#1d1c1d}"
        ".title{font-weight:bold;fill:#1264a3}.small{font-size:12px;fill:#616061}"
        ".button{fill:#fff;stroke:#bbb}.word{text-anchor:middle;font-size:14px}"
    )
    size = f'width="{WIDTH}" height="{height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}">'
        f"<style>{style}</style>"
        f'<rect {size} rx="8" fill="#fff" stroke="#ddd"/>'
        f'<rect x="12" y="14" width="5" height="{height - 28}" rx="2" fill="{color}"/>'
        f"{''.join(parts)}</svg>\n"
    )


def shown(*, ended: bool = False) -> dict[str, Any]:
    """Returns the data of a message about a real alert, with the value that Prometheus fills in."""
    rule = alerts()[SHOWN]
    notes = {name: text.replace(*VALUE) for name, text in rule["annotations"].items()}
    return group(alert({"alertname": SHOWN, **rule["labels"]}, notes, ended=ended))


def slack(data: dict[str, Any]) -> str:
    """Returns the picture of a message in Slack."""
    *lines, footer, color = render(FORMS["slack.txt"], data).splitlines()
    return picture(lines[0], lines[1:], footer, list(BUTTONS), COLORS[color])


def mail(data: dict[str, Any]) -> str:
    """Returns the picture of a mail."""
    page = _Lines(render(FORMS["mail.html"], data, html=True))
    title, *lines = [block for block in page.blocks if block]
    color = render('{{ template "lms.mail.color" . }}', data).strip()
    return picture(title, lines[:-1], lines[-1], page.links, color)


def files() -> dict[Path, str]:
    """Returns every picture by its path."""
    return {
        FOLDER / "alert-slack.svg": slack(shown()),
        FOLDER / "alert-slack-resolved.svg": slack(shown(ended=True)),
        FOLDER / "alert-mail.svg": mail(shown()),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
