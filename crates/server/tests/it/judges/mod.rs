//! OAuth clients of others, unmodified, against the real server. A person lets them in by the pages' own forms.

mod person;
mod rust;
mod scripts;

pub(crate) use person::Person;
