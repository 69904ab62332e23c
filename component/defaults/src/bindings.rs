//! Generated from `wit/`: the world `defaults`.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    clippy::undocumented_unsafe_blocks
)]

use crate::Defaults;

wit_bindgen::generate!({
    world: "defaults",
    path: "../../wit",
    generate_all,
});

export!(Defaults);
