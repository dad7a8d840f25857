"""What can go wrong while the demo shop is set up or run."""


class ShopError(Exception):
    """The shop cannot go on; the message says what was seen, where, and what to do."""
