//! `serve`: from its start to its end.

mod limits;
mod refusing;
mod secrecy;
mod starting;
mod stopping;
mod tls;
