use keywright_protocol::{OrganizationId, Scopes, UserId};
use keywright_secret::{PlatformToken, TokenKind};

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn row(expires_at: Option<Timestamp>) -> TokenRow {
    TokenRow {
        id: KeyId::new(),
        kind: TokenKind::ApiKey,
        parent: None,
        session: None,
        audience: None,
        user: UserId::new(),
        organization: OrganizationId::new(),
        role: keywright_protocol::Role::Owner,
        scopes: Scopes::GATEWAY,
        temporary: false,
        administrator: false,
        essential_traffic_only: false,
        expires_at,
        revoked: false,
    }
}

fn some_hash() -> TokenHash {
    PlatformToken::mint(TokenKind::ApiKey).hash()
}

fn filled(
    cache: &TokenCache,
    hash: &TokenHash,
    row: Option<TokenRow>,
    now: Timestamp,
) -> Result<Arc<Principal>, Unproven> {
    match cache.fill(hash, cache.generation(hash), row, now) {
        Fill::Answer(answer) => answer,
        Fill::Overtaken => panic!("nothing was in between"),
    }
}

fn sizes(cache: &TokenCache) -> (usize, usize) {
    let sizes = cache.shards.iter().map(|shard| lock(shard).sizes());
    sizes.fold((0, 0), |(entries, refused), (e, r)| (entries + e, refused + r))
}

#[test]
fn a_fill_that_a_change_overtook_is_refused() {
    let cache = TokenCache::new(100, true);
    let hash = some_hash();
    let changes: [fn(&TokenCache, TokenHash); 3] = [
        |cache, hash| cache.bury([hash]),
        |cache, hash| cache.distrust([hash]),
        |cache, _| cache.distrust_all(),
    ];
    for change in changes {
        let generation = cache.generation(&hash);
        change(&cache, hash);
        assert!(matches!(cache.fill(&hash, generation, Some(row(None)), NOW), Fill::Overtaken));
        assert!(cache.answer(&hash, NOW).is_none());
    }
}

#[test]
fn a_burial_ends_the_principal_for_all_who_hold_it() {
    let cache = TokenCache::new(100, true);
    let hash = some_hash();
    let held = filled(&cache, &hash, Some(row(None)), NOW).expect("good");
    assert!(cache.answer(&hash, NOW).is_some());
    cache.bury([hash]);
    assert!(held.liveness.is_dead());
    assert!(cache.answer(&hash, NOW).is_none());
}

#[test]
fn a_principal_from_before_a_change_dies_with_the_one_after_it() {
    let cache = TokenCache::new(100, true);
    let hash = some_hash();
    let facts = row(None);
    let before = filled(&cache, &hash, Some(facts.clone()), NOW).expect("good");
    cache.distrust([hash]);
    assert!(cache.answer(&hash, NOW).is_none(), "a change is read again");
    assert!(!before.liveness.is_dead(), "a change is no death");
    let raised = TokenRow { administrator: true, scopes: Scopes::TEMPORARY, ..facts };
    let after = filled(&cache, &hash, Some(raised), NOW).expect("good");
    assert!(after.administrator && !before.administrator);
    cache.bury([hash]);
    assert!(before.liveness.is_dead() && after.liveness.is_dead());
}

#[test]
fn an_unchanged_reading_keeps_the_principal() {
    let cache = TokenCache::new(100, false);
    let hash = some_hash();
    let facts = row(None);
    let first = filled(&cache, &hash, Some(facts.clone()), NOW).expect("good");
    assert!(cache.answer(&hash, NOW).is_none(), "a shared database is always asked");
    let second = filled(&cache, &hash, Some(facts.clone()), NOW).expect("good");
    assert!(Arc::ptr_eq(&first, &second));
    let refused = filled(&cache, &hash, Some(TokenRow { revoked: true, ..facts }), NOW);
    assert_eq!(refused.expect_err("revoked"), Unproven::Revoked);
    assert!(first.liveness.is_dead(), "another server's revocation ends what runs here");
}

