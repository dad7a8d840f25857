"""Words that vary in paths, statements and log lines, and the services that use them."""

from typing import NamedTuple

__all__ = ["EDGE_SERVICES", "SERVICES", "WORDS", "Service"]

WORDS: dict[int, list[str]] = {
    2: ["de", "fr", "us", "gb", "jp", "br", "in", "se", "nl", "pl", "es", "it", "ca", "au"],
    3: ["eur", "usd", "gbp", "jpy", "sek", "pln", "chf", "brl", "inr", "cad", "aud", "dkk"],
    5: [
        "alice", "bruno", "carla", "david", "elena", "felix", "greta", "henri", "irene", "jonas",
        "karin", "linus", "maria", "nadia", "oscar", "paula", "quinn", "roman", "sofia", "tomas",
        "umber", "vesna", "wanda", "xenia", "yusuf", "zelda", "amber", "blanc", "coral", "ebony",
        "frost", "green", "hazel", "ivory", "jaded", "khaki", "lemon", "mauve", "navys", "ochre",
    ],
    7: [
        "blender", "bracket", "cabinet", "charger", "compass", "curtain", "drawers", "earbuds",
        "lantern", "machine", "monitor", "notepad", "sandals", "satchel", "scooter", "slipper",
        "speaker", "stapler", "sweater", "toaster", "trolley", "uniform", "vitrine", "wardian",
    ],
}  # fmt: skip
"""Words by their length in letters, shortest first; each list holds only words of its length."""


class Service(NamedTuple):
    """One service of the made-up company."""

    name: str
    noun: str
    language: str
    database: str
    """`db.system.name`, or '' where the service keeps nothing."""
    rpc: bool
    """Served by gRPC rather than plain HTTP."""


def _services(table: str) -> tuple[Service, ...]:
    rows = (line.split() for line in table.strip().splitlines())
    return tuple(
        Service(n, noun, lang, db.strip("-"), r == "grpc") for n, noun, lang, db, r in rows
    )


EDGE_SERVICES = 5
"""How many of the first services take requests from outside; the last of these runs jobs."""

# A service calls only services further down, so the call graph has no cycle.
SERVICES = _services(
    """
    web-gateway page nodejs - http
    mobile-gateway screen go - http
    partner-gateway feed java - http
    admin-console report dotnet postgresql http
    scheduler job python postgresql http
    storefront view nodejs redis http
    checkout checkout java postgresql http
    account account java postgresql http
    search query go elasticsearch http
    basket basket go redis grpc
    order order java postgresql grpc
    subscription plan python postgresql http
    returns return python mysql http
    support ticket python mongodb http
    loyalty reward dotnet mysql http
    giftcard card go postgresql grpc
    wishlist wish nodejs mongodb http
    review review python mongodb http
    recommendation ranking python redis grpc
    personalisation profile python mongodb grpc
    content article nodejs mongodb http
    media image go - http
    catalogue product java elasticsearch grpc
    pricing price go postgresql grpc
    promotion coupon java postgresql grpc
    tax rate dotnet - grpc
    currency currency nodejs redis grpc
    payment payment java postgresql grpc
    fraud score python postgresql grpc
    ledger entry java postgresql grpc
    invoice invoice dotnet postgresql http
    inventory stock go mysql grpc
    warehouse parcel java mysql http
    shipping shipment go postgresql grpc
    carrier label python - http
    address place go postgresql grpc
    notification message nodejs mongodb http
    email mail python - http
    sms text go - http
    identity identity java postgresql grpc
    session session go redis grpc
    consent consent dotnet postgresql grpc
    audit record java mongodb grpc
    experiment variant python redis grpc
    feature-flags flag go redis grpc
    config setting go postgresql grpc
    """
)
