"""An index for each list that is filtered by what may be rare."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.drop_index("predictions_by_model", "predictions")
    op.create_index("predictions_by_model", "predictions", ["model", "created_at", "id"])
    op.create_index("predictions_by_version", "predictions", ["version", "created_at", "id"])
    op.create_index("predictions_by_model_version", "predictions", ["model", "version", "created_at", "id"])
    rare = {
        "predictions_unsure_by_label": sa.text("NOT confident" if not sqlite else "confident = 0"),
        "predictions_corrected_by_label": sa.text("true_label IS NOT NULL"),
    }
    for name, where in rare.items():
        columns = ["label", "created_at", "id"]
        op.create_index(name, "predictions", columns, sqlite_where=where, postgresql_where=where)
