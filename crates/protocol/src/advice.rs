//! How each error is mended, for its page in the reference: more than fits into one next action.

use crate::ErrorCode;

impl ErrorCode {
    /// What to know and to do, in Markdown.
    pub fn advice(self) -> &'static str {
        match self {
            Self::KeyMissing => {
                "Programs that were started by themselves know nothing of Keywright. Either start them with \
                 `keywright run -- PROGRAM`, or set the base URL and the key of their library. If a header was \
                 set, look whether a proxy on the way takes `Authorization` out; `X-Keywright-Token` usually \
                 passes."
            }
            Self::KeyMalformed => {
                "A token is one of `sk_kw_`, `tmp_kw_`, `at_kw_` or `rt_kw_` and 49 letters and digits, the last \
                 six of which are a checksum. Usual reasons: the end was not selected when it was copied, a line \
                 break or quotation mark came along, or a variable was cut by a shell. Nothing was looked up, so \
                 nothing is known of the token itself."
            }
            Self::KeyUnknown => {
                "Usually the token belongs to another server: compare the address that `keywright status` shows \
                 with the one that the token came from. It also happens when the server's data folder was \
                 replaced, restored from an older backup or pointed to another database. A temporary account is \
                 forgotten some time after it has ended, and its tokens with it."
            }
            Self::KeyExpired => {
                "`keywright tokens list` shows when keys end; `tokens create --lifetime 30d` says how long a new \
                 one lives, and without `--lifetime` it lives for ever. A temporary account ends after \
                 `auth.temporary_ttl` with all its keys. A token that `keywright run` gave to an agent lives at \
                 most 12 hours: start the agent again."
            }
            Self::KeyRevoked => {
                "A revoked token cannot be brought back. Programs that use it must be given the new one; streams \
                 that ran on it were cut. If you did not delete it, ask whoever administers the organization's \
                 keys. An agent's token dies with the token that started the agent."
            }
            Self::WrongAudience => {
                "An application may ask for a token that one resource alone accepts (`resource`, RFC 8707). Such a \
                 token opens nothing elsewhere, so that whoever gets hold of it at one place cannot use it at \
                 another. `resource` is left out, or the address of this server, for tokens that are good here."
            }
            Self::WrongKeyKind => {
                "The message names the vendor if it could tell. A provider's own key never stands in for a \
                 Keywright token: put the token into `X-Keywright-Token` and leave the provider key where the \
                 vendor's library puts it. A refresh token (`rt_kw_`) is for getting new tokens only. If the key \
                 was sent by mistake to a server that you do not trust, replace it at its vendor."
            }
            Self::AmbiguousCredentials => {
                "Libraries often send a second credential that they found in the environment: Anthropic's, for \
                 instance, sends `ANTHROPIC_AUTH_TOKEN` beside `ANTHROPIC_API_KEY`. Unset one of them. The same \
                 token in two places is no error; the same header twice is one."
            }
            Self::InsufficientScope => {
                "A key made without `--scope` may call models and nothing else. Scopes of a key cannot be wider \
                 than those of the token that made it, and cannot be widened later: make another with a token \
                 that has the scope. `keywright whoami` shows what a token may do."
            }
            Self::Forbidden => {
                "Tokens that `keywright run` hands to agents do less than those of people, on purpose: they make \
                 no tokens and take nothing over. What only an administrator may do needs the token that claimed \
                 the server, or a key made with it afterwards. In an organization, `details.requiredRole` says what \
                 the token's user would have to be: docs/guides/organizations.md has the table."
            }
            Self::InvalidRequest => {
                "Field and parameter names are exact, in camelCase, and unknown ones are refused, so that a \
                 mistyped filter does not pass for none. Times are RFC 3339, such as `2026-11-20T22:37:18Z`. A \
                 token never stands in a query of the JSON API. `/openapi.json` describes every route."
            }
            Self::InvalidJson => {
                "The message has line and column where reading stopped. The body must be one object, in UTF-8, \
                 and the header must say `application/json`: a form is refused, so that no page of another site \
                 can send one."
            }
            Self::DuplicateField => {
                "Readers differ on which of two equal keys counts, so that the model that was permitted might not \
                 be the one that is called. Look for a body that was put together from two parts, or for `model` \
                 written once more with escapes."
            }
            Self::ModelRequired => {
                "On the routes of Anthropic and OpenAI the model stands in the body; on Gemini's it stands in the \
                 path. The value must be a text, not a number and not a list."
            }
            Self::RouteNotSupported => {
                "Only routes that make something with a model, list models, or touch an object that the caller's \
                 organization made are passed on: a provider key is one account that many callers share. If the \
                 path looks right, look for `/v1` that stands twice or is missing in the base URL: OpenAI's \
                 library wants it there, the others do not."
            }
            Self::MethodNotAllowed => {
                "Usually the base URL is right and the method is not; the page of the route in `/openapi.json` \
                 has it. Clients that ask with `HEAD` or `OPTIONS` first can do without."
            }
            Self::NotFound => {
                "What belongs to another organization is answered as if it were not there. Check which account \
                 asks with `keywright whoami`, and which server with `keywright status`. Keys are listed by \
                 `keywright tokens list`, calls by `keywright usage --requests`."
            }
            Self::ProviderUnknown => {
                "The name in `/gateway/NAME/...` is that of the server's configuration, not that of the vendor. \
                 Without a configuration file the names are those of docs/reference/providers.md whose variable \
                 was set when the server started."
            }
            Self::ProviderAmbiguous => {
                "On a native path such as `/v1/chat/completions` nothing says which provider is meant when two \
                 of them speak the dialect. Put `/gateway/PROVIDER` into the base URL of the client, before the \
                 path."
            }
            Self::ProviderNotConfigured => {
                "`keywright serve` says at its start which providers it has. It takes the vendors' usual variables \
                 (docs/reference/providers.md) only when no provider stands in its configuration file, and reads \
                 them once, at the start. A service manager does not hand on the variables of your shell."
            }
            Self::NoProviderKey => {
                "The operator adds `keys = [\"env:NAME\"]` or `keys = [\"file:PATH\"]` to the provider's table and \
                 starts the server again. A caller sends its own key in the vendor's usual header and the \
                 Keywright token in `X-Keywright-Token`, if `gateway.allow_byok` is on."
            }
            Self::ByokDisabled => {
                "`gateway.allow_byok` is off. Often the key was not meant to be sent: unset the vendor's variable \
                 in the program's environment, or start it with `keywright run`, which takes it out."
            }
            Self::ByokProviderMismatch => {
                "A key goes only to the vendor that it looks like, so that no other vendor gets to see it. Check \
                 the path first; if a key has the form of another vendor's by chance, the operator can configure \
                 it as a provider of its own."
            }
            Self::BodyTooLarge => {
                "The JSON API takes 64 KiB, the gateway `gateway.max_body`, 32 MiB by default. Long conversations \
                 with images grow over it: drop older turns, or send files by address. The operator can raise the \
                 limit, together with `gateway.max_buffered`."
            }
            Self::EncodingUnsupported => {
                "Switch off compression of requests in the client or in the proxy before it. Answers may be \
                 compressed; they pass as they are."
            }
            Self::HostNotAllowed => {
                "A server on loopback answers to addresses, to `localhost` and names below it, and to the host of \
                 `public_url`. Any other name in `Host` may come from a web page that points its own name at your \
                 machine. Behind a reverse proxy or in a container, add the name: \
                 `KEYWRIGHT_SERVER_HOSTS=keywright.internal`."
            }
            Self::OriginNotAllowed => {
                "Browsers say which page sends a request, and only pages of `public_url` may. If you run a page of \
                 your own, let its server make the call. If the page should be the server's own, `public_url` is \
                 not what the browser shows."
            }
            Self::UpgradeRequired => {
                "Clients that speak WebSocket first fall back by themselves. If one does not, switch it to HTTP in \
                 its settings."
            }
            Self::TemporaryDisabled => {
                "Temporary accounts need a server whose `listen` and `public_url` are both on loopback, no trusted \
                 proxy, and a request that no proxy passed on. The operator can say otherwise with \
                 `auth.temporary`. docs/guides/operations.md says how the first account of a server beyond \
                 loopback is made."
            }
            Self::TemporaryRateLimited => {
                "An address makes at most 30 temporary accounts an hour, and all of them together make \
                 `auth.temporary_per_minute` and `auth.temporary_per_day` calls. Tests that start from an empty \
                 home folder each time reach it soon: give them one token in KEYWRIGHT_API_KEY. A claimed account \
                 does not count: see `keywright admin claim`."
            }
            Self::InvalidExpiresInDays => {
                "A text like `\"30\"` is no number, and neither 0 nor 366 is in the range. For hours use \
                 `lifetimeSeconds`, but not both."
            }
            Self::InvalidLifetime => {
                "Whole seconds, not a text. On the command line a length is written as `8h`, `30d` or `1d12h30m`. \
                 A child token never outlives the token that it was made with."
            }
            Self::InvalidName => {
                "Letters of all scripts and blanks are good, but a name of blanks alone is not. Line breaks and \
                 tabs are control characters."
            }
            Self::NameTaken => {
                "Names are told apart exactly, upper and lower case too. Deleted and expired keys free their name. \
                 A program that makes a key at each start had better delete it at its end, or leave the name \
                 out on the command line, which then makes one up."
            }
            Self::InvalidOverlap => {
                "Over HTTP it is a whole number of seconds, not a text and without a fraction; on the command line \
                 a duration, such as `90s`, `1h` or `7d`. Seven days are the most: whoever needs longer makes a \
                 second key, with a name of its own."
            }
            Self::KeyAlreadyRotated => {
                "The old key works until its overlap is over, so that programs can move to the new one; what is \
                 to be changed, or rotated again, is the new one. `keywright tokens view` shows which that is. An \
                 old key that should end sooner is deleted with `keywright tokens rm`."
            }
            Self::RotationInProgress => {
                "At most two keys of one purpose are good at a time. If the programs have moved already, delete \
                 the oldest key; if a key has leaked, rotate without an overlap, which ends all older ones at once."
            }
            Self::InvalidScope => {
                "Scopes are written with a colon, such as `models:use`. A newer server may know more of them than \
                 this one."
            }
            Self::MaxApiKeysReached => {
                "Expired and deleted keys do not count, child tokens of agents neither. `keywright tokens list` \
                 shows when each was last used. For agents use `keywright run`, which makes no key."
            }
            Self::MaxChildTokensReached => {
                "`keywright run` ends the token of its program when the program ends. So many are usually left by \
                 programs that were killed, or made by a loop that asks for a new one with each call. A child \
                 token that is no longer needed ends itself with `DELETE /api/v1/auth/child`."
            }
            Self::EmailRequired => {
                "Each of the four mailbox commands takes `--email`. Over HTTP it is the field `email`, a text."
            }
            Self::EmailInvalid => {
                "The part before the @ is plain ASCII: letters, digits and a few signs, dots only between them, no \
                 quotes, no `%` and no `!`. Letters of other scripts that look like ASCII ones would be other \
                 people's mailboxes and are refused. The domain may be written in any script; it needs a dot and is \
                 no IP address. Nothing was mailed and nothing was counted."
            }
            Self::UserAlreadyHasOrganization => {
                "One mailbox has one account, whatever its spelling. Sign in, and a new key is made; keys from \
                 before go on working. An agent switches from sign-up to sign-in once: docs/guides/agents.md has \
                 the recipe. With `auth.hide_accounts` this is told only to who has proven the mailbox."
            }
            Self::UserNotFound => {
                "Check the spelling of the mailbox and the server, then sign up. An account whose last organization \
                 was deleted still exists and is told apart. With `auth.hide_accounts` this is told only to who has \
                 proven the mailbox."
            }
            Self::UserHasNoOrganization => {
                "The user left or lost the last organization, and keys act in organizations only. Signing up again \
                 makes a new one for the same user. `details.invitations` lists organizations that invited the \
                 mailbox: naming one with `--organization-id` joins it."
            }
            Self::OtpResendCooldown => {
                "The 30 seconds belong to the mailbox, whoever asked, so that nobody's mailbox is flooded. The mail \
                 may still be on its way: look into the spam folder first. A code that was used lets the next one \
                 be asked for at once."
            }
            Self::EmailRateLimited => {
                "20 mails an hour go to one mailbox. Wrong codes are counted by the day, 100 for one mailbox, \
                 so that nobody guesses through. If you did not ask that often, \
                 somebody else did; nothing was taken over, and the wait ends by itself. Invitations are counted \
                 apart: 20 an hour for an organization, 60 for a user, 20 to a mailbox, and one to a mailbox in 30 \
                 seconds."
            }
            Self::IpRateLimited => {
                "60 requests an hour are taken from one address, successful or not; an IPv6 network of 64 bits \
                 counts as one address, and all of a machine's own programs as one. Behind a proxy the operator \
                 must name it in `trusted_proxies`, or all callers count as one."
            }
            Self::MailRateLimited => {
                "A cap over all mailboxes, so that the server is never used to flood others. It is reached only \
                 under attack or by a mass sign-up."
            }
            Self::MailUnavailable => {
                "No code is good and no wait begins, so that it can be tried again at once. It counts to the 60 requests \
                 of the address; to the 20 of the mailbox only if the mail may arrive after all. The operator checks \
                 `mail.smtp`: host, port, login and certificate, and whether the mail server takes mail from \
                 `mail.from`. Without `mail.smtp` mails are files in the data folder's `outbox`, which must be \
                 writable."
            }
            Self::SignupClosed => {
                "`auth.signup` decides who may make an account: everybody, mailboxes of the domains in \
                 `auth.signup_domains`, or who was invited. Existing accounts sign in as before."
            }
            Self::OtpInvalid => {
                "Each code has five tries; a text that cannot be a code costs none. Look for the newest mail: with \
                 each request the code before it is void. Codes are six digits, or eight letters when many wrong \
                 ones were tried lately; case, blanks and dashes do not matter."
            }
            Self::OtpNotFound => {
                "A code belongs to one mailbox, one server and, where the command line asked for it, to one \
                 request. Codes are forgotten a day after they ended. If two programs asked for the same mailbox, \
                 each uses the code of its own mail."
            }
            Self::OtpExpired => {
                "Codes live ten minutes by the server's clock. Slow mail is the usual reason."
            }
            Self::OtpAlreadyUsed => {
                "A code is good for one key. If the answer was lost on the way, the key was made but nobody has it: \
                 ask for a new code, sign in, and delete the other key, which `keywright tokens list` shows as \
                 never used."
            }
            Self::OtpPurposeMismatch => {
                "It counts as a wrong code, since whoever guesses must not get more tries by changing the purpose."
            }
            Self::OtpLockedOut => {
                "After five wrong codes a code is gone, the right one too. A new request makes another. If somebody \
                 else did the guessing, send the `requestId` that your request answered with: the same code is \
                 good then, for only tries that name it count. The command line always does. After 2,000 wrong codes in a day at all \
                 accounts of the server, codes of six digits are refused; a new one has eight letters and is taken."
            }
            Self::CompanyNameTooLong => {
                "Characters are counted, not bytes: 100 of any script pass. Control characters and marks that turn \
                 the direction of writing are refused as well, with another code."
            }
            Self::OrganizationCreationFailed => {
                "User, organization, membership and key are made together or not at all. The usual reason is a full \
                 disk or a database that refuses to write."
            }
            Self::MultipleOrganizations => {
                "A key acts in one organization, so one must be chosen. Show the list to your person; `keywright \
                 orgs list` has it too once a key is there."
            }
            Self::OrganizationNotMember => {
                "Compare the id with the list in `details.organizations`. Whoever was removed from an organization \
                 needs a new invitation."
            }
            Self::MaxOrganizationsReached => {
                "The cap is for owners; one can be an admin or a member of any number of organizations. It holds for \
                 making one, for accepting an invitation as an owner and for being made one."
            }
            Self::LastOwner => {
                "Owners make other members owners, and only then go. Deleting the organization ends all keys in it \
                 at once."
            }
            Self::AlreadyMember => {
                "One mailbox has one account, whatever its spelling. To change what a member is: `keywright orgs \
                 members role USER admin`."
            }
            Self::MaxMembersReached => {
                "`details.limit` has the number. Invitations that nobody accepts end after seven days."
            }
            Self::UpgradeRefused => {
                "Only a temporary account that has not ended can become an account with a mailbox, and only while \
                 it is presented by its own `tmp_` token. If it ended meanwhile, its records can no longer be \
                 reached."
            }
            Self::ClaimInvalid => {
                "The code is in the file `admin-claim` in the server's data folder until it is used. Making a new \
                 one voids the old. Five wrong codes within an hour close the door for a while."
            }
            Self::ClaimUsed => {
                "The server has an administrator. If that was not you or somebody you know, stop the server and \
                 look at its accounts. Whoever may read the data folder may make another code at any time."
            }
            Self::ClaimLocked => {
                "Right codes are not looked at either until then. If you did not try five codes, somebody else \
                 who can reach the server did."
            }
            Self::AuditUnavailable => {
                "With `records.mode = \"strict\"` no call goes out that is not recorded first. Usually the disk is \
                 full or the database does not answer. With `batched` calls go on while records wait."
            }
            Self::BuffersFull => {
                "Bodies are held until the provider has taken them. Many large ones at once reach the limit: the \
                 operator can raise `gateway.max_buffered`, if there is memory."
            }
            Self::StorageUnavailable => {
                "SQLite: is the disk of the data folder full, was the folder moved, may the server write there? \
                 PostgreSQL: does it run, is the number of its connections used up? `/readyz` answers 200 again \
                 when it is over."
            }
            Self::ShuttingDown => {
                "Running calls may end within `drain`. A load balancer that looks at `/readyz` sends new ones \
                 elsewhere."
            }
            Self::UpstreamUnreachable => {
                "From the machine of the server, try the provider's address with curl. Where the way out is a \
                 proxy, note that the server does not read proxy variables. An address in a configuration file is \
                 dialled as it is written; look for a mistyped host or port."
            }
            Self::UpstreamTls => {
                "A company network that looks into TLS has an authority of its own, which `tls.extra_ca` adds. A \
                 clock that is wrong by days makes good certificates invalid too."
            }
            Self::UpstreamReset => {
                "The call may have reached the provider and may be billed. If it stays, something between the two \
                 ends connections: a firewall, a proxy, or a `base_url` with `http` where `https` is spoken."
            }
            Self::UpstreamTimeout => {
                "Connecting may take `gateway.connect_timeout`, the first byte `gateway.first_byte_timeout`, and \
                 silence inside an answer `gateway.idle_timeout`. Large models that think for long answer sooner \
                 when the request is streamed. The call may be billed."
            }
            Self::UpstreamRedirect => {
                "Often `base_url` has `http` where the provider wants `https`, lacks `www`, or has a slash too \
                 many."
            }
            Self::LoopDetected => {
                "The address of a provider leads back to this server, perhaps over another gateway. A server \
                 cannot be its own provider; two servers in a row are fine."
            }
            Self::ModelsUnavailable => {
                "The list is asked for with the server's own keys, so that what a caller sends makes no \
                 difference. Where some providers answer and others do not, there is a list all the same, and \
                 `incomplete` (or the header `x-keywright-incomplete`) names the others. Calls for a model that \
                 you know by name may still work."
            }
            Self::Internal => {
                "The message says nothing on purpose: the reason may quote what others must not see. The operator \
                 finds it in the server's log, under the request id of the answer. A call that was being passed \
                 on may have reached the provider."
            }
        }
    }
}
