//! Requests that want the person to sign in for them (`prompt=login`, `max_age`): on the way to that the link is
//! marked with the time. Signing in after it is enough for this very request, and what was before is not.

use keywright_protocol::Timestamp;
use keywright_secret::hex;
use url::form_urlencoded;

use crate::Identity;
use crate::oauth::Authorization;
use crate::oauth::allowance::older_than;

impl Identity {
    /// The query with which a person comes back from signing in for a request with these parameters.
    pub fn query_after_sign_in(&self, asked: &Authorization, parameters: &[(String, String)]) -> String {
        let kept = request(parameters);
        let mut query = form_urlencoded::Serializer::new(kept.clone());
        if asked.fresh || asked.max_age.is_some() {
            let at = self.now();
            query.append_pair(MARK, &format!("{}.{}", at.0, self.mark(at, &kept)));
        }
        query.finish()
    }

    /// When the person was sent to sign in for the request with these parameters; `None` for a mark that is none
    /// of ours, or of another request.
    pub(super) fn sent_to_sign_in(&self, parameters: &[(String, String)]) -> Option<Timestamp> {
        let (_, mark) = parameters.iter().find(|(name, _)| name == MARK)?;
        let (at, mark) = mark.split_once('.')?;
        let at = Timestamp(at.parse().ok()?);
        (self.mark(at, &request(parameters)) == mark).then_some(at)
    }

    /// Whether a person who signed in at that time must do so again for this request.
    pub fn must_sign_in_again(&self, asked: &Authorization, signed_in_at: Timestamp) -> bool {
        let now = self.now();
        let too_old = asked.max_age.is_some_and(|seconds| older_than(signed_in_at, seconds, now));
        let for_this = asked
            .sent_to_sign_in
            .is_some_and(|sent| signed_in_at >= sent && !older_than(sent, MARK_SECONDS, now));
        (asked.fresh || too_old) && !for_this
    }

    fn mark(&self, at: Timestamp, request: &str) -> String {
        hex(&self.inner.oauth.links.of(&[b"signed in after", &at.0.to_be_bytes(), request.as_bytes()]))
    }
}

/// All but the mark.
fn request(parameters: &[(String, String)]) -> String {
    let kept = parameters.iter().filter(|(name, _)| name != MARK);
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
}

const MARK: &str = "signed_in_after";
/// As long as a code waits to be entered, and then the person before the page.
const MARK_SECONDS: i64 = 1_800;
