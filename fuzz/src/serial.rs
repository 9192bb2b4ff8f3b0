#[path = "../../src/serial/profile/mod.rs"]
pub(crate) mod profile;
