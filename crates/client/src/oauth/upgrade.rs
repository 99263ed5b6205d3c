//! What the answer of our token endpoint has beyond OAuth's own: what became of a temporary account.

use keywright_protocol::wire::LoginUpgrade;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{ExtraTokenFields, StandardRevocableToken, StandardTokenResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is read beside the tokens.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Extra {
    #[serde(default, skip_serializing_if = "Value::is_null")]
    upgrade: Value,
}

impl Extra {
    /// What the server says of the temporary account; another server may mean anything by a member of that name.
    pub(super) fn upgrade(&self) -> Option<LoginUpgrade> {
        LoginUpgrade::from_name(self.upgrade.as_str()?)
    }
}

impl ExtraTokenFields for Extra {}

/// The answer of the token endpoint.
pub(super) type Granted = StandardTokenResponse<Extra, BasicTokenType>;

/// A client that reads that.
pub(super) type BasicClient = oauth2::Client<
    BasicErrorResponse,
    Granted,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;
