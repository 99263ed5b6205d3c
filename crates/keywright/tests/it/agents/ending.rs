//! How a run ends when something goes wrong, and what is left then.
