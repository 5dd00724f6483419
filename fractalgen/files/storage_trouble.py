"""What an error of a file system that fsspec reaches means, and what helps against it."""

import errno
import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "ABSENT",
    "CREDENTIAL_VARIABLES",
    "S3",
    "CutShortError",
    "Trouble",
    "answer_of",
    "diagnose",
    "words_of",
]

CREDENTIAL_VARIABLES = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
S3 = ("s3", "s3a")


class CutShortError(Exception):
    """An object did not arrive whole."""


class Trouble(NamedTuple):
    """Why a request failed, whether that may pass, and what helps if it does not."""

    number: int
    reason: str
    may_pass: bool = False
    remedy: str = ""


ABSENT = Trouble(errno.ENOENT, "there is no such file")
_NO_BUCKET = Trouble(
    errno.ENOENT, "the bucket does not exist", remedy="make it first, or correct the URL"
)
_DENIED = Trouble(
    errno.EACCES, "access is denied", remedy="use credentials that may list, read and write there"
)
_NO_CREDENTIALS = Trouble(errno.EACCES, "there are no credentials")
_NO_PROFILE = Trouble(
    errno.EACCES,
    "AWS's files have no profile",
    remedy=(
        "correct AWS_PROFILE; or unset it, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ),
)
_REGION = Trouble(
    errno.EINVAL, "the bucket is in another region", remedy="set AWS_DEFAULT_REGION to it"
)
_UNREACHABLE = Trouble(
    errno.EHOSTUNREACH, "the server cannot be reached", True, "check the network and the address"
)
_CUT = Trouble(errno.EIO, "the connection was cut", True)
_SILENT = Trouble(errno.ETIMEDOUT, "the server stopped answering", True)
_CERTIFICATE = Trouble(errno.EPROTO, "the server's certificate is not valid")
_NO_HTTPS = Trouble(
    errno.EPROTO,
    "HTTPS does not work with the server",
    remedy="if it speaks HTTP, its address begins with http://",
)

# By the codes of S3's answers where the status does not say enough, and by the names of
# exceptions in the packages that fsspec uses.
_BY_CODE = {
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId"), _DENIED),
    **dict.fromkeys(("ExpiredToken", "InvalidToken", "SignatureDoesNotMatch"), _DENIED),
    **dict.fromkeys(("AuthorizationHeaderMalformed", "PermanentRedirect"), _REGION),
    **dict.fromkeys(("IllegalLocationConstraintException", "301"), _REGION),
    "NoSuchBucket": _NO_BUCKET,
}
_BY_NAME = {
    **dict.fromkeys(("NoCredentialsError", "PartialCredentialsError"), _NO_CREDENTIALS),
    **dict.fromkeys(("ProfileNotFound", "DefaultCredentialsError"), _NO_CREDENTIALS),
    **dict.fromkeys(("SSOError", "TokenRetrievalError", "RefreshError"), _NO_CREDENTIALS),
    **dict.fromkeys(("EndpointConnectionError", "ConnectTimeoutError"), _UNREACHABLE),
    **dict.fromkeys(("ConnectionRefusedError", "ClientConnectorError"), _UNREACHABLE),
    **dict.fromkeys(("ProxyConnectionError", "gaierror"), _UNREACHABLE),
    **dict.fromkeys(("SSLError", "SSLCertVerificationError"), _CERTIFICATE),
    **dict.fromkeys(("ReadTimeoutError", "TimeoutError"), _SILENT),
    **dict.fromkeys(("ConnectionError", "HTTPClientError", "ClientPayloadError"), _CUT),
    **dict.fromkeys(("ClientConnectionError", "IncompleteRead", "ResponseParserError"), _CUT),
    **dict.fromkeys(("ServiceRequestError", "ServiceResponseError", "TransportError"), _CUT),
    "FileNotFoundError": ABSENT,
    "PermissionError": _DENIED,
}
_PASSING_CODES = (
    *("BadDigest", "IncompleteBody", "NoSuchUpload", "OperationAborted"),
    *("RequestTimeout", "XAmzContentSHA256Mismatch"),
)


def diagnose(error: BaseException, scheme: str) -> Trouble:
    """Return what an error of a file system means."""
    if isinstance(error, CutShortError):
        return Trouble(errno.EIO, str(error), True)
    status, code = answer_of(error)
    trouble = _BY_CODE.get(code)
    if trouble is None and (status >= 500 or status in (408, 429) or code in _PASSING_CODES):
        return Trouble(errno.EIO, f"the server answered {f'{status} {code}'.strip()}", True)
    if trouble is None and status in (401, 403):
        trouble = _DENIED
    for cause in _causes(error):
        for kind in type(cause).__mro__:
            trouble = trouble or _BY_NAME.get(kind.__name__)
    if trouble is None:
        number = getattr(error, "errno", None) or errno.EIO
        return Trouble(number, _wrong_address(error, scheme) or words_of(error))
    if trouble is _NO_CREDENTIALS:
        profile = getattr(error, "kwargs", {}).get("profile")  # that is not found
        if profile is not None:
            return _NO_PROFILE._replace(reason=f"{_NO_PROFILE.reason} '{profile}'")
        return trouble._replace(
            remedy=CREDENTIAL_VARIABLES if scheme in S3 else f"log in to {scheme}"
        )
    if trouble is _CERTIFICATE and "certificate" not in str(error).lower():
        return _NO_HTTPS
    if trouble is _UNREACHABLE and scheme in S3:
        return trouble._replace(remedy="check the network and AWS_ENDPOINT_URL")
    return trouble


def _wrong_address(error: BaseException, scheme: str) -> str | None:
    """Return what is wrong with the address of an S3 server, if anything."""
    match = re.fullmatch("Invalid endpoint: (.*)", words_of(error))
    if not match or scheme not in S3 or match[1].startswith(("http://", "https://")):
        return None
    return f"AWS_ENDPOINT_URL must begin with http:// or https://, not '{match[1]}'"


def answer_of(error: BaseException) -> tuple[int, str]:
    """Return the status and the code of a server's answer; 0 and empty if there is none."""
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        if isinstance(response, dict):  # botocore's
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            code = str(response.get("Error", {}).get("Code", ""))
            return int(status), "" if code == str(status) else code
        for attribute in ("status", "status_code", "code"):
            status = getattr(cause, attribute, None)
            if str(status).isdecimal() and 400 <= int(str(status)) < 600:
                return int(str(status)), ""
    return 0, ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def words_of(error: BaseException) -> str:
    """Return an error's own message on one line, without passwords of URLs."""
    text = re.sub(r"[^/@\s\"']*:[^/@\s\"']*@", "", " ".join(str(error).split()))
    return text[:200] or type(error).__name__
