//! Models, as our own API lists them.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The models of all providers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Models {
    /// The models, by provider.
    pub models: Vec<ListedModel>,
    /// The providers that did not say what they have.
    pub incomplete: Vec<String>,
}

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ListedModel {
    /// What to send as `model`.
    pub id: String,
    /// Who has it.
    pub provider: String,
    /// `anthropic`, `openai` or `gemini`: what its provider is spoken to in.
    pub dialects: Vec<String>,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Since when there is such a model, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}
