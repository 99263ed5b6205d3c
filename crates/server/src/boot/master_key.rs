//! The master key: made on the first start, and the right one ever after.

use keywright_protocol::Clock;
use keywright_secret::Secret;
use keywright_secret::seal::{MasterKeys, Place};
use keywright_store::{MasterKeyMark, Store};

use crate::boot::{StartError, private_file};
use crate::config::Config;

/// Finds the master key, or makes it when neither the database nor the file knows of one.
pub(crate) async fn check_master_key(
    config: &Config,
    store: &Store,
    clock: &dyn Clock,
) -> Result<MasterKeys, StartError> {
    let held = held(config)?;
    match (store.master_key().await?, held) {
        (Some(mark), Some((keys, place))) => opens(&keys, &mark)
            .then_some(keys)
            .ok_or_else(|| StartError::MasterKeyWrong { key_id: mark.key_id.clone(), place }),
        (Some(mark), None) => {
            Err(StartError::MasterKeyMissing { key_id: mark.key_id, path: config.master_key_file.clone() })
        }
        // Killed between making the file and marking the database: the file counts.
        (None, Some((keys, _))) => claim(store, clock, keys).await,
        (None, None) => {
            let keys = MasterKeys::generate();
            private_file::create(&config.master_key_file, &keys.to_file_text())?;
            claim(store, clock, keys).await
        }
    }
}

/// The key that the environment or the file holds, and which of them.
fn held(config: &Config) -> Result<Option<(MasterKeys, String)>, StartError> {
    let (text, place) = match &config.master_key {
        Some(text) => (Some(text.clone()), "KEYWRIGHT_MASTER_KEY".to_owned()),
        None => (private_file::read(&config.master_key_file)?, config.master_key_file.display().to_string()),
    };
    let Some(text) = text else { return Ok(None) };
    match MasterKeys::parse(&text) {
        Ok(keys) => Ok(Some((keys, place))),
        Err(source) => Err(StartError::MasterKeyUnreadable { place, source }),
    }
}

async fn claim(store: &Store, clock: &dyn Clock, keys: MasterKeys) -> Result<MasterKeys, StartError> {
    let canary = keys.seal(&CANARY, &Secret::new(CANARY_TEXT));
    let mark = MasterKeyMark { key_id: keys.current_id(), canary };
    match store.claim_master_key(&mark, clock.now()).await? {
        None => Ok(keys),
        Some(winner) if opens(&keys, &winner) => Ok(keys),
        Some(winner) => Err(StartError::MasterKeyLost { key_id: winner.key_id }),
    }
}

fn opens(keys: &MasterKeys, mark: &MasterKeyMark) -> bool {
    keys.open(&CANARY, &mark.canary).is_ok_and(|text| text == Secret::new(CANARY_TEXT))
}

const CANARY: Place<'_> = Place { table: "master_key", row: "1", column: "canary" };
const CANARY_TEXT: &str = "keywright";
