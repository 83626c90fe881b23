"""Comment and summaries as pictures: Markdown to HTML, and a headless browser's look."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import report_samples as samples
from markdown_it import MarkdownIt

from karst.report import (
    render_comment_body,
    render_plan_summary,
    render_run_summary,
)

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
MERMAID = "mermaid@11.12.0"
WIDTH = 940
LOOKS = {
    "comment": lambda: render_comment_body(samples.PLAN, room=60_000),
    "plan-summary": lambda: render_plan_summary(samples.LIMITED),
    "apply-summary": lambda: render_run_summary(samples.ROLLED_BACK),
    "e2e-summary": lambda: render_run_summary(samples.E2E_WRONG),
}
# Colours and measures as forges have them, near enough to judge by.
STYLE = """
body { margin: 0; padding: 24px; width: 892px; box-sizing: border-box; background: #fff;
  color: #1f2328; font: 14px/1.5 "Liberation Sans", Arial, sans-serif; }
h3 { font-size: 17.5px; margin: 0 0 12px; } h4 { font-size: 14px; margin: 20px 0 8px; }
p, ul, table, pre, details, .box { margin: 0 0 14px; } ul { padding-left: 24px; }
code, pre { font: 12px/1.45 "DejaVu Sans Mono", monospace; }
code { background: #818b981f; border-radius: 6px; padding: 2px 5px; }
pre { background: #f6f8fa; border-radius: 6px; padding: 12px; overflow: auto; }
pre code { background: none; padding: 0; } pre.mermaid { background: none; }
table { border-collapse: collapse; display: block; overflow: auto; width: max-content; max-width: 100%; }
th, td { border: 1px solid #d1d9e0; padding: 6px 11px; text-align: left; }
tr:nth-child(2n) td { background: #f6f8fa; } a { color: #0969da; }
.box { border-left: 4px solid; padding: 6px 14px; } .box p, .box ul { margin: 4px 0; }
.box > b:first-child { display: block; }
.CAUTION { border-color: #cf222e; } .CAUTION > b { color: #cf222e; }
.WARNING { border-color: #9a6700; } .WARNING > b { color: #9a6700; }
.IMPORTANT { border-color: #8250df; } .IMPORTANT > b { color: #8250df; }
.NOTE { border-color: #0969da; } .NOTE > b { color: #0969da; }
.plus { color: #116329; background: #dafbe1; } .minus { color: #82071e; background: #ffebe9; }
.other { color: #953800; background: #ffd8b5; } summary { cursor: pointer; }
"""


def main() -> int:
    """Draw all looks, or those named."""
    wanted = sys.argv[1:] or list(LOOKS)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        script = _mermaid(Path(folder))
        for name in wanted:
            page = Path(folder) / f"{name}.html"
            page.write_text(_page(LOOKS[name](), script))
            _draw(page, PICTURES / f"{name}.png")
            print(f"docs/pictures/{name}.png")
    return 0


def _page(markdown: str, script: Path | None) -> str:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    body = parser.render(markdown)
    body = re.sub(
        r"<blockquote>\s*<p>\[!(\w+)\]\s*(.*?)</blockquote>",
        lambda m: f'<div class="box {m[1]}"><b>{m[1].capitalize()}</b><p>{m[2]}</div>',
        body,
        flags=re.DOTALL,
    )
    body = re.sub(
        r'<pre><code class="language-diff">(.*?)</code></pre>', _diff, body, flags=re.S
    )
    tail = ""
    if script:
        body = re.sub(
            r'<pre><code class="language-mermaid">(.*?)</code></pre>',
            r'<pre class="mermaid">\1</pre>',
            body,
            flags=re.DOTALL,
        )
        tail = f'<script src="{script.as_uri()}"></script><script>mermaid.initialize({{startOnLoad: true}})</script>'
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}{tail}"


def _diff(found: re.Match[str]) -> str:
    kinds = {"+": "plus", "-": "minus", "!": "other"}
    lines = [
        f'<span class="{kinds.get(line[:1], "")}">{line}</span>'
        for line in found[1].splitlines()
    ]
    return "<pre><code>" + "\n".join(lines) + "</code></pre>"


def _mermaid(folder: Path) -> Path | None:
    """Mermaid's own program, or None where there is no npm: its text is shown then."""
    cache = Path(os.environ.get("KARST_CACHE") or Path.home() / ".cache" / "karstkit")
    script = cache / "mermaid" / f"{MERMAID}.js"
    if script.is_file():
        return script
    if not shutil.which("npm"):
        return None
    subprocess.run(["npm", "pack", "--silent", MERMAID], cwd=folder, check=True)
    archive = next(folder.glob("mermaid-*.tgz"))
    with tarfile.open(archive) as found:
        program = found.extractfile("package/dist/mermaid.min.js")
        assert program  # noqa: S101  (the package holds it)
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_bytes(program.read())
    return script


def _draw(page: Path, picture: Path) -> None:
    """Twice: once to learn how long the page is, once for the picture."""
    page.write_text(
        page.read_text()
        + "<script>onload=()=>setTimeout(()=>document.body.dataset.height="
        "document.documentElement.scrollHeight,1500)</script>"
    )
    dumped = _browse("--window-size=940,200", "--dump-dom", page.as_uri())
    found = re.search(r'data-height="(\d+)"', dumped)
    height = int(found[1]) if found else 2000
    _browse(f"--window-size={WIDTH},{height}", f"--screenshot={picture}", page.as_uri())


def _browse(*arguments: str) -> str:
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu"]
    command += ["--hide-scrollbars", "--virtual-time-budget=6000", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
