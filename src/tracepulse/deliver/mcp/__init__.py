"""The MCP server: a few bounded tools over the REST API, for assistants."""
