"""What is secret, as data that the server and every SDK read alike."""

from tracepulse.redaction.rules import is_secret_name, replace_secrets

__all__ = ["is_secret_name", "replace_secrets"]
