#[path = "../../src/ice/desk/mod.rs"]
pub(crate) mod desk;
#[path = "../../src/ice/stun/mod.rs"]
pub(crate) mod stun;
