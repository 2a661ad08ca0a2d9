"""How pages are made: each is one file that fetches nothing, and runs no script but the one it was made with.

Text from records may be anything. Jinja escapes all of it; `shown` makes control characters and direction marks
visible; data for the viewer stands in a block that no browser runs; and the page's own policy names its script by
hash, so that whatever slipped through all of that would still not run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike_bench.errors import UsageError
from lookalike_bench.publish.tables import count_text, difference_text, estimate_text, percent

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def render(template: str, script: str | None = None, *, asks_its_server: bool = False, **values: Any) -> str:
    """A page from a template, with the style and at most one script inside it. `asks_its_server`: it may send
    requests to where it came from."""
    from markupsafe import Markup

    source = _resource(script) if script else ""
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    if asks_its_server:
        policy += "; connect-src 'self'"
    return (
        _environment()
        .get_template(template)
        .render(
            policy=f"{policy}; script-src 'sha256-{digest}'" if source else policy,
            style=Markup(_resource("style.css")),
            script=Markup(source),
            **values,
        )
    )


def write_page(path: Path, page: str) -> None:
    """Write a page where nobody can meet half of it. Raises UsageError where it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UsageError(f"{path}: the page cannot be written: {error.strerror}") from None


def data_block(data: Any) -> Markup:
    """JSON that can stand inside a script element: nothing in it ends the element or begins a comment."""
    from markupsafe import Markup

    text = json.dumps(data, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def shown(text: object) -> str:
    """Text with its invisible characters made visible: a right-to-left mark is read as ⟨U+200F⟩."""
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", str(text))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("lookalike_bench.publish"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if hasattr(value, "__html__") else shown(value),
    )
    environment.filters |= {
        "estimate": estimate_text,
        "percent": percent,
        "count": count_text,
        "difference": difference_text,
    }
    return environment


@cache
def _resource(name: str) -> str:
    return (files("lookalike_bench.publish") / "templates" / name).read_text(encoding="utf-8")
