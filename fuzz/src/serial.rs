#[path = "../../src/serial/framing/mod.rs"]
pub(crate) mod framing;
#[path = "../../src/serial/profile/mod.rs"]
pub(crate) mod profile;
