"""HTML pages from the templates beside this file; every value is escaped."""

import html
from functools import cache
from pathlib import Path
from string import Template

from payments.sandbox.errors import RazorpayError
from payments.sandbox.messages import Response

FOLDER = Path(__file__).parent / "templates"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action {targets}"


class Safe(str):
    """Text that is HTML already."""

    __slots__ = ()


def render(name: str, /, **values: object) -> Safe:
    """The template filled in; every place must be filled."""
    template = Template(_read(name))
    return Safe(template.substitute({key: escape(value) for key, value in values.items()}))


def escape(value: object) -> Safe:
    return value if isinstance(value, Safe) else Safe(html.escape(str(value), quote=True))


def join(parts: list[Safe]) -> Safe:
    return Safe("\n".join(parts))


def page(
    title: str,
    content: Safe,
    *,
    status: int = 200,
    form_targets: str = "'self'",
    script_nonce: str = "",
) -> Response:
    """A whole page that loads nothing and runs at most the script with the nonce."""
    text = render("layout.html", title=title, style=Safe(_read("style.css")), content=content)
    policy = POLICY.format(targets=form_targets)
    if script_nonce:
        policy += f"; script-src 'nonce-{script_nonce}'"
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return Response(status, text.encode(), "text/html; charset=utf-8", headers)


def error_page(refusal: RazorpayError) -> Response:
    content = render("error.html", description=refusal.description)
    return page("Not possible", content, status=refusal.status)


@cache
def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").rstrip("\n")


def rupees(paise: int) -> str:
    return f"₹{paise // 100:,}.{paise % 100:02d}"
