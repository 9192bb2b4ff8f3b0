#[path = "../../src/peer/control.rs"]
pub(crate) mod control;
