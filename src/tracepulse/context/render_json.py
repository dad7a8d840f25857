"""A bundle as JSON, and the schema that it keeps to."""

import json
from dataclasses import asdict
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from tracepulse.context.bundle import SCHEMA_VERSION, Bundle

__all__ = ["bundle_schema", "render_json"]


def render_json(bundle: Bundle) -> str:
    """Return the bundle as JSON: ASCII only, keys in the schema's order, one line."""
    return json.dumps(asdict(bundle), ensure_ascii=True, separators=(",", ":"))


def bundle_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a bundle."""
    adapter = TypeAdapter(Bundle, config=ConfigDict(use_attribute_docstrings=True, extra="forbid"))
    schema = adapter.json_schema(mode="serialization", schema_generator=GenerateJsonSchema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://tracepulse.dev/schema/bundle-{SCHEMA_VERSION}.json",
        **schema,
    }
