"""Calls joined, computed once, and split again: with an engine of a few lines that records what it was given."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.batching import Batcher
from model.batching_parameters import Parameters, read_parameters
from model.errors import ConfigError, ServingError
from model.joining import joined
from model.precision import Precision
from tests.model.calls import eventually

SHIPPED = Path(__file__).resolve().parents[2] / "model" / "batching.config"
LONG_US = 60_000_000
"""A wait that no test sits through: such a batch runs because it's full."""
LONG_S = 20.0


class Doubling:
    """Gives every row back, doubled; `hold` makes it wait in the middle of a call."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, NDArray[Any]]] = []
        self.wanted: list[list[str]] = []
        self.timeouts_s: list[float] = []
        self.threads: list[str] = []
        self.entered = threading.Semaphore(0)
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.closed = False

    def precision_of(self, signature: str) -> Precision:
        return "bfloat16" if signature == "quick" else "float32"

    def opened(self, signature: str) -> bool:
        return signature != "later"

    def run(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], outputs: Iterable[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        x = inputs["x"]
        self.batches.append((signature, x))
        self.wanted.append(list(outputs))
        self.timeouts_s.append(timeout_s)
        self.threads.append(threading.current_thread().name)
        self.entered.release()
        assert self.may_go_on.wait(LONG_S)
        if x.dtype != object and (x < 0).any():
            raise RuntimeError("negative")
        made = {"y": x * 2, "length": x.sum(axis=tuple(range(1, x.ndim))), "scalar": np.float32(1), "short": x[1:]}
        return {name: np.asarray(made[name]) for name in outputs}

    def close(self) -> None:
        self.closed = True

    @contextmanager
    def hold(self) -> Iterator[None]:
        self.may_go_on.clear()
        try:
            yield
        finally:
            self.may_go_on.set()

    def has_entered(self) -> bool:
        return self.entered.acquire(timeout=LONG_S)

    @property
    def sizes(self) -> list[int]:
        return [len(x) for _, x in self.batches]


class Calls:
    """A batcher, and callers in threads of their own."""

    def __init__(self, **parameters: Any) -> None:
        self.engine = Doubling()
        self.batcher = Batcher(self.engine, Parameters(**{"num_batch_threads": 1, **parameters}))
        self._pool = ThreadPoolExecutor(64)

    def start(
        self, x: Any, *outputs: str, signature: str = "serve", timeout_s: float = LONG_S
    ) -> Future[dict[str, NDArray[Any]]]:
        x = x if isinstance(x, np.ndarray) else np.array(x, np.float32)
        return self._pool.submit(self.batcher.run, signature, {"x": x}, outputs or ("y",), timeout_s)

    def queue(self, *arguments: Any, **options: Any) -> Future[dict[str, NDArray[Any]]]:
        """Start a call, and wait until it is queued."""
        before = self.batcher.waiting
        call = self.start(*arguments, **options)
        eventually(lambda: self.batcher.waiting > before or call.done())
        return call

    @contextmanager
    def busy(self) -> Iterator[None]:
        """The only thread computes a call of one row, 99, and all others queue up."""
        with self.engine.hold():
            first = self.start(rows(99), signature="first")
            assert self.engine.has_entered()
            yield
        assert answer(first) == [[198]]

    def close(self) -> None:
        self.engine.may_go_on.set()
        self.batcher.close()
        self._pool.shutdown()


@pytest.fixture
def calls() -> Iterator[Any]:
    opened: list[Calls] = []

    def opening(**parameters: Any) -> Calls:
        opened.append(Calls(**parameters))
        return opened[-1]

    yield opening
    for one in opened:
        one.close()


def rows(*values: float) -> NDArray[Any]:
    return np.array(values, np.float32).reshape(-1, 1)


def answer(call: Future[dict[str, NDArray[Any]]], output: str = "y") -> Any:
    return call.result(LONG_S)[output].tolist()


def refusal(call: Future[dict[str, NDArray[Any]]]) -> tuple[str, str]:
    with pytest.raises(ServingError) as raised:
        call.result(LONG_S)
    return raised.value.code.name, raised.value.text


# What the file says.


def read(tmp_path: Path, text: str) -> Parameters:
    path = tmp_path / "batching.config"
    path.write_text(text)
    return read_parameters(path)


def test_an_empty_file_gives_tensorflow_servings_defaults(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert (found.max_batch_size, found.batch_timeout_micros, found.max_enqueued_batches) == (1000, 0, 10)
    assert (found.thread_pool_name, found.allowed_batch_sizes) == ("batch_threads", ())
    assert (found.pad_variable_length_inputs, found.enable_large_batch_splitting) == (False, False)
    assert found.num_batch_threads >= 1


def test_every_field_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "max_batch_size { value: 32 } batch_timeout_micros: { value: 5 } max_enqueued_batches { value: 7 }\n"
        'num_batch_threads { value: 3 } thread_pool_name { value: "pool" } allowed_batch_sizes: 8\n'
        "allowed_batch_sizes: [16, 32] pad_variable_length_inputs: true  # a comment\n"
        "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 16 }",
    )
    assert found == Parameters(32, 5, 3, 7, "pool", (8, 16, 32), True, True, 16)
    assert found.largest_batch == 16


def test_the_shipped_file_is_read() -> None:
    assert read_parameters(SHIPPED).max_batch_size >= 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("max_batch_size { }", "max_batch_size must be positive; was 0"),
        ("max_batch_size { value: -4 }", "max_batch_size must be positive; was -4"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        ("max_enqueued_batches { value: -1 }", "max_enqueued_batches must be non-negative; was -1"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [2, 4]",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        ("allowed_batch_sizes: 4", "last entry was 4; expected 1000"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [4, 2, 8]",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [8, 8]",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [0, 8]",
            "allowed_batch_sizes entries must be positive; was 0",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 16 }",
            "input_batch_size_limit must be greater than or equal to max_execution_batch_size",
        ),
        (
            "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 0 }",
            "max_execution_batch_size must be positive; was 0",
        ),
        (
            "enable_large_batch_splitting { value: true } max_enqueued_batches { value: 0 }",
            "max_enqueued_batches must be positive; was 0",
        ),
        ("max_batch_size: 8", "Error parsing text-format tensorflow.serving.BatchingParameters"),
        ("largest_batch { value: 8 }", "Error parsing text-format tensorflow.serving.BatchingParameters"),
        ("max_batch_size { value: 99999999999999999999 }", "Error parsing text-format"),
    ],
)
def test_an_impossible_file_is_refused_with_its_name(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=r"batching\.config") as raised:
        read(tmp_path, text)
    assert reason in str(raised.value)


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        read_parameters(tmp_path / "none")


def test_no_waiting_batches_means_one_as_in_tensorflow_serving(tmp_path: Path) -> None:
    assert read(tmp_path, "max_enqueued_batches { value: 0 }").most_batches == 1


# Joining and splitting.


def test_a_full_batch_is_computed_once_and_each_caller_gets_its_rows(calls: Any) -> None:
    batch = calls(max_batch_size=6, batch_timeout_micros=LONG_US)
    first, second, third = (batch.queue(x) for x in (rows(1, 2), rows(3), rows(4, 5, 6)))
    assert (answer(first), answer(second), answer(third)) == ([[2], [4]], [[6]], [[8], [10], [12]])
    assert [x.tolist() for _, x in batch.engine.batches] == [rows(1, 2, 3, 4, 5, 6).tolist()]


def test_a_batch_that_never_fills_is_computed_after_its_timeout(calls: Any) -> None:
    batch = calls(batch_timeout_micros=30_000)
    start = time.monotonic()
    assert answer(batch.start(rows(1))) == [[2]]
    assert time.monotonic() - start >= 0.03


def test_without_a_timeout_a_free_thread_computes_at_once_and_calls_meet_while_it_is_busy(calls: Any) -> None:
    batch = calls(max_batch_size=8)
    with batch.busy():
        waiting = [batch.queue(rows(value)) for value in range(3)]
    assert [answer(call) for call in waiting] == [[[0]], [[2]], [[4]]]
    assert batch.engine.sizes == [1, 3]


def test_a_call_that_does_not_fit_closes_the_batch_before_it(calls: Any) -> None:
    batch = calls(max_batch_size=4, batch_timeout_micros=LONG_US)
    first, second = batch.queue(rows(1, 2, 3)), batch.start(rows(4, 5, 6, 7))
    assert (answer(first), answer(second)) == ([[2], [4], [6]], [[8], [10], [12], [14]])
    assert batch.engine.sizes == [3, 4]


def test_signatures_are_not_joined_and_the_oldest_batch_goes_first(calls: Any) -> None:
    batch = calls()
    with batch.busy():
        waiting = [batch.queue(rows(1), signature=name) for name in ("second", "third", "second")]
    assert [answer(call) for call in waiting] == [[[2]]] * 3
    assert [(name, len(x)) for name, x in batch.engine.batches] == [("first", 1), ("second", 2), ("third", 1)]


def test_every_caller_gets_the_outputs_it_asked_for(calls: Any) -> None:
    batch = calls(max_batch_size=3, batch_timeout_micros=LONG_US)
    asked: list[tuple[str, ...]] = [("y",), ("length",), ("y", "length")]
    found = [call.result(LONG_S) for call in [batch.queue(rows(1), *outputs) for outputs in asked]]
    assert [tuple(outputs) for outputs in found] == asked
    assert batch.engine.wanted == [["length", "y"]]


def test_a_call_alone_reaches_the_engine_uncopied(calls: Any) -> None:
    batch, x = calls(), rows(1, 2)
    answer(batch.start(x))
    assert batch.engine.batches[0][1] is x


def test_strings_are_joined_too(calls: Any) -> None:
    batch = calls(max_batch_size=2, batch_timeout_micros=LONG_US)
    first, second = (batch.queue(np.array([value], object)) for value in (b"a\0", b"bcd"))
    assert (answer(first), answer(second)) == ([b"a\0a\0"], [b"bcdbcd"])


def test_threads_compute_side_by_side_and_have_the_pools_name(calls: Any) -> None:
    batch = calls(num_batch_threads=2, batch_timeout_micros=20_000, thread_pool_name="pool")
    with batch.engine.hold():
        first, second = batch.start(rows(1), signature="a"), batch.start(rows(2), signature="b")
        assert batch.engine.has_entered()
        assert batch.engine.has_entered()
    assert (answer(first), answer(second)) == ([[2]], [[4]])
    assert sorted(batch.engine.threads) == ["pool_0", "pool_1"]


def test_the_batcher_computes_in_the_engines_precision(calls: Any) -> None:
    batcher = calls().batcher
    assert [batcher.precision_of(name) for name in ("a", "quick")] == ["float32", "bfloat16"]
    assert [batcher.opened(name) for name in ("a", "later")] == [True, False]


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    counts=st.lists(st.integers(1, 8), min_size=1, max_size=40),
    allowed=st.sampled_from([(), (8,), (1, 3, 8)]),
    threads=st.integers(1, 3),
    timeout_us=st.sampled_from([0, 500]),
    splitting=st.booleans(),
)
def test_callers_in_many_threads_get_exactly_their_own_rows(
    counts: list[int], allowed: tuple[int, ...], threads: int, timeout_us: int, splitting: bool
) -> None:
    batch = Calls(
        max_batch_size=8, batch_timeout_micros=timeout_us, num_batch_threads=threads, max_enqueued_batches=100,
        allowed_batch_sizes=allowed, enable_large_batch_splitting=splitting,
        max_execution_batch_size=5 if splitting else None,
    )  # fmt: skip
    given_rows = [np.arange(count * 3, dtype=np.float32).reshape(count, 3) + 100 * i for i, count in enumerate(counts)]
    found = [batch.start(x) for x in given_rows]
    for x, call in zip(given_rows, found, strict=True):
        np.testing.assert_array_equal(call.result(LONG_S)["y"], x * 2)
    batch.close()
    assert all(size <= 8 and (not allowed or size in allowed) for size in batch.engine.sizes)


# Sizes.


def test_batches_are_filled_up_to_the_next_allowed_size_with_the_last_calls_first_row(calls: Any) -> None:
    batch = calls(max_batch_size=8, allowed_batch_sizes=(2, 5, 8))
    with batch.busy():
        first, second = batch.queue(rows(1)), batch.queue(rows(2, 3))
    assert (answer(first), answer(second)) == ([[2]], [[4], [6]])
    assert [x.ravel().tolist() for _, x in batch.engine.batches] == [[99, 99], [1, 2, 3, 2, 2]]


def test_a_call_larger_than_a_batch_is_refused(calls: Any) -> None:
    batch = calls(max_batch_size=2)
    assert refusal(batch.start(rows(1, 2, 3))) == (
        "INVALID_ARGUMENT",
        "Task size 3 is larger than maximum input batch size 2",
    )


def test_a_large_call_is_split_where_the_file_says_so(calls: Any) -> None:
    batch = calls(max_batch_size=12, enable_large_batch_splitting=True, max_execution_batch_size=4)
    with batch.busy():
        first, second = batch.queue(rows(0)), batch.queue(rows(*range(1, 11)), "y", "length")
    assert answer(first) == [[0]]
    assert answer(second) == [[2 * value] for value in range(1, 11)]
    assert answer(second, "length") == list(range(1, 11))
    assert batch.engine.sizes == [1, 4, 4, 3]


def test_a_split_call_for_which_there_is_no_room_is_refused_as_a_whole(calls: Any) -> None:
    batch = calls(
        max_batch_size=12, enable_large_batch_splitting=True, max_execution_batch_size=4, max_enqueued_batches=2
    )
    with batch.busy():
        first = batch.queue(rows(0))
        assert refusal(batch.start(rows(*range(8)))) == (
            "UNAVAILABLE",
            "The batch scheduling queue to which this task was submitted is full; task size is 8 but scheduling "
            "capacity is only 7 (num_enqueued_batches=1, max_enqueued_batches=2, open_batch_size=1, "
            "max_execution_batch_size=4)",
        )
        second = batch.queue(rows(*range(7)))
    assert answer(first) == [[0]]
    assert len(answer(second)) == 7


def test_when_one_part_of_a_split_call_fails_the_others_are_dropped(calls: Any) -> None:
    batch = calls(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=2)
    with batch.engine.hold():
        call = batch.start(rows(-1, 1, 2, 3, 4, 5))
        assert batch.engine.has_entered()
    with pytest.raises(RuntimeError, match="negative"):
        call.result(LONG_S)
    assert batch.batcher.waiting == 0


def test_a_call_without_rows_is_computed_alone(calls: Any) -> None:
    batch = calls(batch_timeout_micros=LONG_US, allowed_batch_sizes=(1000,))
    assert batch.start(np.zeros((0, 3), np.float32)).result(LONG_S)["y"].shape == (0, 3)
    assert batch.engine.sizes == [0]


# A full queue, and time.


def test_a_full_queue_refuses_at_once_and_says_how_full_it_is(calls: Any) -> None:
    batch = calls(max_batch_size=2, max_enqueued_batches=2)
    with batch.busy():
        queued = [batch.queue(rows(value, value)) for value in (1, 2)]
        assert refusal(batch.start(rows(3))) == (
            "UNAVAILABLE",
            "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and "
            "max_enqueued_batches is 2",
        )
        other = batch.queue(rows(4), signature="other")
    assert [answer(call) for call in (*queued, other)] == [[[2], [2]], [[4], [4]], [[8]]]


def test_of_two_calls_for_the_last_place_one_is_refused(calls: Any) -> None:
    batch = calls(max_batch_size=1, max_enqueued_batches=1)
    with batch.busy():
        racing = [batch.start(rows(value)) for value in (1, 2)]
        done, left = wait(racing, LONG_S, FIRST_COMPLETED)
        assert refusal(done.pop())[0] == "UNAVAILABLE"
    assert len(answer(left.pop())) == 1


def test_a_call_whose_time_is_up_in_the_queue_is_dropped_and_never_computed(calls: Any) -> None:
    batch = calls(max_batch_size=2)
    with batch.busy():
        patient, late = batch.queue(rows(2)), batch.queue(rows(1), timeout_s=0.05)
        with pytest.raises(TimeoutError):
            late.result(LONG_S)
        assert batch.batcher.waiting == 1
        third = batch.queue(rows(3))
    assert (answer(patient), answer(third)) == ([[4]], [[6]])
    assert batch.engine.batches[1][1].tolist() == [[2], [3]]


def test_a_batch_of_dropped_calls_makes_room(calls: Any) -> None:
    batch = calls(max_batch_size=1, max_enqueued_batches=1)
    with batch.busy():
        with pytest.raises(TimeoutError):
            batch.start(rows(1), timeout_s=0.01).result(LONG_S)
        assert batch.batcher.waiting == 0
        second = batch.queue(rows(2))
    assert answer(second) == [[4]]
    assert batch.engine.sizes == [1, 1]


def test_a_call_whose_time_is_up_while_it_is_computed_does_not_wait_on(calls: Any) -> None:
    batch = calls()
    with batch.engine.hold():
        late = batch.start(rows(1), timeout_s=0.05)
        assert batch.engine.has_entered()
        with pytest.raises(TimeoutError):
            late.result(LONG_S)
    assert answer(batch.start(rows(2))) == [[4]]


def test_the_engine_may_wait_as_long_as_the_most_patient_caller(calls: Any) -> None:
    batch = calls(max_batch_size=2, batch_timeout_micros=LONG_US)
    for call in [batch.queue(rows(1), timeout_s=10), batch.queue(rows(2), timeout_s=float("inf"))]:
        answer(call)
    assert batch.engine.timeouts_s[0] > 10


def test_an_engine_without_a_free_stream_times_out_for_every_caller(calls: Any) -> None:
    batch = calls(max_batch_size=2, batch_timeout_micros=LONG_US)

    def no_stream(*_: Any) -> dict[str, NDArray[Any]]:
        raise TimeoutError

    batch.engine.run = no_stream
    for call in [batch.queue(rows(1)), batch.queue(rows(2))]:
        with pytest.raises(TimeoutError):
            call.result(LONG_S)


# Tensors that don't go together.


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        ({"x": np.float32(1)}, "Batching Run() input tensors must have at least one dimension"),
        ({"x": rows(1), "z": np.array(1)}, "Batching Run() input tensors must have at least one dimension"),
        ({"x": rows(1), "z": rows(1, 2)}, "Batching Run() input tensors must have equal 0th-dimension size"),
    ],
)
def test_inputs_without_a_common_number_of_rows_are_refused(calls: Any, inputs: dict[str, Any], text: str) -> None:
    batch = calls()
    with pytest.raises(ServingError) as raised:
        batch.batcher.run("serve", {name: np.asarray(value) for name, value in inputs.items()}, ["y"], LONG_S)
    assert (raised.value.code, raised.value.text) == (grpc.StatusCode.INVALID_ARGUMENT, text)
    assert batch.engine.batches == []


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("scalar", "Batched output tensor has 0 dimensions"),
        (
            "short",
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors",
        ),
    ],
)
def test_an_output_without_a_row_for_each_of_the_batch_is_refused_to_who_asked(
    calls: Any, output: str, text: str
) -> None:
    batch = calls(max_batch_size=2, batch_timeout_micros=LONG_US)
    first, second = batch.queue(rows(1), output), batch.queue(rows(2))
    assert refusal(first) == ("FAILED_PRECONDITION", text)
    assert answer(second) == [[4]]


def test_different_shapes_fail_the_batch_where_padding_is_off(calls: Any) -> None:
    batch = calls(max_batch_size=2, batch_timeout_micros=LONG_US)
    for call in [batch.queue([[1]]), batch.queue([[1, 2]])]:
        code, text = refusal(call)
        assert code == "FAILED_PRECONDITION"
        assert text.startswith("Tensors with name 'x' from different tasks have different shapes and padding is turned")
    assert batch.engine.batches == []


def test_different_shapes_are_padded_with_each_tensors_first_value(calls: Any) -> None:
    batch = calls(max_batch_size=4, batch_timeout_micros=LONG_US, pad_variable_length_inputs=True)
    first, second = batch.queue([[[7, 8, 9]]]), batch.queue([[[1], [2]], [[3], [4]]])
    third = batch.queue([[[5, 5, 5], [6, 6, 6]]])
    assert answer(first) == [[[14, 16, 18], [14, 14, 14]]]
    assert answer(second) == [[[2, 2, 2], [4, 2, 2]], [[6, 2, 2], [8, 2, 2]]]
    assert answer(third) == [[[10] * 3, [12] * 3]]


def test_padded_tensors_are_filled_up_to_the_allowed_size_too() -> None:
    made = joined([{"x": np.array([[1, 2]])}, {"x": np.array([[3], [4]])}], 5, pad=True)
    assert made["x"].tolist() == [[1, 2], [3, 3], [4, 3], [3, 3], [3, 3]]


def test_strings_are_padded_with_their_first_one() -> None:
    made = joined([{"x": np.array([[b"a", b"b"]], object)}, {"x": np.array([[b"c"]], object)}], 2, pad=True)
    assert made["x"].tolist() == [[b"a", b"b"], [b"c", b"c"]]


def test_an_empty_tensor_cannot_be_padded(calls: Any) -> None:
    batch = calls(max_batch_size=2, batch_timeout_micros=LONG_US, pad_variable_length_inputs=True)
    waiting = [batch.queue([[1]]), batch.queue(np.zeros((1, 0), np.float32))]
    assert refusal(waiting[1]) == ("INVALID_ARGUMENT", "Got empty tensor in batch of non-empty tensors.")


def test_tensors_of_more_than_six_dimensions_cannot_be_padded(calls: Any) -> None:
    batch = calls(pad_variable_length_inputs=True)
    assert refusal(batch.start(np.ones([1] * 7))) == (
        "INVALID_ARGUMENT",
        "Only tensors with rank from 1 to 6 can be padded.",
    )


def test_calls_with_different_numbers_of_dimensions_are_computed_one_by_one_where_padding_is_on(calls: Any) -> None:
    batch = calls(max_batch_size=2, batch_timeout_micros=LONG_US, pad_variable_length_inputs=True)
    first, second = batch.queue([[1]]), batch.queue([[[2]]])
    assert (answer(first), answer(second)) == ([[2]], [[[4]]])


def test_a_call_that_the_engine_refuses_does_not_fail_those_beside_it(calls: Any) -> None:
    batch = calls(max_batch_size=3, batch_timeout_micros=LONG_US)
    first, bad, third = (batch.queue(rows(value)) for value in (1, -1, 3))
    assert (answer(first), answer(third)) == ([[2]], [[6]])
    with pytest.raises(RuntimeError, match="negative"):
        bad.result(LONG_S)
    assert batch.engine.sizes == [3, 1, 1, 1]


def test_a_call_alone_that_the_engine_refuses_is_not_tried_again(calls: Any) -> None:
    batch = calls()
    with pytest.raises(RuntimeError, match="negative"):
        batch.start(rows(-1)).result(LONG_S)
    assert batch.engine.sizes == [1]


def test_a_thread_outlives_an_engine_that_forgets_an_output(calls: Any) -> None:
    batch = calls()
    batch.engine.run = lambda *_: {}
    with pytest.raises(KeyError):
        batch.start(rows(1)).result(LONG_S)
    del batch.engine.run
    assert answer(batch.start(rows(2))) == [[4]]


# The end.


def test_closing_computes_what_waits_at_once_and_ends_the_threads(calls: Any) -> None:
    batch = calls(batch_timeout_micros=LONG_US, num_batch_threads=2, thread_pool_name="ending")
    waiting = [batch.queue(rows(value), signature=name) for value, name in ((1, "a"), (2, "b"), (3, "a"))]
    batch.batcher.close()
    assert [answer(call) for call in waiting] == [[[2]], [[4]], [[6]]]
    assert sorted(batch.engine.sizes) == [1, 2]
    assert not any(thread.name.startswith("ending") for thread in threading.enumerate())
    assert batch.engine.closed


def test_a_call_after_the_end_is_computed_alone_in_its_own_thread(calls: Any) -> None:
    batch = calls(thread_pool_name="ended")
    batch.batcher.close()
    assert answer(batch.start(rows(1))) == [[2]]
    assert not batch.engine.threads[0].startswith("ended")


def test_closing_waits_for_the_batch_that_is_computed(calls: Any) -> None:
    batch = calls()
    with batch.engine.hold():
        call = batch.start(rows(1))
        assert batch.engine.has_entered()
        closing = threading.Thread(target=batch.batcher.close)
        closing.start()
        assert not batch.engine.closed
    closing.join(LONG_S)
    assert batch.engine.closed
    assert answer(call) == [[2]]
