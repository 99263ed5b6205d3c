-- Accounts, organizations and platform tokens. Times are milliseconds since 1970, by our clock.

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    -- temporary, person or service
    kind TEXT NOT NULL,
    -- active or deleted
    status TEXT NOT NULL,
    administrator BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    -- The end of a temporary account and of all that is in it; none once somebody claims it.
    expires_at BIGINT
);
CREATE INDEX users_by_expiry ON users (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE organizations (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- Counted up by every change of the organization's tokens: its row lock puts them in line.
    seq BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    user_id TEXT NOT NULL REFERENCES users (id),
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    -- owner, admin or member
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, organization_id)
);
CREATE INDEX memberships_by_organization ON memberships (organization_id);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the whole token. The token itself is nowhere.
    hash BYTEA NOT NULL UNIQUE,
    -- sk, tmp, at or rt
    kind TEXT NOT NULL,
    hint TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    -- The token that this one dies with.
    parent_id TEXT REFERENCES tokens (id),
    name TEXT NOT NULL,
    -- Names with blanks between.
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Whether it acts as an administrator where its user is one: the token that claimed, and what it made.
    administrator BOOLEAN NOT NULL DEFAULT FALSE,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX tokens_active_keys ON tokens (organization_id, id) WHERE kind = 'sk' AND revoked_at IS NULL;
CREATE INDEX tokens_by_organization ON tokens (organization_id);
CREATE INDEX tokens_by_user ON tokens (user_id);
CREATE INDEX tokens_by_parent ON tokens (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX tokens_live_children ON tokens (parent_id, expires_at)
    WHERE parent_id IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX tokens_children_by_expiry ON tokens (expires_at) WHERE parent_id IS NOT NULL;
CREATE INDEX tokens_children_by_revocation ON tokens (revoked_at)
    WHERE parent_id IS NOT NULL AND revoked_at IS NOT NULL;
CREATE INDEX tokens_keys_by_revocation ON tokens (revoked_at) WHERE kind = 'sk' AND revoked_at IS NOT NULL;

-- One row per temporary account that was made in the last hour, for the limits.
CREATE TABLE mints (
    user_id TEXT NOT NULL PRIMARY KEY,
    -- An IPv4 address, the /64 of an IPv6 address, or loopback.
    address TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX mints_by_address ON mints (address, at);
CREATE INDEX mints_by_time ON mints (at);

-- One-time codes that make their bearer an administrator.
CREATE TABLE admin_claims (
    hash BYTEA NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    used_by TEXT
);

-- One row per wrong code in the last hour.
CREATE TABLE admin_claim_failures (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);

-- Rows that are updated first where several servers must take turns.
CREATE TABLE turns (
    name TEXT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);
INSERT INTO turns (name, n) VALUES ('mint', 0);
INSERT INTO turns (name, n) VALUES ('claim', 0);
INSERT INTO turns (name, n) VALUES ('sweep', 0);

-- Counted up at the end of every revoking transaction; its row lock makes number order commit order.
CREATE TABLE generation (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    n BIGINT NOT NULL
);
INSERT INTO generation (id, n) VALUES (1, 0);

-- Which master key sealed what is in here, so that a wrong one is noticed before it does harm.
CREATE TABLE master_key (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    key_id TEXT NOT NULL,
    canary BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
