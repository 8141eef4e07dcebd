"""Everything that can go wrong while answering a request.

* GatewayError
  + InvalidRequest         400  the body or the query isn't what the API asks for
  + BodyTooSlow            408  the body wasn't there before the deadline
  + BodyTooLarge           413  the body has more than a picture and its form need
  + BatchTooLarge          413  the batch holds more pictures than are taken at a time
  + NotExplainable         400  the model has no signature that explains
  + UnknownLabel           400  the prediction's model has no such class
  + ImageError                  the picture can't be used
    - ImageUnreachable     422  no public address answered with a picture
    - ImageTooLarge        413  more bytes or pixels than we read
    - ImageUnreadable      415  the bytes are no picture we can decode
    - FormatNotRead        415  they are a picture of a format that we don't read
  + UnknownModel           404  no card knows that model or version
  + UnknownPrediction      404  the history has no such prediction
  + NoPicture              404  no picture is kept of that prediction
  + HistoryOff             404  predictions aren't kept here
  + HistoryUnavailable     503  the database doesn't answer, or the prediction isn't in it yet
  + Overloaded             503  as many requests as we take are in flight
  + ModelError                  the model server gave no usable answer; someone should look
    - ModelUnavailable     503  down, starting or overloaded
    - ModelTimeout         504  no answer before the deadline
    - ModelRejected        502  it refused our tensor: a bug on our side
"""

from typing import ClassVar, Literal

FetchFailure = Literal["forbidden", "unreachable", "slow", "broken"]
"""Why a URL gave no bytes; only the log says it."""


class GatewayError(Exception):
    """`message` is for the caller; `str(error)` is the detail, for the log only unless it is public."""

    status: ClassVar[int]
    """HTTP status of the answer."""
    code: ClassVar[str]
    """Stable name, for programs."""
    message: ClassVar[str]
    """One sentence, for people."""
    report: ClassVar[bool] = False
    """Whether an operator should look: the log line is an error, not a warning."""
    detail_is_public: ClassVar[bool] = False
    """Whether the detail only speaks of the caller's own request."""
    retry_after_s: ClassVar[int | None] = None
    """Value of the `Retry-After` header, in seconds, or None for no header."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.message)

    @property
    def public_message(self) -> str:
        """The sentence the caller reads."""
        return str(self) if self.detail_is_public else self.message


class InvalidRequest(GatewayError):
    """The body or the query isn't what the API asks for."""

    status = 400
    code = "invalid_request"
    message = "The request isn't what this API asks for."
    detail_is_public = True


class BodyTooSlow(GatewayError):
    """The body wasn't there before the deadline; the connection is of no more use."""

    status = 408
    code = "body_too_slow"
    message = "The request's body came too slowly."


class BodyTooLarge(GatewayError):
    """The body has more text or parts than a picture needs around it."""

    status = 413
    code = "body_too_large"
    message = "The request's body is larger than this API needs."
    detail_is_public = True


class BatchTooLarge(GatewayError):
    """The batch holds more pictures than are taken at a time."""

    status = 413
    code = "batch_too_large"
    message = "The batch holds more pictures than this API takes at a time."
    detail_is_public = True


class NotExplainable(GatewayError):
    """The model has no signature that explains."""

    status = 400
    code = "not_explainable"
    message = "This model can't explain its answers."


class UnknownLabel(GatewayError):
    """The prediction's model has no such class."""

    status = 400
    code = "unknown_label"
    message = "The prediction's model has no such class."
    detail_is_public = True


class ImageError(GatewayError):
    """The picture can't be used."""


class ImageUnreachable(ImageError):
    """The URL gave no bytes. Forbidden, unreachable, slow and broken read alike: a prober learns nothing."""

    status = 422
    code = "image_unreachable"
    message = "No picture could be fetched from this URL."

    def __init__(self, reason: FetchFailure = "unreachable", detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: FetchFailure = reason


class ImageTooLarge(ImageError):
    """More bytes or pixels than we read."""

    status = 413
    code = "image_too_large"
    message = "The picture has more bytes or more pixels than this service reads."


class ImageUnreadable(ImageError):
    """The bytes are no picture we can decode, or only part of one."""

    status = 415
    code = "image_unreadable"
    message = "The bytes are no complete JPEG, PNG, GIF, WebP or AVIF picture."


class FormatNotRead(ImageError):
    """A picture of a format that isn't read here, though phones make it."""

    status = 415
    code = "image_format_not_read"
    message = (
        "HEIC pictures aren't read here. Send it as JPEG: share or export it as such, or have the phone's camera take "
        "the most compatible format."
    )


class UnknownModel(GatewayError):
    """No card knows that model or version."""

    status = 404
    code = "unknown_model"
    message = "No such model or version is served here."
    detail_is_public = True


class UnknownPrediction(GatewayError):
    """The history has no such prediction, or what was given is no id."""

    status = 404
    code = "unknown_prediction"
    message = "There is no such prediction."


class NoPicture(GatewayError):
    """No picture is kept of that prediction."""

    status = 404
    code = "no_picture"
    message = "No picture is kept of this prediction."


class HistoryOff(GatewayError):
    """Predictions aren't kept here."""

    status = 404
    code = "history_off"
    message = "This service keeps no history."


class HistoryUnavailable(GatewayError):
    """The database doesn't answer, or the prediction isn't in it yet."""

    status = 503
    code = "history_unavailable"
    message = "The history isn't available; please try again."
    report = True
    retry_after_s = 1


class Overloaded(GatewayError):
    """As many requests as we take are in flight."""

    status = 503
    code = "overloaded"
    message = "The service is at its limit; please try again."
    retry_after_s = 1


class ModelError(GatewayError):
    """The model server gave no usable answer; someone should look."""

    report = True


class ModelUnavailable(ModelError):
    """Down, starting or overloaded."""

    status = 503
    code = "model_unavailable"
    message = "The model server isn't available; please try again."
    retry_after_s = 1


class ModelTimeout(ModelError):
    """No answer before the deadline."""

    status = 504
    code = "model_timeout"
    message = "The model server didn't answer in time."


class ModelRejected(ModelError):
    """It refused our tensor: a bug on our side."""

    status = 502
    code = "model_rejected"
    message = "The model server refused the prepared picture."
