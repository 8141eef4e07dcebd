import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from gateway.history.database import Database, NewerDatabase
from gateway.history.tables import HEAD, metadata
from tests.conftest import ROOT


def database(url: str, folder: Path) -> Database:
    opened = Database(url, folder)
    opened.migrate()
    return opened


def test_migrations_make_the_tables_that_the_code_has(database_url: str, tmp_path: Path) -> None:
    opened = database(database_url, tmp_path)
    with opened.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    opened.close()


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "gateway" / "history" / "migrations"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_four_processes_migrate_at_once(database_url: str, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from gateway.history.database import Database; "
        "Database(sys.argv[1], Path(sys.argv[2])).migrate()"
    )
    command = [sys.executable, "-W", "error", "-c", program, database_url, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    opened = database(database_url, tmp_path)
    with opened.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [HEAD]
    opened.close()


def test_newer_database_is_refused_with_a_sentence(database_url: str, tmp_path: Path) -> None:
    opened = database(database_url, tmp_path)
    with opened.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        NewerDatabase, match=rf"made by a newer release of this service \(its tables are 9999, ours {HEAD}\)"
    ):
        opened.migrate()
    opened.close()


def test_password_is_in_no_message(tmp_path: Path) -> None:
    opened = Database("postgresql://somebody:secret@127.0.0.1:1/x", tmp_path)
    assert "secret" not in opened.name
    assert "somebody" in opened.name
