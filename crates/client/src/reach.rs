//! Whether an address can be connected to.

use keywright_dial::DialError;
use keywright_dial::control::Control;
use url::Url;

/// Connects to the origin of `address`, TLS included, and hangs up: nothing is sent.
///
/// # Errors
/// [`DialError`] when no connection stands.
pub async fn reach(address: &Url) -> Result<(), DialError> {
    Control::to(address)?.reach().await
}
