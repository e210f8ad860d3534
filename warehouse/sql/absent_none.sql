-- The same table as absent.sql makes, without a row.
CREATE OR REPLACE TEMP TABLE absent (old_row BIGINT, part VARCHAR, ended_at TIMESTAMPTZ);
