"""
What spans tell beyond parents and peers, where only some services send any.

    A  ──client "b:8080"──►  B, silent  ──►  C      how C is known to be called by B:

    B passes the trace on as a tracer does        C's parent is missing, and C began while A's call to B
                                                  was under way
    B passes the headers on as they came          C's parent is A's span; but A called "b", and C was
                                                  called as "c"
    B starts anew, or nothing is passed on        C's span is a root whose peer address is B's

The last needs B's address, which others give who call B: by its name, in the same span. Links tell of
work that was queued.
"""

from collections import Counter
from collections.abc import Collection, Iterator

from tracepulse.derive.flow_names import ADDRESS, HOST, POD, NameBook, party
from tracepulse.derive.limits.flows import MIN_NAME_SHARE
from tracepulse.model.flow_graph import (
    AskedFor,
    CloseLook,
    LooseEnd,
    NameFact,
    Sighting,
    SpokenOf,
)

__all__ = ["close_facts", "close_sightings", "passed_through"]

SERVING, CALLING = 1, 2
_NEAR = ("127.", "::1", "0.0.0.0", "localhost")  # noqa: S104


def close_facts(look: CloseLook) -> Iterator[NameFact]:
    """Yield what spans say of whose pods, addresses and names are whose."""
    for each in look.spoken:
        if each.pod:
            yield NameFact(POD + each.pod, each.service, each.calls, own=True)
        if _is_far_address(each.own_address):
            yield NameFact(each.own_address, each.service, each.calls, own=True)
        if each.kind == SERVING and _is_telling(each.said):
            yield NameFact(each.said, each.service, each.calls)
        elif each.kind == CALLING and _is_telling(each.said) and _is_far_address(each.peer_address):
            yield NameFact(each.said, party(each.peer_address), each.calls)
    for asked in look.asked:
        if asked.answered_by and _is_telling(asked.said) and not _is_other(asked):
            yield NameFact(asked.said, asked.answered_by, asked.calls)


def close_sightings(
    look: CloseLook, names: NameBook, services: Collection[str]
) -> Iterator[Sighting]:
    """Yield the calls that only a close look shows."""
    for each in look.spoken:
        if each.kind == SERVING and each.root and _is_far_address(each.peer_address):
            caller = names.node(each.peer_address)
            if caller:
                yield _sighting(caller, each.service, each, "callee")
    for gap in look.gaps:
        caller = _between(gap.caller, gap.came_from, names)
        if caller:
            yield _sighting(caller, gap.callee, gap, "callee")
    for asked in look.asked:
        if not asked.answered_by and party(asked.said).startswith(f"{ADDRESS}127."):
            yield _sighting(asked.caller, asked.said, asked, "caller")
    for asked, between in _passed_on(look, names, services):
        yield _sighting(asked.caller, asked.said, asked, "caller")
        if between:
            yield _sighting(between, asked.answered_by, asked, "callee")
    for link in look.links:
        yield Sighting(
            caller=link.caller,
            callee=link.callee,
            connection="messaging",
            kind="links",
            calls=link.calls,
            errors=link.errors,
            lengths=link.lengths,
            first_unix_ns=link.first_unix_ns,
            last_unix_ns=link.last_unix_ns,
        )


def passed_through(
    look: CloseLook, names: NameBook, services: Collection[str]
) -> frozenset[tuple[str, str]]:
    """Return the pairs whose calls all but always went by somebody between them."""
    all_calls: Counter[tuple[str, str]] = Counter()
    through: Counter[tuple[str, str]] = Counter()
    for each in look.asked:
        if each.answered_by:
            all_calls[each.caller, each.answered_by] += each.calls
    for each, _ in _passed_on(look, names, services):
        through[each.caller, each.answered_by] += each.calls
    return frozenset(
        pair for pair, calls in through.items() if calls >= MIN_NAME_SHARE * all_calls[pair]
    )


def _passed_on(
    look: CloseLook, names: NameBook, services: Collection[str]
) -> Iterator[tuple[AskedFor, str]]:
    """
    Yield calls that were answered by another than who was called, and who passed them on.

    The answering side must have been called by a name that is its own: the service's, or one that
    others call it by. A name of its machine would differ from the caller's as well.
    """
    sending = {each.service for each in look.spoken} | {each.caller for each in look.asked}
    called = {(party(a.said), a.answered_by) for a in look.asked if not _is_other(a)}
    for each in look.asked:
        if not each.answered_by or not _is_other(each):
            continue
        between = names.node(each.said)
        own = party(each.answered_as)
        is_own = own == HOST + each.answered_by or (own, each.answered_by) in called
        if between in {each.caller, each.answered_by, *sending}:
            continue
        if is_own or between in services:
            yield each, _between(each.said, each.answered_to, names)


def _between(said: str, address: str, names: NameBook) -> str:
    """Return who stands between: who is at the address it came from, else who was called."""
    there = names.node(address) if _is_far_address(address) else ""
    if there:
        return there
    return "" if names.has_addresses(said) and _is_far_address(address) else said


def _is_other(asked: AskedFor) -> bool:
    """Tell whether who answered was called by another name than the caller called."""
    one, other = party(asked.said), party(asked.answered_as)
    return one.startswith(HOST) and other.startswith(HOST) and one != other


def _is_telling(said: str) -> bool:
    """Tell whether a name is one that others would mean the same by."""
    name = party(said)
    return bool(name) and name not in (f"{HOST}localhost", f"{ADDRESS}127.0.0.1", f"{ADDRESS}::1")


def _is_far_address(text: str) -> bool:
    return party(text).startswith(ADDRESS) and not text.startswith(_NEAR)


def _sighting(
    caller: str, callee: str, seen: AskedFor | LooseEnd | SpokenOf, side: str
) -> Sighting:
    return Sighting(
        caller=caller,
        callee=callee,
        connection="",
        kind="peer",
        calls=seen.calls,
        errors=seen.errors,
        lengths=seen.lengths,
        first_unix_ns=seen.first_unix_ns,
        last_unix_ns=seen.last_unix_ns,
        side=side,
    )
