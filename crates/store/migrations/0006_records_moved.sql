-- The organization that a record was made in, where that is another than its own now: a temporary account whose
-- records moved with it. They never count to the budgets or limits of the organization that has them now.
ALTER TABLE requests ADD COLUMN moved_from TEXT;
