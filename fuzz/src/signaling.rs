#[path = "../../src/signaling/code/mod.rs"]
pub(crate) mod code;
