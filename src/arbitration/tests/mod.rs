//! Tests of arbitration.

mod arbiter;
mod desk;
