"""What can go wrong while the service is asked?

* ClientError            the service gave no answer that can be used
  + ServiceUnreachable   no answer came before the deadline
  + Refused              it answered with a problem: its status, code and detail
"""


class ClientError(Exception):
    """The service gave no answer that can be used."""


class ServiceUnreachable(ClientError):
    """No answer came before the deadline, or the connection broke where asking again might do the work twice."""


class Refused(ClientError):
    """The service answered with a problem.

    Args:
        status: HTTP's.
        code: The problem's stable name, for programs: `image_too_large`. Where something else than the service
            answered, it is the status' own name: `bad_gateway`.
        detail: A sentence for people.
        request_id: Under which the service's log has it; empty where the answer named none.
    """

    def __init__(self, status: int, code: str, detail: str, request_id: str = "") -> None:
        super().__init__(status, code, detail, request_id)
        self.status, self.code, self.detail, self.request_id = status, code, detail, request_id

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.detail}"
