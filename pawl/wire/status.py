"""The only module that knows both refusals and gRPC statuses."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from pawl.wire.errors import (
    Aborted,
    AlreadyExists,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    Refusal,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unexpected,
    Violation,
)

DOMAIN = "pawl"

CODES: dict[type[Refusal], grpc.StatusCode] = {
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    Aborted: grpc.StatusCode.ABORTED,
    OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DataLoss: grpc.StatusCode.DATA_LOSS,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Unexpected: grpc.StatusCode.INTERNAL,
}
REFUSALS: dict[grpc.StatusCode, type[Refusal]] = {code: kind for kind, code in CODES.items()}

DETAILS_LIMIT = 6 * 1024
"""Bytes of field violations in a status: trailers past 16 KB are refused by clients."""


def to_status(refusal: Refusal) -> Any:
    """Renders a refusal as a `grpc.Status` whose details always hold an ErrorInfo."""
    status = status_pb2.Status(
        code=_code(refusal).value[0],
        message=refusal.message[:1024],
    )
    for detail in _details(refusal):
        status.details.add().Pack(detail)
    return rpc_status.to_status(status)


def _code(refusal: Refusal) -> grpc.StatusCode:
    """The code of its kind; a service may have made a narrower kind of its own."""
    return next(CODES[kind] for kind in type(refusal).__mro__ if kind in CODES)


def from_error(error: grpc.aio.AioRpcError) -> Refusal:
    """Reads a refusal back; an error that is not one of ours keeps its code's kind.

    The reason is then the code's own name, such as ``UNAVAILABLE``.
    """
    status = rpc_status.from_call(cast("grpc.Call", error))
    info, bad, retry = _parts(status)
    kind = REFUSALS.get(error.code(), Unexpected)
    reason = info.reason if info.domain == DOMAIN else error.code().name
    message = error.details() or error.code().name.lower()
    metadata = dict(info.metadata)
    if kind is InvalidArgument:
        violations = [Violation(v.field, v.reason, v.description) for v in bad.field_violations]
        total = metadata.get("total", "")
        return InvalidArgument(
            violations,
            reason=reason,
            message=message,
            total=int(total) if total.isdecimal() else None,
        )
    delay = retry.retry_delay.ToTimedelta() if retry is not None else None
    return kind(reason, message, retry_after=delay, metadata=metadata)


def _parts(
    status: status_pb2.Status | None,
) -> tuple[
    error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo | None
]:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry: error_details_pb2.RetryInfo | None = None
    for packed in status.details if status else ():
        if packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            packed.Unpack(retry)
        else:
            packed.Unpack(info)
            packed.Unpack(bad)
    return info, bad, retry


def _details(refusal: Refusal) -> Iterator[Message]:
    yield error_details_pb2.ErrorInfo(
        reason=refusal.reason,
        domain=DOMAIN,
        metadata={key: value[:1024] for key, value in refusal.metadata.items()},
    )
    if refusal.violations:
        yield _bad_request(refusal.violations)
    if refusal.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(refusal.retry_after)
        yield retry


def _bad_request(violations: Sequence[Violation]) -> error_details_pb2.BadRequest:
    """As many violations as fit, in order; at least one."""
    bad = error_details_pb2.BadRequest()
    for violation in violations:
        bad.field_violations.add(
            field=violation.field, reason=violation.reason, description=violation.description
        )
        if bad.ByteSize() > DETAILS_LIMIT and len(bad.field_violations) > 1:
            del bad.field_violations[-1]
            break
    return bad
