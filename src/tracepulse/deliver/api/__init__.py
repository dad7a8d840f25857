"""The REST API: what the store and the derivations know, as JSON. No analysis is done here."""
