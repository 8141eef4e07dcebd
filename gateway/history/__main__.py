"""What an operator does to the history by hand: python -m gateway.history COMMAND, with the gateway's settings."""

import argparse
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from gateway.history import store
from gateway.history.database import Database
from gateway.history.history import History
from gateway.settings import Settings, load

ORPHANED = timedelta(days=1)
"""So old, a picture that no prediction uses isn't about to be used: its row isn't on its way."""
COMMANDS = {
    "migrate": "bring the tables to this release's; the gateway does so itself at its start",
    "rebuild": "make the sums behind /stats anew from the predictions",
    "sweep": "delete kept pictures that no prediction uses and that are older than a day",
}


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.history", description="What an operator does to the history by hand."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        commands.add_parser(name, help=what)
    command = parser.parse_args(arguments).command
    settings = load()[0]
    database = Database(settings.database_url.get_secret_value(), settings.data_dir)
    try:
        database.migrate()
        print(_done(command, settings, database))
    except (SQLAlchemyError, OSError) as error:
        print(f"{database.name}: {getattr(error, 'orig', None) or error}", file=sys.stderr)
        return 1
    finally:
        database.close()
    return 0


def _done(command: str, settings: Settings, database: Database) -> str:
    if command == "rebuild":
        with database.writing_alone() as connection:
            return f"The sums of {store.rebuild(connection)} predictions are made."
    if command == "sweep":
        history = History(settings, lambda fate, count: None)
        if history.pictures is not None:
            history.pictures.swept(datetime.now(UTC) - ORPHANED)
        history.close()
        return "Pictures that nobody uses are deleted."
    return f"{database.name} has this release's tables."


if __name__ == "__main__":
    sys.exit(main())
