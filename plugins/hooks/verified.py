"""How a management server is verified, and why nothing came of a connection to it, in words."""

from __future__ import annotations

import ssl
from typing import NoReturn

import httpx

from clones.asking.steps import Result
from clones.clean import one_line
from clones.errors import Refused, Unknown
from hooks.connection import wrong
from hooks.unisphere_connection import Server


def context(server: Server) -> ssl.SSLContext:
    """How the server's certificate is verified.

    :raises Refused: the file of certificates cannot be read.
    """
    try:
        made = ssl.create_default_context(cafile=server.ca_file)
    except ssl.SSLError:
        raise wrong(
            server.name,
            "`ca_file` in the extra",
            f"{server.ca_file} holds no certificate in PEM form",
            "put the CA's certificate there, from BEGIN CERTIFICATE to END CERTIFICATE",
        ) from None
    except OSError as error:
        raise wrong(
            server.name,
            "`ca_file` in the extra",
            f"{server.ca_file} cannot be read: {error.strerror}",
            "put the CA's certificate there on every machine with a worker or triggerer",
        ) from None
    # Arrays make certificates of their own that are not in every point as RFC 5280 wants it; Python 3.13
    # would refuse them. The server's own certificate in `ca_file` is as good as its CA's.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return made


def not_let_in(server: Server, result: Result) -> Refused:
    """The server does not know this user, or gives it no role."""
    return Refused(
        f"{server.name} does not accept the login of its Airflow connection: as {server.user}: "
        f"{result.ending()}: {result.said()[:300]}. Nothing was changed.",
        "check `login` and `password` of the connection, and the user's role in Unisphere",
    )


def not_connected(server: Server, error: Exception) -> NoReturn:
    """Say why a connection was not made.

    :raises Refused: the server's certificate is not trusted.
    :raises Unknown: it cannot be reached.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        raise _not_trusted(server, cause) from None
    why = one_line(str(error)) or type(error).__name__
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        why = f"no connection was made within {server.connect_seconds:g} s"
    raise Unknown(
        f"{server.name} cannot be reached at {server.host}, port {server.port}: {why}. Nothing was sent.",
        "wait for the retry; check that Unisphere for PowerMax runs, and `host` and `port` of the connection",
    ) from None


_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = (62, 64)
"""Of OpenSSL's codes (X509_V_ERR_...)."""


def _not_trusted(server: Server, error: ssl.SSLCertVerificationError) -> Refused:
    if error.verify_code in (_EXPIRED, _NOT_YET):
        remedy = "give the server a certificate that is valid now, or correct this machine's clock"
    elif error.verify_code in _OTHER_NAME:
        remedy = "put a name into `host` of the connection that the server's certificate has"
    elif server.ca_file:
        remedy = (
            f"find out why: another machine may answer in its place. Only then put its CA's certificate into "
            f"{server.ca_file}"
        )
    else:
        remedy = "put the path of its CA's certificate into `ca_file` in the extra of the connection"
    why = one_line(error.verify_message).rstrip(".")
    return Refused(
        f"{server.name} shows a certificate that is not trusted: {why}. Nothing was sent.",
        remedy,
    )
