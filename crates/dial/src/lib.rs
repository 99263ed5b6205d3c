//! The one way out: resolves a name, applies the address policy to the address that is really
//! dialled, speaks TLS, keeps time-outs.
//!
//! Follows no redirect, reads no proxy variable, holds no credential. The PostgreSQL driver and SMTP
//! make connections of their own; everything else goes through here.

mod address;
pub mod control;
mod destination;
mod dialler;
mod stream;
mod tls;

pub use address::{BadNetwork, Network};
pub use destination::{BadDestination, Destination, Reach};
pub use dialler::{DialError, Dialler};
pub use stream::Stream;
pub use tls::{TlsSetup, TlsSetupError, install_crypto};
