"""Access logs of Envoy and Istio."""

import numpy as np

from tracepulse.receive.loops.columns import (
    AFTER_END,
    AFTER_START,
    BEFORE_END,
    BEFORE_START,
    K_SERVICE,
    MAX_ORIGINAL,
    S_BODY,
    S_BODY_END,
    S_BODY_KIND,
    S_BODY_SIZE,
    S_NUMBER,
    S_SPAN,
    S_TIME,
    S_TRACE,
    T_FROM,
    T_KIND,
    T_NUMBER,
    T_SIZE,
    T_TO,
    V_INTEGER,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.headers import (
    names_race,
)
from tracepulse.receive.loops.ids import (
    find_ids,
)
from tracepulse.receive.loops.instants import (
    rfc3339,
)
from tracepulse.receive.loops.memory import (
    has_word,
    is_ascii,
    is_digit,
    is_letter,
    is_word,
    number_of_digits,
    u8,
    u32,
)
from tracepulse.receive.loops.records import (
    enclose,
    put_attribute,
    put_head,
    put_ids,
    put_some,
)

__all__ = [
    "access_line",
    "put_whole",
    "put_words",
]


@compiled
def put_words(to, limit, part, pos, end, blob, parts, token):  # type: ignore[no-untyped-def]
    """Write a text as the attribute whose key is a part of the blob."""
    token[T_KIND] = V_TEXT
    token[T_FROM] = pos
    token[T_TO] = end
    token[T_SIZE] = end - pos
    key = blob + parts[part, 0]
    return put_attribute(to, limit, key, key + parts[part, 1], token)


@compiled
def put_whole(to, limit, part, number, blob, parts, token):  # type: ignore[no-untyped-def]
    """Write a number as the attribute whose key is a part of the blob."""
    token[T_KIND] = V_INTEGER
    token[T_NUMBER] = number
    key = blob + parts[part, 0]
    return put_attribute(to, limit, key, key + parts[part, 1], token)


@compiled
def _is_there(pos, end):  # type: ignore[no-untyped-def]
    """Tell whether a field of an access log says anything."""
    return end > pos and not (end - pos == 1 and u8(pos) == 0x2D)


@compiled
def _address(pos, end, found):  # type: ignore[no-untyped-def]
    """Split host:port into `found`: from and to of the host, and the port or 0."""
    colon = end - 1
    while colon >= pos and is_digit(u8(colon)):
        colon -= 1
    found[2] = 0
    if colon >= pos and u8(colon) == 0x3A and 0 < end - colon - 1 < 6:
        inner = False
        for at in range(pos, colon):
            inner |= u8(at) == 0x3A
        if not inner or u8(colon - 1) == 0x5D:
            found[2] = number_of_digits(colon + 1, end - colon - 1)
            end = colon
    while pos < end and (u8(pos) == 0x5B or u8(pos) == 0x5D):
        pos += 1
    while pos < end and (u8(end - 1) == 0x5B or u8(end - 1) == 0x5D):
        end -= 1
    found[0] = pos
    found[1] = end


@compiled
def _cluster(pos, end, found):  # type: ignore[no-untyped-def]
    """Return 1 for an inbound, 2 for an outbound cluster, else 0; the service goes into `found`."""
    bars = 0
    first = end
    last = pos
    plain = True
    for at in range(pos, end):
        byte = u8(at)
        if byte == 0x7C:
            bars += 1
            first = min(first, at)
            last = at + 1
        elif not (is_word(byte) or byte == 0x2D or byte == 0x2E):
            plain = False
    found[0] = pos
    found[1] = pos
    if bars != 3:
        letters = False
        for at in range(pos, end):
            letters |= is_digit(u8(at)) or is_letter(u8(at))
        if plain and letters and bars == 0 and not has_word(pos, end, 0x72657473756C43, 7):
            found[1] = end
        return 0
    direction = 0
    if first - pos == 7 and has_word(pos, first, 0x646E756F626E69, 7):
        direction = 1
    elif first - pos == 8 and has_word(pos, first, 0x646E756F6274756F, 8):
        direction = 2
    found[0] = last
    found[1] = end
    dot_svc = end - last >= 4 and u32(end - 4) == 0x6376732E
    dot_local = end - last >= 6 and has_word(end - 6, end, 0x6C61636F6C2E, 6)
    if dot_svc or dot_local or has_word(last, end, 0x2E6376732E, 5):
        for at in range(last, end):
            if u8(at) == 0x2E:
                found[1] = at
                break
    return direction


@compiled
def _words(pos, end, spans, most):  # type: ignore[no-untyped-def]
    """Find words between spaces; returns how many, or -1 for more or for anything but plain ASCII."""
    count = 0
    while True:
        while pos < end and u8(pos) == 0x20:
            pos += 1
        if pos == end:
            return count
        if count == most:
            return -1
        spans[count, 0] = pos
        while pos < end and u8(pos) != 0x20:
            if not 0x20 < u8(pos) < 0x7F:
                return -1
            pos += 1
        spans[count, 1] = pos
        count += 1


@compiled
def _are_numbers(pos, end):  # type: ignore[no-untyped-def]
    for at in range(pos, end):
        byte = u8(at)
        if not (is_digit(byte) or byte == 0x2D or byte == 0x20):
            return False
    return True


@compiled
def access_line(  # type: ignore[no-untyped-def]
    to, limit, start, end, state, known, ids, item, base, blob, parts, tokens, fields
):
    """Write the record of a line of Envoy's access log; returns where it ends, or 0 for Python to read it."""
    # fields: 0 to 31 quotes, 32 to 39 words before the numbers, 40 to 43 the numbers, 44 to 49 the rest
    close = start + 19
    last = min(end - 3, start + 40)
    while close < last and not (
        u8(close) == 0x5D and u8(close + 1) == 0x20 and u8(close + 2) == 0x22
    ):
        close += 1
    if close >= last or end - start > MAX_ORIGINAL:
        return np.int64(0)
    time = rfc3339(start + 1, close)
    if time <= 0 or u8(close - 1) != 0x5A or u8(start + 11) != 0x54:
        return np.int64(0)
    quotes = 0
    for at in range(start, end):
        byte = u8(at)
        if byte < 0x20:
            return np.int64(0)
        if byte == 0x22:
            if quotes == 16:
                return np.int64(0)
            fields[quotes, 0] = at
            quotes += 1
    if quotes < 12 or quotes % 2:
        return np.int64(0)
    head = _words(fields[1, 0] + 1, fields[2, 0], fields[32:], 6)
    if head < 2:
        return np.int64(0)
    at = quotes - 10
    numbers = 0
    if head == 6 and _are_numbers(fields[34, 0], fields[2, 0]):
        if at != 2:
            return np.int64(0)
        for i in range(4):
            fields[40 + i, 0] = fields[34 + i, 0]
            fields[40 + i, 1] = fields[34 + i, 1]
        numbers = 4
        head = 2
    else:
        if at == 2:
            return np.int64(0)
        begin = fields[3, 0] + 1
        stop = fields[4, 0]
        if _are_numbers(begin, stop):
            spaces = 0
            for each in range(begin, stop):
                spaces += u8(each) == 0x20
            if spaces == 5:
                if at != 4:
                    return np.int64(0)
            elif at != 6:
                return np.int64(0)
        elif at != 6:
            return np.int64(0)
        begin = fields[at - 1, 0] + 1
        stop = fields[at, 0]
        spaces = 0
        for each in range(begin, stop):
            spaces += u8(each) == 0x20
        if spaces != 5 or not _are_numbers(begin, stop):
            return np.int64(0)
        numbers = _words(begin, stop, fields[40:], 4)
    if numbers != 4:
        return np.int64(0)
    for i in range(1, 5):
        gap = fields[at + 2 * i - 1, 0]
        if fields[at + 2 * i, 0] != gap + 2 or u8(gap + 1) != 0x20:
            return np.int64(0)
    tail = _words(fields[quotes - 1, 0] + 1, end, fields[44:], 6)
    if tail < 0:
        return np.int64(0)
    for i in range(tail, 6):
        fields[44 + i, 0] = end
        fields[44 + i, 1] = end
    for i in range(head, 4):
        fields[32 + i, 0] = end
        fields[32 + i, 1] = end
    code = fields[32, 0]
    code_size = fields[32, 1] - code
    status = number_of_digits(code, code_size) if code_size < 18 else np.int64(-1)
    if status < 0:
        return np.int64(0)
    if code_size > 3:
        status = np.int64(0)
    return _put_access(
        to, limit, start, close, end, at, time, status, state, known, ids, item, base, blob, parts,
        tokens[0], fields, tokens[1],
    )  # fmt: skip


@compiled
def _put_access(  # type: ignore[no-untyped-def]
    to, limit, start, close, end, at, time, status, state, known, ids, item, base, blob, parts,
    token, fields, found,
):  # fmt: skip
    quoted = fields
    forwarded = quoted[at, 0] + 1
    forwarded_end = quoted[at + 1, 0]
    authority = quoted[at + 6, 0] + 1
    authority_end = quoted[at + 7, 0]
    cluster = fields[44, 0]
    cluster_end = fields[44, 1]
    peer = fields[47, 0]
    peer_end = fields[47, 1]
    if not is_ascii(forwarded, forwarded_end) or not is_ascii(authority, authority_end):
        return np.int64(0)
    if authority_end - authority > 300 or cluster_end - cluster > 300 or peer_end - peer > 300:
        return np.int64(0)
    direction = 0
    if _is_there(cluster, cluster_end):
        direction = _cluster(cluster, cluster_end, found)
        if direction == 1 and found[1] > found[0] and not known[K_SERVICE]:
            return np.int64(0)
    flags = fields[33, 0]
    flags_end = fields[33, 1]
    excused = not _is_there(flags, flags_end) or (
        flags_end - flags == 2 and u8(flags) == 0x44 and u8(flags + 1) == 0x43
    )
    body = close + 2
    if not state[S_TRACE]:
        state[S_SPAN] = 0
        if names_race(body, end) and not find_ids(start, end, state, known[K_SERVICE], ids):
            return np.int64(0)
    if not state[S_NUMBER]:
        state[S_NUMBER] = 17 if status >= 500 or (status == 0 and not excused) else 9
    if not state[S_TIME]:
        state[S_TIME] = time
    state[S_BODY] = body
    state[S_BODY_END] = end
    state[S_BODY_SIZE] = end - body
    state[S_BODY_KIND] = V_TEXT
    to_begin = to
    to = put_head(to + 3, limit, state)
    to = put_some(to, limit, base + item[BEFORE_START], base + item[BEFORE_END])
    # "method path protocol"
    request = quoted[0, 0] + 1
    request_end = quoted[1, 0]
    gap = request
    while gap < request_end and u8(gap) != 0x20:
        gap += 1
    target = min(gap + 1, request_end)
    protocol = request_end
    while protocol > target and u8(protocol - 1) != 0x20:
        protocol -= 1
    path_end = max(protocol - 1, target)
    if _is_there(request, gap):
        to = put_words(to, limit, 1, request, gap, blob, parts, token)
    for i in range(3):
        if _is_there(fields[33 + i, 0], fields[33 + i, 1]):
            to = put_words(
                to, limit, 2 + i, fields[33 + i, 0], fields[33 + i, 1], blob, parts, token
            )
    if at > 2 and _is_there(quoted[at - 2, 0] + 1, quoted[at - 1, 0]):
        to = put_words(to, limit, 5, quoted[at - 2, 0] + 1, quoted[at - 1, 0], blob, parts, token)
    for i in range(3):
        place = at + (2, 4, 8)[i]
        if _is_there(quoted[place, 0] + 1, quoted[place + 1, 0]):
            to = put_words(
                to, limit, 6 + i, quoted[place, 0] + 1, quoted[place + 1, 0], blob, parts, token
            )
    for i in range(3):
        place = 44 + (0, 4, 5)[i]
        if _is_there(fields[place, 0], fields[place, 1]):
            to = put_words(to, limit, 9 + i, fields[place, 0], fields[place, 1], blob, parts, token)
    if status:
        to = put_whole(to, limit, 12, status, blob, parts, token)
    for slash in range(protocol, request_end):
        if u8(slash) == 0x2F:
            to = put_words(to, limit, 13, slash + 1, request_end, blob, parts, token)
            break
    service = found[0]
    service_end = found[1]
    if _is_there(authority, authority_end):
        _address(authority, authority_end, found)
        to = put_words(to, limit, 14, found[0], found[1], blob, parts, token)
        if found[2]:
            to = put_whole(to, limit, 15, found[2], blob, parts, token)
    if _is_there(cluster, cluster_end):
        if direction:
            word = 16 + direction  # 17 and 18 are the words, and 16 the key
            at_word = blob + parts[word, 0]
            to = put_words(to, limit, 16, at_word, at_word + parts[word, 1], blob, parts, token)
        if direction != 1 and service_end > service:
            to = put_words(to, limit, 19, service, service_end, blob, parts, token)
    for i in range(4):
        digits = fields[40 + i, 1] - fields[40 + i, 0]
        number = number_of_digits(fields[40 + i, 0], digits) if digits < 19 else np.int64(-1)
        if number >= 0:
            to = put_whole(to, limit, 20 + i, number, blob, parts, token)
    if _is_there(target, path_end):
        ask = target
        while ask < path_end and u8(ask) != 0x3F:
            ask += 1
        to = put_words(to, limit, 24, target, ask, blob, parts, token)
        if ask < path_end:
            to = put_words(to, limit, 25, ask + 1, path_end, blob, parts, token)
    client = client_end = np.int64(0)
    if _is_there(peer, peer_end):
        _address(peer, peer_end, found)
        client = found[0]
        client_end = found[1]
        to = put_words(to, limit, 26, client, client_end, blob, parts, token)
    if _is_there(forwarded, forwarded_end):
        client = forwarded
        client_end = client
        while client_end < forwarded_end and u8(client_end) != 0x2C:
            client_end += 1
        while client < client_end and u8(client) == 0x20:
            client += 1
        while client < client_end and u8(client_end - 1) == 0x20:
            client_end -= 1
    if client_end > client:
        to = put_words(to, limit, 27, client, client_end, blob, parts, token)
    to = put_words(to, limit, 0, start, end, blob, parts, token)
    to = put_some(to, limit, base + item[AFTER_START], base + item[AFTER_END])
    return enclose(to_begin, limit, put_ids(to, limit, state))
