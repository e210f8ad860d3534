-- The replica of the ledger: all payments, and the events that are missing. Events of another ledger are deleted.
DELETE FROM topups.payments;
INSERT INTO topups.payments BY NAME SELECT * FROM "$main".topups.payments;
DELETE FROM topups.events
WHERE NOT EXISTS (
    SELECT 1 FROM "$main".topups.events m
    WHERE m.seq = events.seq AND m."at" = events."at" AND m.kind = events.kind
      AND m.account_id = events.account_id AND m.payment_id IS NOT DISTINCT FROM events.payment_id
);
INSERT INTO topups.events BY NAME
SELECT * FROM "$main".topups.events m WHERE NOT EXISTS (SELECT 1 FROM topups.events e WHERE e.seq = m.seq);
