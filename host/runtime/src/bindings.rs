//! Generated from `wit/`: what the host gives to the world `front`.

#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::undocumented_unsafe_blocks)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "gitwasi:git/front",
    imports: {
        "gitwasi:git/repositories.[method]repository.settings": trappable,
        "gitwasi:git/repositories.[method]repository.moved": trappable,
        "gitwasi:git/repositories.[method]repository.takes-refusals": trappable,
        "gitwasi:git/repositories.[method]file.attributes": trappable,
        "gitwasi:git/observer.interested": trappable,
        default: async | store | trappable,
    },
    with: {
        "wasi:cli": wasmtime_wasi::p3::bindings::cli,
        "wasi:clocks": wasmtime_wasi::p3::bindings::clocks,
        "wasi:random": wasmtime_wasi::p3::bindings::random,
        "wasi:http/types": wasmtime_wasi_http::p3::bindings::http::types,
        "gitwasi:git/repositories.repository": crate::lend::OpenRepository,
        "gitwasi:git/repositories.file": crate::lend::OpenFile,
    },
});
