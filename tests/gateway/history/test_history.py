"""The history over real databases: the same suite for SQLite and PostgreSQL."""

import itertools
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import HistoryUnavailable, NoPicture, UnknownLabel, UnknownPrediction
from gateway.history import store
from gateway.history.history import History
from gateway.history.lists import Filters, Place
from gateway.history.record import Prediction
from tests.gateway.history.conftest import Opened
from tests.gateway.history.rows import START, prediction
from tests.waiting import until


def fill(history: History, count: int) -> list[Prediction]:
    """Predictions in the history, the newest first."""
    made = [prediction(number) for number in range(count)]
    assert all(history.keep(one, None) for one in made)
    until(lambda: not any(history._spool.holds(one.id) for one in made))  # a busy database may take longer than WAIT_S
    return made[::-1]


def pages(history: History, filters: Filters, limit: int) -> list[Prediction]:
    found: list[Prediction] = []
    after: Place | None = None
    while part := history.page(filters, limit, after, 0):
        found += part
        after = part[-1].created_at, part[-1].id
    return found


def test_what_is_kept_is_read_again(history: History) -> None:
    first = prediction(1, true_label=None, picture=None)
    assert history.keep(first, None)
    assert history.get(first.id) == first


def test_kept_twice_is_one_row(history: History) -> None:
    first = prediction(1)
    assert history.keep(first, None)
    assert history.keep(first, None)
    assert history.page(Filters(), 10, None, 0) == [first]
    assert history.statistics(None, None)["total"] == 1


def test_pages_are_newest_first_and_complete(history: History) -> None:
    made = fill(history, 25)
    assert pages(history, Filters(), 4) == made
    assert history.page(Filters(), 5, None, 7) == made[7:12]


def test_pages_go_by_id_where_the_time_is_the_same(history: History) -> None:
    made = [replace(prediction(0), id=prediction(0).id) for _ in range(9)]
    for one in made:
        history.keep(one, None)
    assert [one.id for one in pages(history, Filters(), 2)] == sorted((one.id for one in made), reverse=True)


def chosen(filters: Filters, one: Prediction) -> bool:
    """What the filters say, in so many words."""
    equal = ((filters.label, one.label), (filters.model, one.model), (filters.version, one.version))
    flags = ((filters.confident, one.confident), (filters.corrected, one.true_label is not None))
    within = (filters.since is None or one.created_at >= filters.since) and (
        filters.until is None or one.created_at < filters.until
    )
    return within and all(wanted is None or wanted == value for wanted, value in (*equal, *flags))


def test_filters_choose_in_every_combination(history: History) -> None:
    made = [
        prediction(number, model="sports7" if number % 5 else "other", version=1 + (number > 20))
        for number in range(40)
    ]
    made += [prediction(40, label="golf", probabilities={"golf": 1.0}, model="rare", version=7, confident=True)]
    for number, one in enumerate(made):
        made[number] = replace(one, true_label=one.label) if number % 11 == 3 else one
        assert history.keep(made[number], None)
    days = [(None, None), (START + timedelta(minutes=9), START + timedelta(minutes=30))]
    for label, model, version, confident, corrected, (since, until_) in itertools.product(
        (None, "tennis", "golf", "no"), (None, "sports7", "other", "no"), (None, 1, 2, 9),
        (None, True, False), (None, True, False), days,
    ):  # fmt: skip
        filters = Filters(label, model, version, since, until_, confident, corrected)
        assert pages(history, filters, 15) == [one for one in made[::-1] if chosen(filters, one)], filters


def test_pages_read_while_rows_are_written_miss_and_repeat_none(opened: Opened) -> None:
    history, other = opened(), opened()
    before = {one.id for one in fill(history, 120)}
    done = threading.Event()

    def write() -> None:
        for number in itertools.count(1000):
            if done.is_set():
                return
            other.keep(prediction(number), None)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: history.statistics(None, None)["total"] > 120)
        read = [one.id for one in pages(history, Filters(), 5)]
    finally:
        done.set()
        writer.join()
    assert len(read) == len(set(read))
    assert before <= set(read)


def test_correction_counts_and_can_be_taken_back(history: History) -> None:
    made = fill(history, 6)
    tennis = next(one for one in made if one.label == "tennis")
    assert history.statistics(None, None)["labelled"]["accuracy"] is None
    assert history.correct(tennis.id, "tennis").true_label == "tennis"
    other = next(one for one in made if one.label == "soccer")
    history.correct(other.id, "tennis")
    judged = history.statistics(None, None)["labelled"]
    assert (judged["total"], judged["correct"], judged["accuracy"]) == (2, 1, 0.5)
    assert judged["by_class"]["soccer"] == {"total": 1, "correct": 0, "accuracy": 0.0}
    history.correct(tennis.id, None)
    history.correct(other.id, "soccer")
    judged = history.statistics(None, None)["labelled"]
    assert (judged["total"], judged["correct"]) == (1, 1)


def test_unknown_label_is_refused_and_unknown_id_too(history: History) -> None:
    (made,) = fill(history, 1)
    with pytest.raises(UnknownLabel, match="it has badminton, soccer, tennis"):
        history.correct(made.id, "chess")
    unknown = prediction(5).id
    for asked in (
        lambda: history.get(unknown),
        lambda: history.correct(unknown, "tennis"),
        lambda: history.remove(unknown),
    ):
        with pytest.raises(UnknownPrediction):
            asked()


