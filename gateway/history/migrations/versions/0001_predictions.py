"""Predictions, their sums, and marks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    moment = sa.String(27) if sqlite else sa.DateTime(timezone=True)
    op.create_table(
        "predictions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("confident", sa.Boolean, nullable=False),
        sa.Column("true_label", sa.Text),
        sa.Column("probabilities", sa.JSON, nullable=False),
        sa.Column("source_kind", sa.Text, nullable=False),
        sa.Column("source_url", sa.Text),
        sa.Column("source_filename", sa.Text),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("source_format", sa.Text, nullable=False),
        sa.Column("source_width", sa.Integer, nullable=False),
        sa.Column("source_height", sa.Integer, nullable=False),
        sa.Column("source_bytes", sa.Integer, nullable=False),
        sa.Column("timings_ms", sa.JSON, nullable=False),
        sa.Column("latency_ms", sa.Double, nullable=False),
        sa.Column("picture", sa.String(64)),
    )
    op.create_index("predictions_by_time", "predictions", ["created_at", "id"])
    op.create_index("predictions_by_label", "predictions", ["label", "created_at", "id"])
    op.create_index("predictions_by_model", "predictions", ["model", "version", "created_at", "id"])
    rare = {
        "predictions_unsure": (["created_at", "id"], sa.text("NOT confident" if not sqlite else "confident = 0")),
        "predictions_corrected": (["created_at", "id"], sa.text("true_label IS NOT NULL")),
        "predictions_by_picture": (["picture"], sa.text("picture IS NOT NULL")),
    }
    for name, (columns, where) in rare.items():
        op.create_index(name, "predictions", columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "rollups",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("label", sa.Text, primary_key=True),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("total", "unsure", "confidence_millionths", "labelled", "correct")
        ),
    )
    op.create_table(
        "latencies",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True),
        sa.Column("total", sa.BigInteger, nullable=False),
    )
    op.create_table("marks", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))
