"""Closes the network for the Python that starts with this folder on PYTHONPATH: only this machine can be reached.

Notebooks must run to their end without a network; the proof is to run them where there is none.
"""

import socket

_connect, _connect_ex, _getaddrinfo = (
    socket.socket.connect,
    socket.socket.connect_ex,
    socket.getaddrinfo,
)
_HERE = ("localhost", "127.0.0.1", "::1", "", "0.0.0.0", None)


def _is_here(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket's path
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    return host in _HERE or str(host).startswith("127.")


def _refusing(method):
    def connect(self, address):
        if not _is_here(address):
            raise OSError(f"the network is closed in tests: {address}")
        return method(self, address)

    return connect


def _look_up(host, *args, **kwargs):
    if not _is_here((host,)):
        raise socket.gaierror(f"the network is closed in tests: {host}")
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _refusing(_connect)
socket.socket.connect_ex = _refusing(_connect_ex)
socket.getaddrinfo = _look_up
