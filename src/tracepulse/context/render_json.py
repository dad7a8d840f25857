"""A bundle as JSON, and the schema that it keeps to."""

import json
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from tracepulse.context.bundle import SCHEMA_VERSION, Bundle

__all__ = ["bundle_schema", "bundle_schema_text", "render_json"]


def render_json(bundle: Bundle) -> str:
    """Return the bundle as JSON: ASCII only, keys in the schema's order, one line."""
    return json.dumps(asdict(bundle), ensure_ascii=True, separators=(",", ":"))


def bundle_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a bundle."""
    adapter = TypeAdapter(Bundle)
    schema = adapter.json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://tracepulse.dev/schema/bundle-{SCHEMA_VERSION}.json",
        **schema,
    }


def bundle_schema_text() -> str:
    """Return the schema as it is published."""
    return json.dumps(bundle_schema(), indent=2, ensure_ascii=False) + "\n"
