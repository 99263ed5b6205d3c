-- People with mailboxes, their codes, and organizations of more than one.

-- ASCII, in lower case, the domain as DNS has it: the one form in which mailboxes are compared.
ALTER TABLE users ADD COLUMN mailbox TEXT;
-- The name of a service account.
ALTER TABLE users ADD COLUMN name TEXT;
CREATE UNIQUE INDEX users_by_mailbox ON users (mailbox) WHERE mailbox IS NOT NULL;
-- Service accounts that were deleted, until the last of their tokens is forgotten.
CREATE INDEX users_former_services ON users (id) WHERE kind = 'service' AND status = 'deleted';

ALTER TABLE organizations ADD COLUMN description TEXT;
-- Its records outlive it, so that its row stays.
ALTER TABLE organizations ADD COLUMN deleted_at BIGINT;

-- Codes that were mailed. The code itself is nowhere.
CREATE TABLE mail_codes (
    -- otp_ and a version 7 UUID: what the request answered with.
    id TEXT NOT NULL PRIMARY KEY,
    mailbox TEXT NOT NULL,
    -- Who asked: an IPv4 address, the /64 of an IPv6 address, or loopback.
    address TEXT NOT NULL,
    -- signup or login
    purpose TEXT NOT NULL,
    -- HMAC-SHA-256 under a key that is not in here; NULL once the code is void.
    hash BYTEA,
    -- Whether it has eight letters, which nobody guesses, and not six digits.
    long BOOLEAN NOT NULL,
    -- open, used, locked (too many wrong tries) or replaced (by a later request)
    state TEXT NOT NULL,
    -- Wrong tries by those who named the request, and by those who did not, who may be anybody.
    failures BIGINT NOT NULL DEFAULT 0,
    unnamed_failures BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- The server process that made it, a random number, and how long that had been running by then: where its
    -- clock is set back, no code of it lives longer for that.
    process BIGINT NOT NULL,
    steady_ms BIGINT NOT NULL
);
CREATE INDEX mail_codes_by_mailbox ON mail_codes (mailbox, created_at);
CREATE INDEX mail_codes_by_time ON mail_codes (created_at);

-- One row per request for a mail in the last hour, for the limits.
CREATE TABLE mail_requests (
    id TEXT NOT NULL PRIMARY KEY,
    -- An IPv4 address, the /64 of an IPv6 address, or loopback.
    address TEXT NOT NULL,
    -- The mailbox, where the request was accepted and its mail may have arrived.
    mailbox TEXT,
    at BIGINT NOT NULL,
    -- Until when the mailbox gets no other code; NULL as mailbox is.
    cool_until BIGINT
);
CREATE INDEX mail_requests_by_address ON mail_requests (address, at);
CREATE INDEX mail_requests_by_mailbox ON mail_requests (mailbox, at) WHERE mailbox IS NOT NULL;
CREATE INDEX mail_requests_by_time ON mail_requests (at);
CREATE INDEX mail_requests_accepted ON mail_requests (at) WHERE mailbox IS NOT NULL;

-- One row per wrong code in the last day.
CREATE TABLE mail_code_failures (
    id TEXT NOT NULL PRIMARY KEY,
    mailbox TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- Whether the code would have opened an account: for login, of a mailbox that has a user.
    at_account BOOLEAN NOT NULL
);
CREATE INDEX mail_code_failures_by_mailbox ON mail_code_failures (mailbox, at);
CREATE INDEX mail_code_failures_by_time ON mail_code_failures (at);
CREATE INDEX mail_code_failures_at_accounts ON mail_code_failures (at) WHERE at_account;

-- Open invitations; one that is accepted, declined, withdrawn or over is deleted.
CREATE TABLE invitations (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    mailbox TEXT NOT NULL,
    -- owner, admin or member
    role TEXT NOT NULL,
    invited_by TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX invitations_by_mailbox ON invitations (mailbox, organization_id);
CREATE INDEX invitations_by_organization ON invitations (organization_id, id);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);
CREATE INDEX invitations_by_inviter ON invitations (invited_by);

-- One row per invitation that was mailed in the last hour, for the limits; the invitation may be gone.
CREATE TABLE invitation_mails (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL,
    invited_by TEXT NOT NULL,
    -- NULL where the mail was refused.
    mailbox TEXT,
    at BIGINT NOT NULL
);
CREATE INDEX invitation_mails_by_organization ON invitation_mails (organization_id, at);
CREATE INDEX invitation_mails_by_inviter ON invitation_mails (invited_by, at);
CREATE INDEX invitation_mails_by_mailbox ON invitation_mails (mailbox, at);
CREATE INDEX invitation_mails_by_time ON invitation_mails (at);

-- Records of these organizations belong to others now. The records lie elsewhere; they are moved again and
-- again until no call can be running that still writes to the old place.
CREATE TABLE record_moves (
    from_organization TEXT NOT NULL PRIMARY KEY,
    to_organization TEXT NOT NULL,
    to_user TEXT NOT NULL,
    at BIGINT NOT NULL
);

INSERT INTO turns (name, n) VALUES ('mail', 0);
INSERT INTO turns (name, n) VALUES ('invite', 0);
