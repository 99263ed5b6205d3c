//! Scopes: what a token may do. They narrow what its user may do and never widen it.
//!
//! Ten of the names come from seed 002 of the product's requirements. Where Keywright has the thing they mean it:
//! projects are organizations, instances are providers, executions are records, API keys are keys. The others are
//! carried for the caller's own services, which read them from `whoami`; nothing here asks for them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Scope {
    /// `models:use`: call models through the gateway, and hand a child token to an agent.
    ModelsUse = 1 << 0,
    /// `deploy:use-case`: carried for the caller's own services.
    DeployUseCase = 1 << 1,
    /// `projects:create`: make, change and delete organizations, members, invitations and service accounts.
    ProjectsCreate = 1 << 2,
    /// `workflows:trigger`: carried for the caller's own services.
    WorkflowsTrigger = 1 << 3,
    /// `executions:read`: read request records and usage; a member's own, the organization's for an admin.
    ExecutionsRead = 1 << 4,
    /// `instances:read`: see the providers and whether they can be reached; `models:use` is enough for that.
    InstancesRead = 1 << 5,
    /// `instances:manage`: carried; the providers are managed by the configuration alone.
    InstancesManage = 1 << 6,
    /// `skills:read`: carried for the caller's own services.
    SkillsRead = 1 << 7,
    /// `integrations:manage`: carried for the caller's own services.
    IntegrationsManage = 1 << 8,
    /// `api-keys:manage`: create, list, change, rotate and delete API keys; a member's own, the organization's
    /// for an admin.
    ApiKeysManage = 1 << 9,
    /// `projects:read`: read organizations, their members, and invitations.
    ProjectsRead = 1 << 10,
}

impl Scope {
    /// All scopes, in the order in which they are listed.
    pub const ALL: [Self; 11] = [
        Self::ModelsUse,
        Self::DeployUseCase,
        Self::ProjectsCreate,
        Self::WorkflowsTrigger,
        Self::ExecutionsRead,
        Self::InstancesRead,
        Self::InstancesManage,
        Self::SkillsRead,
        Self::IntegrationsManage,
        Self::ApiKeysManage,
        Self::ProjectsRead,
    ];

    /// The scope as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ModelsUse => "models:use",
            Self::DeployUseCase => "deploy:use-case",
            Self::ProjectsCreate => "projects:create",
            Self::WorkflowsTrigger => "workflows:trigger",
            Self::ExecutionsRead => "executions:read",
            Self::InstancesRead => "instances:read",
            Self::InstancesManage => "instances:manage",
            Self::SkillsRead => "skills:read",
            Self::IntegrationsManage => "integrations:manage",
            Self::ApiKeysManage => "api-keys:manage",
            Self::ProjectsRead => "projects:read",
        }
    }

    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of scopes. On the wire an array of names, in the database the names with blanks between.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    /// No scope.
    pub const NONE: Self = Self(0);
    /// What a child token and a plain API key carry.
    pub const GATEWAY: Self = Self(Scope::ModelsUse as u16);
    /// What the token of a temporary account carries: model calls, key management, and its own records.
    pub const TEMPORARY: Self =
        Self(Scope::ModelsUse as u16 | Scope::ApiKeysManage as u16 | Scope::ExecutionsRead as u16);
    /// Every scope there is.
    pub const EVERY: Self = Self((1 << Scope::ALL.len()) - 1);

    /// The set of `scopes`.
    pub fn of(scopes: &[Scope]) -> Self {
        Self(scopes.iter().fold(0, |bits, scope| bits | *scope as u16))
    }

    /// Whether `scope` is in it.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope as u16 != 0
    }

    /// Whether all of `other` is in it.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in it, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Reads names, each of which must be a scope.
    ///
    /// # Errors
    /// [`UnknownScope`] with the first name that is none.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownScope> {
        names.into_iter().try_fold(Self::NONE, |scopes, name| {
            let scope = Scope::from_name(name).ok_or_else(|| UnknownScope(name.to_owned()))?;
            Ok(Self(scopes.0 | scope as u16))
        })
    }

    /// Reads the database form: names with blanks between. Names of a later version are left out,
    /// so that an older server grants less and never more.
    pub fn from_stored(text: &str) -> Self {
        Self::of(&text.split_whitespace().filter_map(Scope::from_name).collect::<Vec<_>>())
    }

    /// The database form.
    pub fn to_stored(self) -> String {
        self.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Scopes({})", self.to_stored())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Our own answers are read with this; a newer server may know more scopes than this client.
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(Self::of(&names.iter().filter_map(|name| Scope::from_name(name)).collect::<Vec<_>>()))
    }
}

/// A name that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope")]
pub struct UnknownScope(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_unknown_ones_are_named() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.as_str()), Some(scope));
        }
        assert_eq!(Scopes::from_names(["models:use", "nope"]), Err(UnknownScope("nope".into())));
        assert_eq!(Scopes::from_stored("models:use later:thing"), Scopes::GATEWAY);
        assert_eq!(Scopes::from_stored(&Scopes::EVERY.to_stored()), Scopes::EVERY);
    }

    #[test]
    fn a_set_covers_its_parts_only() {
        assert!(Scopes::TEMPORARY.covers(Scopes::GATEWAY));
        assert!(!Scopes::GATEWAY.covers(Scopes::TEMPORARY));
        assert!(Scopes::EVERY.iter().count() == Scope::ALL.len());
    }
}
