"""The tables of the schemas ``raw``, ``ops`` and ``topups``: the one source of their DDL and of their comments.

Each line of a declaration is a column: name, type, description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from warehouse.schema.tables import Column
from warehouse.sql import quote_literal

SCHEMAS = ("raw", "ops", "store", "sms", "marts", "topups")
PUBLISHED_SCHEMAS = tuple(schema for schema in SCHEMAS if schema != "raw")


@dataclass(frozen=True)
class SystemTable:
    """A table with a fixed shape. ``is_published`` says that the analysts' copy has it as well."""

    name: str
    description: str
    columns: tuple[Column, ...]
    is_published: bool = False

    @property
    def create_statement(self) -> str:
        """Idempotent DDL."""
        columns = ", ".join(f'"{column.name}" {column.type}' for column in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {self.name} ({columns})"

    def comment_statements(self, kind: str = "TABLE") -> Iterator[str]:
        """``COMMENT ON`` for the relation, which is a ``TABLE`` or a ``VIEW``, and for its columns."""
        yield f"COMMENT ON {kind} {self.name} IS {quote_literal(self.description)}"
        yield from comment_statements(self.name, {column.name: column.comment for column in self.columns})


def comment_statements(relation: str, descriptions: Mapping[str, str]) -> list[str]:
    """``COMMENT ON`` for the columns of ``relation``, which is quoted where it has to be."""
    return [f'COMMENT ON COLUMN {relation}."{name}" IS {quote_literal(text)}' for name, text in descriptions.items()]


def _table(name: str, description: str, lines: str, *, is_published: bool = False) -> SystemTable:
    columns = tuple(Column(*line.split(maxsplit=2)) for line in lines.strip().splitlines())
    return SystemTable(name, description, columns, is_published)


# A body is in the table of its UTC day (see warehouse/raw/store.py), and only where stores_body is true.
REQUESTS = _table(
    "raw.requests",
    "For the program's own use: the responses without their bodies; read raw.responses. One row per: response_id",
    """
response_id  VARCHAR      Identifies the response.
run_id       VARCHAR      The sync run that requested it.
account_id   VARCHAR      The account whose key was used.
endpoint     VARCHAR      Name of the endpoint, as smsonline endpoints lists it.
params       JSON         Request parameters without the key.
requested_at TIMESTAMPTZ  When the request was sent, UTC.
elapsed_ms   BIGINT       Milliseconds until the response was complete.
http_status  INTEGER      HTTP status.
body_sha256  VARCHAR      SHA-256 of the body.
stores_body  BOOLEAN      Whether the body is stored with this row; otherwise an older row has the same body.
""",
)
# The view over all days' bodies.
RESPONSES = replace(
    REQUESTS,
    name="raw.responses",
    description="Every response as received, without keys, messages and phone numbers. One row per: response_id",
    columns=(
        *(column for column in REQUESTS.columns if column.name != "stores_body"),
        Column("body", "BLOB", "The body, zstd-compressed; null where another row with the same body_sha256 has it."),
    ),
)
LOADS = _table(
    "ops.loads",
    "The load log: fetched = inserted + changed + unchanged + rejected + duplicates, always. One row per: load_id",
    """
run_id        VARCHAR      The sync run that the load was part of.
load_id       VARCHAR      Identifies the load.
dataset       VARCHAR      Name of the dataset in sms.
account_id    VARCHAR      The account whose key was used.
started_at    TIMESTAMPTZ  When the first request was sent, UTC.
finished_at   TIMESTAMPTZ  When the load ended, UTC.
status        VARCHAR      ok; failed: a response is missing; rejected: a guard refused the data and no table changed.
fetched       BIGINT       Records in the responses.
inserted      BIGINT       Records with a new key.
changed       BIGINT       Records that are a new version of an existing key.
unchanged     BIGINT       Records equal to the current version.
closed        BIGINT       Current rows missing from a complete response; not part of fetched.
rejected      BIGINT       Records that broke the contract, stored in ops.rejects.
duplicates    BIGINT       Records whose key was in the responses more than once.
error         VARCHAR      Why it failed or was rejected, in one line; null otherwise.
accept_shrink BOOLEAN      Whether --accept-shrink was given: the user confirmed that a shrunken response is right.
""",
    is_published=True,
)
REJECTS = _table(
    "ops.rejects",
    "Rejected records (dead letters) with the reasons; a replay loads them once the contract accepts them. "
    "One row per: load_id, response_id, row_index",
    """
load_id     VARCHAR    The load, as in ops.loads.
response_id VARCHAR    The response, as in raw.responses.
dataset     VARCHAR    Name of the dataset in sms.
row_index   BIGINT     Position of the record in its response, from 0.
record      JSON       The record as received.
reasons     VARCHAR[]  Every violation of the contract.
""",
)
DRIFT = _table(
    "ops.drift",
    "Schema drift: fields that differ from the dataset definition. One row per: dataset, field, kind",
    """
dataset    VARCHAR      Name of the dataset in sms.
field      VARCHAR      The vendor's name of the field.
kind       VARCHAR      unknown, missing or retyped.
first_seen TIMESTAMPTZ  First response that showed it, UTC.
last_seen  TIMESTAMPTZ  Newest response that showed it, UTC.
example    VARCHAR      A value of it; null for a missing field.
""",
    is_published=True,
)
WATERMARKS = _table(
    "ops.watermarks",
    "For the program's own use: the newest accepted response of each partition. One row per: dataset, part",
    """
dataset     VARCHAR      Name of the dataset in sms.
part        VARCHAR      Partition of the dataset: the account, the country and carrier, or empty.
response_id VARCHAR      The response; empty for a partition that is no longer requested.
seen_at     TIMESTAMPTZ  When it was requested, UTC: the rows it listed were seen then.
body_sha256 VARCHAR      SHA-256 of its body: the same body again changes nothing.
contract    VARCHAR      Fingerprint of the dataset definition that it was read by.
fetched     BIGINT       Records in it.
rejected    BIGINT       Records in it that broke the contract.
duplicates  BIGINT       Records in it whose key it had more than once.
""",
    is_published=True,
)
PAYMENTS = _table(
    "topups.payments",
    "The payments of the ledger, without links and addresses. One row per: payment_id",
    """
payment_id          VARCHAR      The ledger's id, made before anything was requested.
account_id          VARCHAR      The account that the payment is for.
state               VARCHAR      Its state, as in topups/payment_states.py.
exception           VARCHAR      What is unusual about it; mostly none.
amount_cents        BIGINT       Requested amount, US cents.
vendor_amount_cents BIGINT       Amount at the vendor, US cents.
rail                VARCHAR      Payment method; for an external payment as the vendor names it.
currency            VARCHAR      The coin of a wallet payment; empty for an invoice.
network             VARCHAR      The network of a wallet payment; empty for an invoice.
decision_id         VARCHAR      The decision that created it.
vendor_payment_id   VARCHAR      The vendor's id, as in sms.invoices.
vendor_status       VARCHAR      Newest status at the vendor.
created_at          TIMESTAMPTZ  When the ledger recorded it first, UTC.
counted_at          TIMESTAMPTZ  Since when it counts against the limits, UTC.
state_since         TIMESTAMPTZ  When it entered its state, UTC; for an external payment when it was seen paid.
sending_at          TIMESTAMPTZ  When the request was about to be sent, UTC; null for one that was never sent.
ends_at             TIMESTAMPTZ  When the vendor's payment page closes, UTC.
slot_freed_at       TIMESTAMPTZ  When it stopped blocking the account's next payment, UTC; null while it does.
approved_at         TIMESTAMPTZ  When it was approved, UTC.
credited_at         TIMESTAMPTZ  When the balance showed it, UTC.
why                 VARCHAR      Explanation of the decision.
detail              VARCHAR      Newest message about it.
""",
    is_published=True,
)
EVENTS = _table(
    "topups.events",
    "Every change of a payment, in order. One row per: seq",
    """
seq        BIGINT       Sequence number, without gaps.
at         TIMESTAMPTZ  When it happened, UTC.
account_id VARCHAR      The account; an asterisk stands for all accounts.
payment_id VARCHAR      The payment; null for an event of the account: a pause, a count of failures.
kind       VARCHAR      What happened.
from_state VARCHAR      The state before, where it changed.
to_state   VARCHAR      The state after, where it changed.
""",
    is_published=True,
)
MIGRATIONS = _table(
    "ops.migrations",
    "For the program's own use: the migrations that were applied. One row per: version",
    """
version    INTEGER      Number of the migration.
applied_at TIMESTAMPTZ  When it was applied, UTC.
""",
)
SCHEMA_FINGERPRINT = _table(
    "ops.schema_fingerprint",
    "For the program's own use: which definitions made the tables, views and marts.",
    """
fingerprint VARCHAR  Hash of those definitions.
""",
    is_published=True,
)
DATASETS = _table(
    "ops.datasets",
    "How often each dataset should be synced. One row per: dataset",
    """
dataset             VARCHAR  Name of the dataset in sms.
cadence_seconds     BIGINT   Seconds between two syncs, as defined.
stale_after_seconds BIGINT   Age in seconds from which it is stale.
""",
    is_published=True,
)
PUBLISHED_LOADS = _table(
    "ops.published_loads",
    "For the program's own use: what analytics.duckdb holds. One row per: dataset",
    """
dataset VARCHAR  Name of the dataset in sms, or topups.
load_id VARCHAR  Its newest load in the copy; for topups the hash of the last event; empty to have it copied anew.
""",
)
LEDGER_OFFSET = _table(
    "ops.ledger_offset",
    "For the program's own use: the last event of the ledger that topups holds. One row at most.",
    """
seq  BIGINT   Number of the event.
hash VARCHAR  Its hash, which covers all events before it.
""",
)
PUBLICATION = _table(
    "ops.publication",
    "For the program's own use: the age of a copy; filled in analytics.duckdb only.",
    """
published_at TIMESTAMPTZ  When this copy was made, UTC.
""",
    is_published=True,
)
MATERIALIZED_MARTS = _table(
    "ops.materialized_marts",
    "For the program's own use: up to which day the days of a mart are stored. One row per: mart",
    """
mart       VARCHAR  Name of the mart.
dataset    VARCHAR  The dataset whose history it is computed from.
definition VARCHAR  Fingerprint of the mart's definition.
until_day  DATE     The first day that is not stored, UTC.
""",
    is_published=True,
)
SYSTEM_TABLES: Sequence[SystemTable] = (
    REQUESTS,
    LOADS,
    REJECTS,
    DRIFT,
    WATERMARKS,
    PAYMENTS,
    EVENTS,
    MIGRATIONS,
    SCHEMA_FINGERPRINT,
    DATASETS,
    PUBLISHED_LOADS,
    LEDGER_OFFSET,
    PUBLICATION,
    MATERIALIZED_MARTS,
)


def create_statements(*, published_only: bool = False) -> list[str]:
    """Idempotent DDL for the schemas and system tables, of the warehouse or of the analysts' copy."""
    schemas = PUBLISHED_SCHEMAS if published_only else SCHEMAS
    tables = [table for table in SYSTEM_TABLES if table.is_published or not published_only]
    return [*(f"CREATE SCHEMA IF NOT EXISTS {schema}" for schema in schemas), *(t.create_statement for t in tables)]
