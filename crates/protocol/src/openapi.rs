//! How the types that write themselves by hand look in OpenAPI.

use std::borrow::Cow;

use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::record::OutcomeKind;
use crate::{
    CodeRequestId, ErrorCode, InvitationId, KeyId, OrganizationId, RequestId, Scope, Scopes, Timestamp,
    UserId,
};

macro_rules! ids {
    ($($name:ident $what:literal),+) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let pattern = format!("^{}[0-9a-f]{{32}}$", Self::PREFIX);
                let example = format!("{}01a1fb1b61707227bd0532ecdd9c09ba", Self::PREFIX);
                let described = text().description(Some(concat!("The id of ", $what, ".")));
                described.pattern(Some(pattern)).examples([example]).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

ids!(UserId "a user", OrganizationId "an organization", KeyId "a token", RequestId "a call", InvitationId "an invitation",
    CodeRequestId "a request for a code");

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        text().description(Some("An instant, RFC 3339; answers are in UTC.")).format(Some(format)).into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> Cow<'static, str> {
        "Timestamp".into()
    }
}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        words("One thing that a token may do.", Self::ALL.map(Self::as_str))
    }
}

impl ToSchema for Scope {
    fn name() -> Cow<'static, str> {
        "Scope".into()
    }
}

impl PartialSchema for Scopes {
    fn schema() -> RefOr<Schema> {
        let scope = Ref::from_schema_name(Scope::name());
        ArrayBuilder::new().items(scope).description(Some("What a token may do.")).into()
    }
}

impl ToSchema for Scopes {
    fn name() -> Cow<'static, str> {
        "Scopes".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Scope::name().into_owned(), Scope::schema()));
    }
}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        words(
            "A code that programs may rely on. A later version may have more of them.",
            Self::ALL.iter().map(|code| code.as_str()),
        )
    }
}

impl ToSchema for ErrorCode {
    fn name() -> Cow<'static, str> {
        "ErrorCode".into()
    }
}

impl PartialSchema for OutcomeKind {
    fn schema() -> RefOr<Schema> {
        let words_of_ended = Self::ALL.iter().map(|kind| kind.as_str());
        words("How a call ended; `running` until it has.", words_of_ended.chain(["running"]))
    }
}

impl ToSchema for OutcomeKind {
    fn name() -> Cow<'static, str> {
        "Outcome".into()
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn words(what: &str, words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    text().description(Some(what)).enum_values(Some(words)).into()
}
