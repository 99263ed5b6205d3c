//! The real binary: its command line against a small server in the test that answers as the real one
//! does, and its server with everything that is real.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod accounts;
mod admin;
mod agents;
mod arguments;
mod auth;
mod call;

mod cli;
mod clients;
mod doctor;
mod documents;
mod durability;
mod durability_signup;
mod essential;
mod fake_api;
mod home;
mod local;
mod login;
mod login_token;
mod logout;
mod lost;
mod mail;
mod models;
mod onboarding;
mod openapi;
mod orgs;
mod people;
mod postbox;
mod postgres;
mod profiles;
mod provisioning;
mod run;
mod scripted;
mod serve;
mod served;
mod session;
mod sign_in_browser;
mod sign_in_device;
mod sign_in_upgrade;
mod signed_in;
mod signing_in;
mod spinner;
mod standing;
mod status;
mod storage_postgres;
mod stored_keys;
mod tokens;
mod tools;
mod usage;
mod why;
