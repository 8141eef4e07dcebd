import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from gateway.history.record import Prediction, clean_filename
from gateway.history.spool import Spool, SpoolFull
from tests.gateway.history.rows import prediction

ROUNDS, PROCESSES = 40, 4


def add(folder: Path, together: Barrier) -> None:
    for number in range(ROUNDS):
        spool, one = Spool(folder / f"{number}.db", 100), prediction(number)
        together.wait(20)
        spool.add(one)
        spool.close()


def test_processes_that_open_a_new_spool_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(PROCESSES)
    processes = [context.Process(target=add, args=(tmp_path, together)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    for number in range(ROUNDS):
        spool = Spool(tmp_path / f"{number}.db", 100)
        assert spool.count() == len(spool.oldest(100)) == PROCESSES
        spool.close()


def test_what_waits_comes_back_whole_in_its_order_and_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", 3)
    made = [prediction(number, picture="a" * 64) for number in range(3)]
    assert (spool.count(), spool.holds(made[0].id), spool.uses_picture("a" * 64)) == (0, False, False)
    for one in [*made[:2], made[0], made[2]]:
        if spool.count() < 3:
            spool.add(one)
    assert [Prediction.of_json(document) for _, document in spool.oldest(10)] == made
    assert spool.holds(made[1].id)
    assert spool.uses_picture("a" * 64)
    with pytest.raises(SpoolFull):
        spool.add(prediction(9))
    spool.remove([made[0].id, made[1].id])
    assert (spool.count(), spool.holds(made[1].id)) == (1, False)
    spool.set_aside(made[2].id, "no reason")
    assert (spool.count(), spool.oldest(10)) == (0, [])
    spool.close()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None), ("", None), ("a.jpg", "a.jpg"), ("../../etc/passwd", "passwd"), ("C:\\a\\b.jpg", "b.jpg"),
        ("a\x00b\nc.jpg", "abc.jpg"), ("\ud800", None), ("x" * 999, "x" * 255), ("  ", None), ("u\u0308.jpg", "ü.jpg"),
        ("a/", None), ("\u202egpj.exe", "gpj.exe"),
    ],
)  # fmt: skip
def test_file_names_are_cleaned(given: str | None, kept: str | None) -> None:
    assert clean_filename(given) == kept
