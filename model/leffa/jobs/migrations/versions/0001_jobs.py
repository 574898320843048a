"""The table of the jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("seeds", sa.JSON, nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("output_format", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("lane", sa.String, nullable=False),
        sa.Column("priority", sa.String, nullable=False),
        sa.Column("waited_for", sa.Boolean, nullable=False),
        sa.Column("idempotency_key", sa.String),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("webhook_url", sa.String),
        sa.Column("batch", sa.String),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("expires", sa.Double),
        sa.Column("worker", sa.String),
        sa.Column("lease", sa.Double),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("results", sa.JSON, nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("webhook_tries", sa.Integer, nullable=False),
        sa.Column("webhook_due", sa.Double),
        sa.UniqueConstraint("lane", "idempotency_key", name="one_job_a_key"),
    )
    for name, columns in INDEXES.items():
        op.create_index(name, "jobs", columns)


def downgrade() -> None:
    """Drop it, with everything in it."""
    op.drop_table("jobs")


INDEXES = {
    "jobs_in_line": ["state", "priority", "lane", "created"],
    "jobs_of_an_owner": ["owner", "created"],
    "jobs_to_delete": ["expires"],
    "webhooks_to_send": ["webhook_due"],
}
