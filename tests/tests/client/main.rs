//! The real git client against every backend, protocol version and object-format.
//!
//! `E2E_BACKENDS=all` adds git-http-backend itself: a scenario that fails there asks for too much.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod archive;
mod atomic;
mod bundle_uri;
mod clone;
mod credentials;
mod dumb;
mod fetch;
mod large_request;
mod names;
mod namespace;
mod partial;
mod push;
mod push_options;
mod ref_in_want;
mod reftable;
mod shallow;

fn main() {
    let scenarios = [
        archive::SCENARIOS,
        atomic::SCENARIOS,
        bundle_uri::SCENARIOS,
        clone::SCENARIOS,
        credentials::SCENARIOS,
        dumb::SCENARIOS,
        fetch::SCENARIOS,
        large_request::SCENARIOS,
        names::SCENARIOS,
        namespace::SCENARIOS,
        partial::SCENARIOS,
        push::SCENARIOS,
        push_options::SCENARIOS,
        ref_in_want::SCENARIOS,
        reftable::SCENARIOS,
        shallow::SCENARIOS,
    ];
    let trials = scenarios.concat().into_iter().flat_map(|scenario| scenario.trials()).collect();
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials).exit();
}
