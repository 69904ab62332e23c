//! Generated from `wit/`: the world `front`.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    clippy::undocumented_unsafe_blocks
)]

use crate::Front;

wit_bindgen::generate!({
    world: "front",
    path: "../../wit",
    generate_all,
});

export!(Front);
