-- One row per proxied call, and the counted refusals of callers nobody could be proven to be. On SQLite
-- in a file of its own, so nothing here refers to the identity tables. Times are milliseconds since
-- 1970, by our clock.

CREATE TABLE requests (
    -- req_ and a version 7 UUID: the order of ids is the order of arrival.
    id TEXT NOT NULL PRIMARY KEY,
    -- The run of the server that took the call: a new random number at every start. 0 on SQLite, where
    -- there is one server at a time.
    server BIGINT NOT NULL,
    organization_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    -- The parent of a child token, else the token itself.
    root_key_id TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    dialect TEXT NOT NULL,
    route TEXT NOT NULL,
    provider TEXT,
    model TEXT,
    client TEXT,
    session_id TEXT,
    stream BOOLEAN NOT NULL,
    request_bytes BIGINT NOT NULL,
    -- central or byok
    credential TEXT,
    credential_hint TEXT,
    -- running, then how it ended.
    outcome TEXT NOT NULL DEFAULT 'running',
    status BIGINT,
    error_code TEXT,
    first_byte_ms BIGINT,
    duration_ms BIGINT,
    response_bytes BIGINT NOT NULL DEFAULT 0,
    input_tokens BIGINT NOT NULL DEFAULT 0,
    output_tokens BIGINT NOT NULL DEFAULT 0,
    cache_read_tokens BIGINT NOT NULL DEFAULT 0,
    cache_write_tokens BIGINT NOT NULL DEFAULT 0,
    usage_estimated BOOLEAN NOT NULL DEFAULT FALSE,
    upstream_request_id TEXT,
    -- The object that the upstream made; who may refer to it later is decided by this row.
    response_id TEXT
);
CREATE INDEX requests_by_organization ON requests (organization_id, id);
CREATE INDEX requests_by_response ON requests (organization_id, response_id) WHERE response_id IS NOT NULL;
-- Only as many entries as calls are running: what a killed server left behind is found without a scan.
CREATE INDEX requests_running ON requests (server) WHERE outcome = 'running';

CREATE TABLE refusals (
    -- The beginning of the minute.
    minute BIGINT NOT NULL,
    -- An IPv4 address, or the /64 of an IPv6 address.
    address TEXT NOT NULL,
    code TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (minute, address, code)
);
