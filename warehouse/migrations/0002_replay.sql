-- Whether a person accepted a shrunken snapshot: a replay must decide the same.
ALTER TABLE ops.loads ADD COLUMN accept_shrink BOOLEAN DEFAULT false;
