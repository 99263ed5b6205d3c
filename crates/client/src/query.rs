//! Query strings of the lists.

use keywright_protocol::{Timestamp, routes};
use url::form_urlencoded::Serializer;

/// Which request records to list. What is left out does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// At most that many; the server's own page size when left out.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
    /// Only those that arrived then or later.
    pub since: Option<Timestamp>,
    /// Only those for this model.
    pub model: Option<String>,
    /// Only those for this provider.
    pub provider: Option<String>,
    /// Only those that ended, or run, so: `succeeded`, `refused` and the other words of a record's outcome.
    pub outcome: Option<String>,
    /// Only those of this session of the client.
    pub session_id: Option<String>,
}

impl RequestFilter {
    pub(crate) fn path(&self) -> String {
        path(
            routes::REQUESTS,
            [
                ("limit", self.limit.map(|limit| limit.to_string())),
                ("cursor", self.cursor.clone()),
                ("since", self.since.map(|since| since.to_string())),
                ("model", self.model.clone()),
                ("provider", self.provider.clone()),
                ("outcome", self.outcome.clone()),
                ("sessionId", self.session_id.clone()),
            ],
        )
    }
}

/// The path of the usage report since then.
pub(crate) fn usage_path(since: Option<Timestamp>) -> String {
    path(routes::USAGE, [("since", since.map(|since| since.to_string()))])
}

/// The path of the proof that answers `challenge`.
pub(crate) fn instance_path(challenge: &str) -> String {
    path(routes::INSTANCE, [("challenge", Some(challenge.to_owned()))])
}

fn path<const N: usize>(route: &str, fields: [(&str, Option<String>); N]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in fields {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    let query = query.finish();
    if query.is_empty() { route.to_owned() } else { format!("{route}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_sent_and_nothing_breaks_out_of_it() {
        assert_eq!(RequestFilter::default().path(), "/api/v1/requests");
        let filter = RequestFilter {
            limit: Some(5),
            since: Some(Timestamp(0)),
            model: Some("a b&limit=9#x".into()),
            ..RequestFilter::default()
        };
        assert_eq!(
            filter.path(),
            "/api/v1/requests?limit=5&since=1970-01-01T00%3A00%3A00.000Z&model=a+b%26limit%3D9%23x"
        );
        assert_eq!(usage_path(None), "/api/v1/usage");
    }
}
