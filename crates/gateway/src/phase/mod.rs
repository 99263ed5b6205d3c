//! The phases of a call, in the order in which [`Gateway::handle`](crate::Gateway::handle) names them.

pub(crate) mod authenticate;
pub(crate) mod credential;
pub(crate) mod forward;
pub(crate) mod inject;
pub(crate) mod meter;
pub(crate) mod permit;
pub(crate) mod route;
