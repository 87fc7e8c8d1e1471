"""The OpenAPI document as a plain page: no script, and nothing from other hosts."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
details { border-top: 1px solid color-mix(in srgb, currentcolor 25%, transparent); padding: .4rem 0; }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; } td { padding: .1rem 1rem .1rem 0; vertical-align: top; }
pre { overflow-x: auto; }
"""


def page(document: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI document."""
    info = document["info"]
    body = "\n".join(_paths(document))
    schemas = "\n".join(_schemas(document))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/api/docs.css">'
        f"<h1>{escape(info['title'])}</h1>{_paragraphs(info.get('description', ''))}"
        f'<p>The document: <a href="/api/openapi.json">/api/openapi.json</a></p>{body}<h2>Bodies</h2>{schemas}</html>'
    )


def _paths(document: Mapping[str, Any]) -> Iterator[str]:
    tags: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            tags.setdefault(about.get("tags", ["server"])[0], []).append(_operation(method, path, about))
    for tag, operations in tags.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(operations)}"


def _operation(method: str, path: str, about: Mapping[str, Any]) -> str:
    rows = [
        (one["name"], f"{one['in']}, {_kind(one['schema'])}", one.get("description", ""))
        for one in about.get("parameters", ())
    ]
    sent = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    given = [
        f"<li>{escape(status)}: {_kind(_content(answer))} {escape(answer.get('description', ''))}</li>"
        for status, answer in about.get("responses", {}).items()
    ]
    body = f"<p>Body: {_kind(sent)}</p>" if sent else ""
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> {escape(about.get('summary', ''))}"
        f"</summary>{_paragraphs(about.get('description', ''))}{_table(rows)}{body}<ul>{''.join(given)}</ul></details>"
    )


def _content(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return answer.get("content", {}).get("application/json", {}).get("schema", {})


def _schemas(document: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        fields = schema.get("properties", {}).items()
        needed = schema.get("required", ())
        rows = [(f"{field}{'' if field in needed else '?'}", _kind(of), _notes(of)) for field, of in fields]
        about = _paragraphs(schema.get("description", ""))
        yield f'<details id="{escape(name)}"><summary>{escape(name)}</summary>{about}{_table(rows)}</details>'


def _notes(schema: Mapping[str, Any]) -> str:
    limits = ("default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "maxLength", "maxItems")
    said = [schema["description"]] if "description" in schema else []
    return "; ".join([*said, *(f"{name} {json.dumps(schema[name])}" for name in limits if name in schema)])


def _kind(schema: Mapping[str, Any] | None) -> str:
    """A schema in a word or two, as HTML."""
    if not schema:
        return "anything"
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema:
        return escape(", ".join(json.dumps(value) for value in schema["enum"]))
    if "const" in schema:
        return escape(json.dumps(schema["const"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items'))}"
    return escape(str(schema.get("type", "anything")))


def _table(rows: list[tuple[str, str, str]]) -> str:
    """Rows of text, HTML, text."""
    cells = [f"<tr><td><code>{escape(a)}</code><td>{b}<td>{escape(c)}" for a, b, c in rows]
    return f"<table>{''.join(cells)}</table>" if cells else ""


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())
