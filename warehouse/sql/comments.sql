-- The books that the analysts' copy has as well, and the tables of the mirror.
COMMENT ON TABLE topups.payments IS 'The payments of the ledger, without links and addresses. One row per: payment_id';
COMMENT ON TABLE topups.events IS 'Every change of a payment, in order. One row per: seq';

COMMENT ON TABLE ops.loads IS 'What became of each load: fetched = inserted + changed + unchanged + rejected + duplicates, always. One row per: load_id';
COMMENT ON COLUMN ops.loads.run_id IS 'The pass over the vendor that it was part of.';
COMMENT ON COLUMN ops.loads.load_id IS 'The load''s own id.';
COMMENT ON COLUMN ops.loads.dataset IS 'Name of the dataset in sms.';
COMMENT ON COLUMN ops.loads.account_id IS 'The account whose key was used.';
COMMENT ON COLUMN ops.loads.started_at IS 'When the vendor was asked, UTC.';
COMMENT ON COLUMN ops.loads.finished_at IS 'When it was loaded, or given up, UTC.';
COMMENT ON COLUMN ops.loads.status IS 'ok; failed: something did not come; rejected: a guard refused the answer, the tables stayed as they were.';
COMMENT ON COLUMN ops.loads.fetched IS 'Records in the answers.';
COMMENT ON COLUMN ops.loads.inserted IS 'Records with a new key.';
COMMENT ON COLUMN ops.loads.changed IS 'Records that brought a new version of a known key.';
COMMENT ON COLUMN ops.loads.unchanged IS 'Records that were known as they are.';
COMMENT ON COLUMN ops.loads.closed IS 'Rows that had vanished from a complete answer; not part of fetched.';
COMMENT ON COLUMN ops.loads.rejected IS 'Records that broke the contract, kept in ops.rejects.';
COMMENT ON COLUMN ops.loads.duplicates IS 'Records whose key came more than once.';
COMMENT ON COLUMN ops.loads.error IS 'Why it failed or was rejected, in one line; null otherwise.';
COMMENT ON COLUMN ops.loads.accept_shrink IS 'Whether a person had said that a shrunken answer is right.';

COMMENT ON TABLE ops.drift IS 'Where answers differ from what is declared. One row per: dataset, field, kind';
COMMENT ON COLUMN ops.drift.dataset IS 'Name of the dataset in sms.';
COMMENT ON COLUMN ops.drift.field IS 'The vendor''s name of the field.';
COMMENT ON COLUMN ops.drift.kind IS 'unknown, missing or retyped.';
COMMENT ON COLUMN ops.drift.first_seen IS 'First answer that showed it, UTC.';
COMMENT ON COLUMN ops.drift.last_seen IS 'Newest answer that showed it, UTC.';
COMMENT ON COLUMN ops.drift.example IS 'A value of it; null for a missing field.';

COMMENT ON TABLE ops.watermarks IS 'For the program''s own use: the newest accepted answer of each request. One row per: dataset, part';
COMMENT ON COLUMN ops.watermarks.dataset IS 'Name of the dataset in sms.';
COMMENT ON COLUMN ops.watermarks.part IS 'The request''s share of the dataset: the account, the country and carrier, or nothing.';
COMMENT ON COLUMN ops.watermarks.response_id IS 'The answer; empty for a request that is no longer made.';
COMMENT ON COLUMN ops.watermarks.seen_at IS 'When it was asked for, UTC: rows it listed were seen then.';
COMMENT ON COLUMN ops.watermarks.body_sha256 IS 'Hash of its body: the same again changes nothing.';
COMMENT ON COLUMN ops.watermarks.contract IS 'Fingerprint of the declaration that it was read by.';
COMMENT ON COLUMN ops.watermarks.fetched IS 'Records in it.';
COMMENT ON COLUMN ops.watermarks.rejected IS 'Records in it that broke the contract.';
COMMENT ON COLUMN ops.watermarks.duplicates IS 'Records in it whose key came more than once.';

COMMENT ON TABLE ops.shape IS 'For the program''s own use: which statements made the tables, views and marts.';
COMMENT ON COLUMN ops.shape.fingerprint IS 'Hash of those statements.';

COMMENT ON TABLE ops.datasets IS 'How often each dataset should be pulled. One row per: dataset';
COMMENT ON COLUMN ops.datasets.dataset IS 'Name of the dataset in sms.';
COMMENT ON COLUMN ops.datasets.cadence_seconds IS 'Seconds between two syncs, as declared.';
COMMENT ON COLUMN ops.datasets.stale_after_seconds IS 'Age in seconds from which it counts as stale.';

COMMENT ON TABLE ops.copied IS 'For the program''s own use: how old a copy is; filled in analytics.duckdb only.';
COMMENT ON COLUMN ops.copied.published_at IS 'When this copy was made, UTC.';

COMMENT ON TABLE ops.settled IS 'For the program''s own use: up to where the days of a mart are kept. One row per: mart';
COMMENT ON COLUMN ops.settled.mart IS 'Name of the mart.';
COMMENT ON COLUMN ops.settled.dataset IS 'The dataset whose history it is worked out from.';
COMMENT ON COLUMN ops.settled.definition IS 'Fingerprint of how it is worked out.';
COMMENT ON COLUMN ops.settled.until_day IS 'The first day that is not kept, UTC.';