#[test]
fn expiry_is_asked_on_each_hit_and_ends_nothing_that_runs() {
    let cache = TokenCache::new(100, true);
    let hash = some_hash();
    let end = NOW.plus_seconds(10);
    let held = filled(&cache, &hash, Some(row(Some(end))), NOW).expect("good");
    assert!(matches!(cache.answer(&hash, end.plus_millis(-1)), Some(Ok(_))));
    assert!(matches!(cache.answer(&hash, end), Some(Err(Unproven::Expired))));
    assert!(!held.liveness.is_dead());
}

#[test]
fn what_is_in_use_is_never_evicted_and_the_rest_is_bounded() {
    let cache = TokenCache::new(SHARDS * 8, true);
    let mut held = Vec::new();
    for number in 0..4_000_i64 {
        let hash = some_hash();
        let principal = filled(&cache, &hash, Some(row(None)), NOW.plus_millis(number)).expect("good");
        if number % 40 == 0 {
            held.push((hash, principal));
        }
    }
    let (entries, _) = sizes(&cache);
    assert!(entries <= SHARDS * 8 + held.len(), "{entries} entries");
    for (hash, principal) in held {
        cache.bury([hash]);
        assert!(principal.liveness.is_dead());
    }
}

#[test]
fn an_evicted_use_is_still_noted() {
    let cache = TokenCache::new(SHARDS, true);
    for number in 0..1_000_i64 {
        filled(&cache, &some_hash(), Some(row(None)), NOW.plus_millis(number)).expect("good");
    }
    assert!(sizes(&cache).0 < 1_000);
    assert_eq!(cache.take_uses().len(), 1_000);
    assert!(cache.take_uses().is_empty());
}

#[test]
fn uses_that_could_not_be_noted_are_told_again() {
    let cache = TokenCache::new(100, true);
    let hash = some_hash();
    let principal = filled(&cache, &hash, Some(row(None)), NOW).expect("good");
    let failed = cache.take_uses();
    assert_eq!(failed, [(principal.token, NOW)]);
    cache.keep_unnoted(failed);
    assert_eq!(cache.take_uses(), [(principal.token, NOW)]);
    cache.keep_unnoted(vec![(principal.token, NOW)]);
    let _ = cache.answer(&hash, NOW.plus_seconds(1));
    assert_eq!(cache.take_uses(), [(principal.token, NOW.plus_seconds(1))]);
}

#[test]
fn refusals_are_remembered_for_a_moment_and_bounded() {
    let cache = TokenCache::new(100, true);
    let hash = some_hash();
    assert_eq!(filled(&cache, &hash, None, NOW).expect_err("unknown"), Unproven::Unknown);
    assert!(matches!(cache.answer(&hash, NOW.plus_seconds(4)), Some(Err(Unproven::Unknown))));
    assert!(cache.answer(&hash, NOW.plus_seconds(5)).is_none());
    for _ in 0..10_000 {
        let _ = filled(&cache, &some_hash(), None, NOW);
    }
    assert!(sizes(&cache).1 <= 64 * SHARDS);
}

#[test]
fn a_refusal_does_not_outlive_the_minting_of_its_token() {
    let cache = TokenCache::new(100, true);
    let hash = some_hash();
    let _ = filled(&cache, &hash, None, NOW);
    cache.distrust([hash]);
    assert!(cache.answer(&hash, NOW).is_none());
}

#[test]
fn two_tokens_of_one_account_never_share_an_entry() {
    let cache = TokenCache::new(100, true);
    let facts = row(None);
    let (one, other) = (some_hash(), some_hash());
    let first = filled(&cache, &one, Some(facts.clone()), NOW).expect("good");
    let second = filled(&cache, &other, Some(TokenRow { id: KeyId::new(), ..facts }), NOW).expect("good");
    assert_ne!(first.token, second.token);
    cache.bury([one]);
    assert!(first.liveness.is_dead() && !second.liveness.is_dead());
    assert!(matches!(cache.answer(&other, NOW), Some(Ok(_))));
}
