-- The mirror of the ledger of payments, so that SQL can join payments with orders and balances. It is written from the
-- ledger alone (warehouse/mirror.py) and holds no link, no address and nothing that a vendor's answer merely claims.
CREATE SCHEMA IF NOT EXISTS topups;

-- Amounts in US cents. slot_freed_at is null while a payment blocks the next one of its account.
CREATE TABLE topups.payments (
    payment_id VARCHAR, account_id VARCHAR, state VARCHAR, exception VARCHAR, amount_cents BIGINT,
    vendor_amount_cents BIGINT, rail VARCHAR, currency VARCHAR, network VARCHAR, decision_id VARCHAR,
    vendor_payment_id VARCHAR, vendor_status VARCHAR, created_at TIMESTAMPTZ, counted_at TIMESTAMPTZ,
    state_since TIMESTAMPTZ, sending_at TIMESTAMPTZ, ends_at TIMESTAMPTZ, slot_freed_at TIMESTAMPTZ,
    approved_at TIMESTAMPTZ, credited_at TIMESTAMPTZ, why VARCHAR, detail VARCHAR
);

-- What happened, in order. payment_id is null where it concerns the account: a pause, a count of failures.
CREATE TABLE topups.events (
    seq BIGINT, "at" TIMESTAMPTZ, account_id VARCHAR, payment_id VARCHAR, kind VARCHAR, from_state VARCHAR,
    to_state VARCHAR
);

-- The ledger's last event that the mirror holds, with the hash that covers all events before it; empty before the first.
CREATE TABLE ops.mirrored (seq BIGINT, hash VARCHAR);
