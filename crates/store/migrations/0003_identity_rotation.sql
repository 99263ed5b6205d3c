-- Rotation of keys: the old key lives on beside the new one for a while.

-- The key that took the place of this one. No reference: either row may be swept before the other.
ALTER TABLE tokens ADD COLUMN replaced_by TEXT;
-- Since when its present term runs, where that is not since its making.
ALTER TABLE tokens ADD COLUMN term_from BIGINT;
CREATE INDEX tokens_by_successor ON tokens (replaced_by) WHERE replaced_by IS NOT NULL;
CREATE INDEX tokens_replaced_by_expiry ON tokens (expires_at) WHERE replaced_by IS NOT NULL;
