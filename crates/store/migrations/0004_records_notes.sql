-- What explains a call beyond its numbers; NULL in nearly all rows. Never content: neither prompts nor what an
-- upstream says about them.

-- Own provider credentials that came along and were not used: a line each of kind, place and masked hint.
ALTER TABLE requests ADD COLUMN shadowed TEXT;
-- How the upstream names its error: invalid_request_error.
ALTER TABLE requests ADD COLUMN upstream_error_type TEXT;
-- And more closely: model_not_found.
ALTER TABLE requests ADD COLUMN upstream_error_code TEXT;
