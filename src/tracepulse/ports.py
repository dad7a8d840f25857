"""Listening sockets, bound before anything else so that a port in use is said in one line."""

import errno
import os
import socket

from tracepulse.errors import Unavailable

__all__ = ["bind"]


def bind(
    host: str, port: int, purpose: str, setting: str, *, datagrams: bool = False
) -> socket.socket:
    """
    Return a bound socket, of TCP unless it is for datagrams; port 0 takes any free one.

    Raises:
        Unavailable: the port is in use, may not be used, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)
    if not datagrams:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, socket.gaierror) as error:
        listener.close()
        if isinstance(error, socket.gaierror):
            raise Unavailable(
                f"{purpose}: the address {host} is not known ({error.strerror});"
                " choose another with --host"
            ) from error
        reason = {
            errno.EADDRINUSE: "is in use by another program",
            errno.EACCES: "needs rights that this process does not have",
            errno.EADDRNOTAVAIL: "is not an address of this machine",
        }.get(error.errno or 0, os.strerror(error.errno) if error.errno else str(error))
        raise Unavailable(
            f"{purpose}: {host}:{port} {reason}; choose another with {setting}"
        ) from error
    if not datagrams:
        listener.listen(1024)
    listener.setblocking(False)
    return listener
