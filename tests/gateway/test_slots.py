import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gateway.deadline import Deadline
from gateway.errors import Overloaded
from gateway.slots import AT_ONCE, LARGE_PIXELS, DecodeSlots

LARGE = LARGE_PIXELS + 1


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    file = tmp_path / "lock"
    file.touch()
    return file


def test_few_at_a_time_and_the_next_when_one_is_done(lock_file: Path) -> None:
    slots = DecodeSlots(lock_file)
    with ExitStack() as stack:
        for _ in range(AT_ONCE):
            stack.enter_context(slots.turn(1, Deadline(0)))
        with pytest.raises(Overloaded), slots.turn(1, Deadline(0.05)):
            pass
    with slots.turn(1, Deadline(0)):
        pass


def test_one_large_picture_at_a_time_leaves_a_turn_for_a_small_one(lock_file: Path) -> None:
    slots = DecodeSlots(lock_file)
    with slots.turn(LARGE, Deadline(0)):
        with pytest.raises(Overloaded), slots.turn(LARGE, Deadline(0.05)):
            pass
        with slots.turn(1, Deadline(0)):
            pass
    with slots.turn(LARGE, Deadline(0)):
        pass


@contextmanager
def holding_elsewhere(lock_file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the large picture's turn until its input ends."""
    program = (
        "import sys; from pathlib import Path; from gateway.deadline import Deadline; from gateway.slots import *\n"
        "with DecodeSlots(Path(sys.argv[1])).turn(LARGE_PIXELS + 1, Deadline(5)): print('has it', flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(lock_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "has it\n"
        yield process
        process.kill()


def test_large_pictures_wait_for_other_processes_too_and_a_killed_one_gives_its_turn_back(lock_file: Path) -> None:
    slots = DecodeSlots(lock_file)
    with holding_elsewhere(lock_file) as process:
        with pytest.raises(Overloaded), slots.turn(LARGE, Deadline(0.05)):
            pass
        waited = threading.Thread(target=lambda: slots.turn(LARGE, Deadline(10)).__enter__())
        waited.start()
        process.kill()
        waited.join(timeout=10)
        assert not waited.is_alive()


def test_by_default_the_lock_is_a_file_that_is_always_there() -> None:
    with DecodeSlots().turn(LARGE, Deadline(5)):
        pass
