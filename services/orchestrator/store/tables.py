"""The tables, as the queries of this package see them; times are microseconds since 1970, UTC."""

import sqlalchemy as sa

metadata = sa.MetaData()

Micros = sa.BigInteger
# SQLite numbers rows by itself only where the type is spelt INTEGER.
RowNumber = sa.BigInteger().with_variant(sa.Integer, "sqlite")

OPEN = "end_time IS NULL"
"""QUEUED or RUNNING. Not by naming the states: the planner would then take the index of
states, and sort the whole queue to find its front."""
PUBLISHING = f"{OPEN} AND stage = 'publish'"
"""Nothing is left of it but to publish; spelt out, since no bound value implies an index."""

LISTED = ("state", "submit_order", "runtime", "publish_mode", "repository")

job = sa.Table(
    "job",
    metadata,
    sa.Column("submit_order", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.Text, nullable=False, unique=True),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("submit_digest", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("failure_reason", sa.Text),
    sa.Column("failure_message", sa.Text),
    sa.Column("failure_remedy", sa.Text),
    sa.Column("failure_step_index", sa.Integer),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("runtime", sa.Text, nullable=False),
    sa.Column("capabilities", sa.JSON, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    # The priority negated, so that one ascending index has the order of claims.
    sa.Column("claim_rank", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("losses", sa.Integer, nullable=False),
    sa.Column("not_before", Micros),
    sa.Column("cancel_time", Micros),
    sa.Column("cancel_by", sa.Text),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("cancel_too_late_told", sa.Boolean, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("start_time", Micros),
    sa.Column("end_time", Micros),
    # When it was submitted, or opened again last.
    sa.Column("opened_time", Micros),
    # What is left of the time it may spend QUEUED, when it last entered that state.
    sa.Column("queue_left", Micros),
    sa.Column("queue_deadline", Micros),
    # When it last became QUEUED, and when output of its agent was last stored; NULL in jobs
    # that were there before this was noted.
    sa.Column("queued_time", Micros),
    sa.Column("output_time", Micros),
    sa.Column("stage", sa.Text),
    sa.Column("default_branch", sa.Text, nullable=False),
    sa.Column("base_commit", sa.Text, nullable=False),
    sa.Column("working_branch", sa.Text, nullable=False),
    sa.Column("intent_recorded", sa.Boolean, nullable=False),
    sa.Column("published_commit", sa.Text, nullable=False),
    sa.Column("pull_request_url", sa.Text, nullable=False),
    # Numbers of others that say they are the job's; NULL where none was found.
    sa.Column("duplicate_pull_requests", sa.JSON(none_as_null=True)),
    sa.Column("last_sequence", sa.BigInteger, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("lease_until", Micros),
    sa.Column("claimed_from", sa.Text),
    sa.Column("claims_without_progress", sa.Integer, nullable=False),
    # Whether the owner waits for somebody who did not answer; since when owners have, without
    # progress.
    sa.Column("waiting", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("waited_since", Micros),
    # What the newest claim is known by to a claimer that got no answer.
    sa.Column("claim_nonce", sa.Text, nullable=False, server_default=""),
    # What attempts consumed that no step's row tells of any more.
    sa.Column("spent", sa.JSON(none_as_null=True)),
    sa.Column("workspace_id", sa.Text, nullable=False),
    sa.Column("workspace_count", sa.Integer, nullable=False),
    sa.Column("runner_id", sa.Text, nullable=False),
    sa.Column("incarnation", sa.Text, nullable=False),
    # When they were given up; what is still kept may be looked for by its age.
    sa.Column("checkpoints_removed_time", Micros),
    sa.Column("artifacts_removed_time", Micros),
    # For lists: what it is about, and what it is found by; `listing` says how it is spelt.
    sa.Column("objective", sa.Text, nullable=False, server_default=""),
    sa.Column("publish_mode", sa.Text, nullable=False, server_default=""),
    sa.Column("skills", sa.Text, nullable=False, server_default=""),
    sa.Column("found_by", sa.Text, nullable=False, server_default=""),
    sa.Index(
        "job_request",
        "principal",
        "request_id",
        unique=True,
        sqlite_where=sa.text("request_id <> ''"),
        postgresql_where=sa.text("request_id <> ''"),
    ),
    sa.Index(
        "job_claimable",
        "claim_rank",
        "submit_order",
        # So that long queues of a full repository, or of what nobody offers, are passed over
        # without being read.
        "repository",
        "capabilities",
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    ),
    # So that these are found behind any queue of those that wait for a runner.
    sa.Index(
        "job_publishing",
        "claim_rank",
        "submit_order",
        sqlite_where=sa.text(PUBLISHING),
        postgresql_where=sa.text(PUBLISHING),
    ),
    sa.Index(
        "job_queue_deadline",
        "queue_deadline",
        sqlite_where=sa.text("queue_deadline IS NOT NULL"),
        postgresql_where=sa.text("queue_deadline IS NOT NULL"),
    ),
    # With what lists look at, so that they pass over jobs without reading their rows: what is
    # short, and all of it. The latter not for PostgreSQL, which takes no entries of that length.
    sa.Index("job_listed", *LISTED),
    sa.Index("job_found", *LISTED, "skills", "failure_reason", "found_by").ddl_if(dialect="sqlite"),
    sa.Index(
        "job_checkpoints_kept",
        "end_time",
        sqlite_where=sa.text("end_time IS NOT NULL AND checkpoints_removed_time IS NULL"),
        postgresql_where=sa.text("end_time IS NOT NULL AND checkpoints_removed_time IS NULL"),
    ),
    sa.Index(
        "job_artifacts_kept",
        "end_time",
        sqlite_where=sa.text("end_time IS NOT NULL AND artifacts_removed_time IS NULL"),
        postgresql_where=sa.text("end_time IS NOT NULL AND artifacts_removed_time IS NULL"),
    ),
    sa.Index(
        "job_published",
        "end_time",
        sqlite_where=sa.text("end_time IS NOT NULL AND published_commit <> ''"),
        postgresql_where=sa.text("end_time IS NOT NULL AND published_commit <> ''"),
    ),
    # What became of jobs is told by these two alone, without their rows being read.
    sa.Index("job_created", "create_time"),
    sa.Index(
        "job_ended",
        *("end_time", "state", "start_time", "opened_time"),
        sqlite_where=sa.text("end_time IS NOT NULL"),
        postgresql_where=sa.text("end_time IS NOT NULL"),
    ),
    # Without it a deleted job's number could be given out again.
    sqlite_autoincrement=True,
)

plan = sa.Table(
    "plan",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.job_id), primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),
)

label = sa.Table(
    "label",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.job_id), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    # The job's, by which lists are ordered.
    sa.Column("submit_order", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("label_listed", "key", "submit_order", "value"),
)

step = sa.Table(
    "step",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.job_id), primary_key=True),
    sa.Column("step_index", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("runner_id", sa.Text, nullable=False),
    sa.Column("incarnation", sa.Text, nullable=False),
    sa.Column("workspace_id", sa.Text, nullable=False),
    sa.Column("start_time", Micros),
    sa.Column("end_time", Micros),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("usage", sa.JSON(none_as_null=True)),
    sa.Column("checkpoint_commit", sa.Text, nullable=False),
    sa.Column("checkpoint_tree", sa.Text, nullable=False),
    # Of the CLI that its newest attempt runs or ran.
    sa.Column("version", sa.Text, nullable=False, server_default=""),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.job_id), primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("stage", sa.Text),
    sa.Column("step_index", sa.Integer),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
)

artifact = sa.Table(
    "artifact",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.job_id), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
)

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.job_id), primary_key=True),
    sa.Column("step_index", sa.Integer, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("arrival", sa.Integer, primary_key=True),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("stream_offset", sa.BigInteger, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
)

stretch = sa.Table(
    "stretch",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.job_id), primary_key=True),
    sa.Column("step_index", sa.Integer, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    # Where it begins in the attempt's `.log`, which holds both streams as they arrived.
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("stream_offset", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
)

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.job_id), primary_key=True),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("expected", sa.Text, nullable=False),
    sa.Column("base_commit", sa.Text, nullable=False),
    sa.Column("tree", sa.Text, nullable=False),
    sa.Column("commit", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    # What it is to say; NULL where none is asked for.
    sa.Column("pull_request", sa.JSON(none_as_null=True)),
    # When the last request that may have opened one began.
    sa.Column("request_time", Micros),
    sa.Column("pull_number", sa.BigInteger),
    # When others that say they are the job's were last looked for; when that was last tried.
    sa.Column("look_time", Micros),
    sa.Column("try_time", Micros),
    # The numbers of those that the forge was told of; NULL for none.
    sa.Column("reported", sa.JSON(none_as_null=True)),
)

# What one process at a time does for all of them.
turn = sa.Table(
    "turn",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    # Empty while nobody has it.
    sa.Column("owner", sa.Text, nullable=False),
    # Until then it is its owner's; without one, until then it rests.
    sa.Column("until", Micros, nullable=False),
)

# The newest batch of changes that each writer has committed: what a writer looks up when it
# was not told whether its commit happened.
batch = sa.Table(
    "batch",
    metadata,
    sa.Column("writer", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("time", Micros, nullable=False),
)
