//! Reading fields more strictly than serde does by itself.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A field that is there is there, `null` too: to clear a field is something else than to leave it.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

/// An object, or `null`. An array would be taken for one, item by item.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    field.deserialize_option(Object(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, field: D) -> Result<Option<T>, D::Error> {
        field.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{CompleteSignup, CreateOrganization};

    #[test]
    fn an_object_within_a_body_is_an_object_and_no_array() {
        for good in
            [r#"{"name":"n"}"#, r#"{"name":"n","apiKey":null}"#, r#"{"name":"n","apiKey":{"name":"k"}}"#]
        {
            let read: CreateOrganization = serde_json::from_str(good).expect(good);
            assert_eq!(read.api_key.and_then(|key| key.name).is_some(), good.contains("\"k\""));
        }
        for bad in [
            r#"{"name":"n","apiKey":[]}"#,
            r#"{"name":"n","apiKey":["k",7]}"#,
            r#"{"name":"n","apiKey":"k"}"#,
            r#"{"name":"n","apiKey":{"nmae":"k"}}"#,
            r#"{"name":"n","apiKey":{"name":"k","name":"k"}}"#,
        ] {
            assert!(serde_json::from_str::<CreateOrganization>(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<CompleteSignup>(r#"{"code":"1","company":["a","b"]}"#).is_err());
    }
}