def test_two_deletes_at_once_lose_nothing_else(opened: Opened) -> None:
    history, other = opened(), opened()
    made = fill(history, 10)
    refused: list[str] = []

    def remove(by: History) -> None:
        for one in made[:5]:
            try:
                by.remove(one.id)
            except UnknownPrediction:
                refused.append(one.id)

    threads = [threading.Thread(target=remove, args=(by,)) for by in (history, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refused) == sorted(one.id for one in made[:5])
    assert pages(history, Filters(), 4) == made[5:]
    assert history.statistics(None, None)["total"] == 5


def test_statistics_tell_days_one_by_one(history: History) -> None:
    now = datetime.now(UTC)
    for number, days_ago in enumerate((0, 0, 6, 7)):
        history.keep(prediction(number, created_at=now - timedelta(days=days_ago)), None)
    told = history.statistics(None, None, 7)
    days = told.pop("days")
    assert told == history.statistics(None, None)
    assert [day["date"] for day in days] == [str((now - timedelta(days=ago)).date()) for ago in (6, 0)]
    assert days[1] == {
        "date": str(now.date()),
        "total": 2,
        "unsure": 1,
        "mean_confidence": 0.505,
        "labelled": 0,
        "correct": 0,
        "by_class": {"badminton": 1, "soccer": 1},
    }
    assert told["by_day"] == {str((now - timedelta(days=ago)).date()): count for ago, count in ((7, 1), (6, 1), (0, 2))}


def test_statistics_are_those_of_the_rows_whatever_was_done(opened: Opened) -> None:
    """Sums that followed inserts, corrections and deletes are the same as sums made anew."""
    history = opened()
    made = fill(history, 60)
    for one in made[::7]:
        history.correct(one.id, "tennis")
    for one in made[::5]:
        history.remove(one.id)
    asked = [(None, None), ("sports7", 2), ("no", None), (None, None, 1), ("sports7", 2, 366)]
    followed = [history.statistics(*of) for of in asked]
    with history._database.writing_alone() as connection:
        assert store.rebuild(connection) == 48
    assert [history.statistics(*of) for of in asked] == followed
    whole = followed[0]
    assert [{name: said[name] for name in whole} for said in followed[3:]] == [whole, followed[1]]
    left = [one for one in made if one not in made[::5]]
    assert whole["total"] == sum(whole["by_class"].values()) == sum(whole["by_day"].values()) == 48
    assert whole["mean_confidence"] == pytest.approx(sum(one.confidence for one in left) / 48, abs=1e-6)
    assert whole["unsure_share"] == pytest.approx(sum(not one.confident for one in left) / 48, abs=1e-6)
    latencies = sorted(one.latency_ms for one in left)
    for name, place in (("p50", 23), ("p95", 45), ("p99", 47)):
        assert whole["latency_ms"][name] == pytest.approx(latencies[place], rel=0.03)
    assert followed[2]["total"] == 0
    assert followed[2]["latency_ms"] == {"p50": None, "p95": None, "p99": None}


def test_clearing_deletes_what_is_there_and_what_still_waits(opened: Opened) -> None:
    history = opened()
    made = fill(history, 12)
    late = prediction(3)
    history._spool.add(late)
    assert history.clear() in (12, 13)
    assert history.page(Filters(), 10, None, 0) == []
    assert history.statistics(None, None)["total"] == 0
    until(lambda: history._spool.count() == 0)
    assert history.page(Filters(), 10, None, 0) == []
    with pytest.raises(UnknownPrediction):
        history.get(made[0].id)


def test_the_oldest_go_when_they_are_too_many(opened: Opened) -> None:
    first = opened(history_max_rows=None)
    made = fill(first, 30)
    first.close()
    history = opened(history_max_rows=10)
    until(lambda: len(history.page(Filters(), 50, None, 0)) == 10)
    assert pages(history, Filters(), 50) == made[:10]
    assert history.statistics(None, None)["total"] == 10


def test_what_is_too_old_goes(opened: Opened) -> None:
    first = opened(history_max_rows=None)
    fill(first, 30)
    first.close()
    history = opened(history_max_age_days=0.001)
    until(lambda: history.statistics(None, None)["total"] == 0)


def test_everything_is_there_after_a_restart(opened: Opened) -> None:
    first = opened()
    made = fill(first, 5)
    first.close()
    assert pages(opened(), Filters(), 10) == made


def test_without_pictures_there_is_none(history: History) -> None:
    (made,) = fill(history, 1)
    with pytest.raises(NoPicture):
        history.picture(made.id)


def test_a_prediction_that_waits_for_the_database_is_told_so(opened: Opened) -> None:
    history = opened()
    (made,) = fill(history, 1)
    history._writer.close()  # nobody brings it
    waiting = prediction(9)
    history._spool.add(waiting)
    for asked in (
        lambda: history.get(waiting.id),
        lambda: history.remove(waiting.id),
        lambda: history.correct(waiting.id, "tennis"),
        lambda: history.picture(waiting.id),
    ):
        with pytest.raises(HistoryUnavailable):
            asked()
    assert history.get(made.id) == made
