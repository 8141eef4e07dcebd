import inspect
from typing import get_args

import pytest

from gateway import errors
from gateway.errors import FetchFailure, GatewayError, ImageUnreachable

LEAVES = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, GatewayError) and hasattr(error, "status")
]


def test_codes_are_unique() -> None:
    assert len({error.code for error in LEAVES}) == len(LEAVES) > 10


@pytest.mark.parametrize("error", LEAVES)
def test_error_stands_in_the_tree_with_its_status(error: type[GatewayError]) -> None:
    assert errors.__doc__
    (line,) = [line for line in errors.__doc__.splitlines() if f" {error.__name__} " in line]
    assert str(error.status) in line


@pytest.mark.parametrize("error", [error for error in LEAVES if error.status >= 500])
def test_5xx_never_shows_its_detail(error: type[GatewayError]) -> None:
    assert "10.0.0.7" not in error("connection to 10.0.0.7").public_message


@pytest.mark.parametrize("reason", get_args(FetchFailure))
def test_fetch_failures_read_alike(reason: FetchFailure) -> None:
    assert ImageUnreachable(reason, "10.0.0.7").public_message == ImageUnreachable.message
