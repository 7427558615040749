"""How AWS refuses a request that it cannot authenticate, in the words of each of its protocols."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from infra.local_aws.errors import XML_SERVICES, AwsError
from infra.local_aws.moto_server import service_of
from infra.local_aws.sigv4 import TIMESTAMP, MalformedClaimError, UnsupportedMechanismError

_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - AWS's sentence
_MISMATCH = "The request signature we calculated does not match the signature you provided. "
_MISMATCH_ELSEWHERE = (
    f"{_MISMATCH}Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)


class Protocol(Enum):
    """How a service speaks: S3; forms or XML (IAM, Route 53); JSON with targets (Glue); JSON with paths (Lambda)."""

    S3 = "s3"
    QUERY = "query"
    JSON = "json"
    REST = "rest"


def protocol_of(environ: dict[str, Any]) -> Protocol:
    """The protocol that a request speaks, signed or not."""
    if "HTTP_X_AMZ_TARGET" in environ or "HTTP_SMITHY_PROTOCOL" in environ:
        return Protocol.JSON
    service = service_of(environ)
    if service == "s3":
        return Protocol.S3
    is_form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    if service in XML_SERVICES or (is_form and (service is not None or _is_call(environ))):
        return Protocol.QUERY
    return Protocol.S3 if service is None else Protocol.REST


def _is_call(environ: dict[str, Any]) -> bool:
    """Whether an unsigned form can be meant for a service: those have one address, an upload names a bucket."""
    return bool(environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/")


def spoken_to(environ: dict[str, Any], service: str | None) -> str:
    """The service whose form of an error a refused request understands."""
    return service or protocol_of(environ).value


def foreign(environ: dict[str, Any], objection: str) -> AwsError:
    """A request that a web page may have sent; AWS has no such rule, so the sentence is ours."""
    code = "AccessDeniedException" if protocol_of(environ) in (Protocol.JSON, Protocol.REST) else "AccessDenied"
    return AwsError(code, f"The local AWS answers programs on this machine: {objection}.", 403)


class Refusals:
    """The refusals of one request."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ

    def unsigned(self) -> AwsError:
        """Neither a header nor a query says that somebody signed."""
        return self._say(
            ("AccessDenied", "Access Denied"),
            ("MissingAuthenticationToken", "Request is missing Authentication Token"),
            ("MissingAuthenticationTokenException", "Missing Authentication Token"),
        )

    def malformed(self, error: MalformedClaimError) -> AwsError:
        """Something is said of a signature that AWS does not understand."""
        in_header = "HTTP_AUTHORIZATION" in self._environ
        s3 = "AuthorizationHeaderMalformed" if in_header else "AuthorizationQueryParametersError"
        refusal = self._say(
            ("InvalidRequest" if isinstance(error, UnsupportedMechanismError) else s3, str(error)),
            ("IncompleteSignature", str(error)),
            ("IncompleteSignatureException", str(error)),
        )
        refusal.status = 400
        return refusal

    def unknown_key(self, access_key_id: str) -> AwsError:
        """Signed with a key that nobody here was given."""
        message = "The AWS Access Key Id you provided does not exist in our records."
        return self._say(
            ("InvalidAccessKeyId", message),
            ("InvalidClientTokenId", _TOKEN),
            ("UnrecognizedClientException", _TOKEN),
            AWSAccessKeyId=access_key_id,
        )

    def unknown_token(self) -> AwsError:
        """A session token that does not go with the key, or none where the key needs one."""
        return self._say(
            ("InvalidToken", "The provided token is malformed or otherwise invalid."),
            ("InvalidClientTokenId", _TOKEN),
            ("UnrecognizedClientException", _TOKEN),
        )

    def wrong_signature(self) -> AwsError:
        """Signed with another secret, or not quite this request."""
        return self._say(
            ("SignatureDoesNotMatch", f"{_MISMATCH}Check your key and signing method."),
            *_mismatch(_MISMATCH_ELSEWHERE),
        )

    def unsigned_headers(self, names: list[str]) -> AwsError:
        """Headers that the signature has to cover and does not."""
        return self._say(
            ("AccessDenied", "There were headers present in the request which were not signed"),
            *_mismatch(f"'{names[0]}' must be a 'SignedHeader' in the AWS Authorization."),
            HeadersNotSigned=", ".join(names),
        )

    def wrong_time(self, timestamp: str, signed_at: datetime, now: datetime, allowed: timedelta) -> AwsError:
        """Signed too long ago, or in the future."""
        said, minutes = now.strftime(TIMESTAMP), int(allowed.total_seconds() // 60)
        if signed_at < now:
            limit = (now - allowed).strftime(TIMESTAMP)
            sentence = f"Signature expired: {timestamp} is now earlier than {limit} ({said} - {minutes} min.)"
        else:
            limit = (now + allowed).strftime(TIMESTAMP)
            sentence = f"Signature not yet current: {timestamp} is still later than {limit} ({said} + {minutes} min.)"
        message = "The difference between the request time and the current time is too large."
        return self._say(
            ("RequestTimeTooSkewed", message),
            *_mismatch(sentence),
            RequestTime=timestamp,
            ServerTime=_iso(now),
            MaxAllowedSkewMilliseconds=int(allowed.total_seconds() * 1000),
        )

    def expired(self, expires_seconds: int, signed_at: datetime, now: datetime) -> AwsError:
        """A presigned URL whose term is over."""
        end = signed_at + timedelta(seconds=expires_seconds)
        sentence = f"Signature expired: {end.strftime(TIMESTAMP)} is now earlier than {now.strftime(TIMESTAMP)}"
        fields: dict[str, Any] = {"X-Amz-Expires": expires_seconds, "Expires": _iso(end), "ServerTime": _iso(now)}
        return self._say(("AccessDenied", "Request has expired"), *_mismatch(sentence), **fields)

    def not_yet_valid(self) -> AwsError:
        """A presigned URL of the future."""
        return self._say(("AccessDenied", "Request is not yet valid"), *_mismatch("Signature not yet current"))

    def wrong_hash(self, said: str, computed: str) -> AwsError:
        """S3 alone: the body is not the one whose hash was signed."""
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        fields = {"ClientComputedContentSHA256": said, "S3ComputedContentSHA256": computed}
        return AwsError("XAmzContentSHA256Mismatch", message, 400, **fields)

    def too_large(self) -> AwsError:
        """A body that no service but S3 takes."""
        message = "Request size is too large"
        code = ("RequestEntityTooLarge", message)
        return self._say(code, code, ("RequestEntityTooLargeException", message))

    def _say(self, s3: tuple[str, str], query: tuple[str, str], other: tuple[str, str], **fields: Any) -> AwsError:
        protocol = protocol_of(self._environ)
        if protocol is Protocol.S3:
            return AwsError(*s3, 400 if s3[0] == "InvalidToken" else 403, **fields)
        if protocol is Protocol.QUERY:
            return AwsError(*query, 403)
        return AwsError(*other, 400 if protocol is Protocol.JSON else 403)


def _mismatch(message: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """A wrong signature outside of S3, to services with forms and to all others."""
    return ("SignatureDoesNotMatch", message), ("InvalidSignatureException", message)


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
