"""The chat page: one file that fetches nothing from elsewhere, and may run no script but its own."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.responses import HTMLResponse

_FILE = Path(__file__).with_name("page.html")


@cache
def _content() -> tuple[str, str]:
    """The page, and the policy under which a browser runs its style and its script, by their digests, and no other."""
    html = _FILE.read_text(encoding="utf-8")
    rules = [
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors http://localhost:* http://127.0.0.1:*",  # a notebook shows the page
    ]
    for element, rule in (("script", "script-src"), ("style", "style-src")):
        inside = re.findall(rf"<{element}>(.*?)</{element}>", html, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in inside]
        rules.append(" ".join([rule, *(f"'sha256-{digest.decode()}'" for digest in digests)]))
    rules.append("img-src 'self' data:")
    return html, "; ".join(rules)


def page() -> HTMLResponse:
    html, policy = _content()
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})
