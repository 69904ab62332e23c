//! Generated from `wit/`: the world `engine`.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    clippy::undocumented_unsafe_blocks
)]

use crate::Component;

wit_bindgen::generate!({
    world: "engine",
    path: "../../wit",
    generate_all,
});

export!(Component);
