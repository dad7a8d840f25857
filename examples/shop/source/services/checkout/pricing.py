"""What an order costs."""

from .carts import CartItem

BULK_QUANTITY = 3
BULK_DISCOUNT_PERCENT = 5


def total_cents(items: list[CartItem]) -> int:
    """Add up a cart; many pieces of one product are a little cheaper."""
    return sum(_line_cents(item) for item in items)


def _line_cents(item: CartItem) -> int:
    full = item.quantity * item.price_cents
    if item.quantity >= BULK_QUANTITY:
        return full - full * BULK_DISCOUNT_PERCENT // 100
    return full
